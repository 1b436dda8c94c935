use std::any::Any;

use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn erase(token: &Entitled<Rotate>) -> Box<dyn Any> {
    Box::new(token)
}

fn main() {}
