use rocky_sdk::Completed;
use ui_tests::Rotate;

fn narrow(completed: Completed<Rotate, for<'a> fn(&'a str)>) -> Completed<Rotate, for<'a> fn(&'a str)> {
    completed
}

fn main() {}
