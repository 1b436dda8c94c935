use rocky_sdk::Completed;
use ui_tests::Rotate;

fn forge() -> Completed<Rotate, String> {
    Completed { body: Vec::new() }
}

fn main() {}
