use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn throw(token: &Entitled<Rotate>) {
    std::panic::panic_any(token.actionid());
}

fn main() {}
