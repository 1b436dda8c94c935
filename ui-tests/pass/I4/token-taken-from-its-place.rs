use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn take(token: &mut Entitled<Rotate>) {
    let taken = &*token;
    let _ = taken.action();
}

fn main() {}
