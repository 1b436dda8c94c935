use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn lend(token: &Entitled<Rotate>) -> &Entitled<Rotate> {
    token
}

fn main() {}
