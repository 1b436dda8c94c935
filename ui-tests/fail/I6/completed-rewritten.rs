use rocky_sdk::Completed;
use ui_tests::Rotate;

fn lie(mut completed: Completed<Rotate, String>) -> Completed<Rotate, String> {
    completed.body = b"all is well".to_vec();
    completed
}

fn main() {}
