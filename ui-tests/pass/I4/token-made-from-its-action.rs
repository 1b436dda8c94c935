use ui_tests::Rotate;

fn forge(action: Rotate) -> Rotate {
    action
}

fn main() {}
