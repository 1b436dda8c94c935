use rocky_sdk::Completed;
use ui_tests::Rotate;

fn copy(completed: &Completed<Rotate, String>) -> &Completed<Rotate, String> {
    completed
}

fn main() {}
