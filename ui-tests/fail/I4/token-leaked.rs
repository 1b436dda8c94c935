use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn leak(token: &Entitled<Rotate>) -> &'static Entitled<Rotate> {
    Box::leak(Box::new(token))
}

fn main() {}
