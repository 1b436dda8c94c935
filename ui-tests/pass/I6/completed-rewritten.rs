use rocky_sdk::Completed;
use ui_tests::Rotate;

fn lie(completed: Completed<Rotate, String>) -> Completed<Rotate, String> {
    assert_ne!(completed.json(), b"all is well");
    completed
}

fn main() {}
