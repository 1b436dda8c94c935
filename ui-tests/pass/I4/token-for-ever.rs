use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn extend<'t>(token: &'t Entitled<Rotate>) -> &'t Entitled<Rotate> {
    token
}

fn main() {}
