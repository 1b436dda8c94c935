use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn copy(token: &Entitled<Rotate>) -> Entitled<Rotate> {
    token.clone()
}

fn main() {}
