use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn forge(action: Rotate) -> Entitled<Rotate> {
    action.into()
}

fn main() {}
