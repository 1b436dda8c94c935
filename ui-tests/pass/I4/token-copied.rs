use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn copy(token: &Entitled<Rotate>) {
    let copied = token;
    let _ = copied.action();
}

fn main() {}
