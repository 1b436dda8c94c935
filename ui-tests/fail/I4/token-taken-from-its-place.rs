use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn take(token: &mut Entitled<Rotate>) {
    let taken = std::mem::take(token);
    let _ = taken.action();
}

fn main() {}
