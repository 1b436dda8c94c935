use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn take(token: &Entitled<Rotate>) -> &Rotate {
    token.action()
}

fn main() {}
