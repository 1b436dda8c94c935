use std::any::Any;

use rocky_sdk::Entitled;
use ui_tests::Rotate;

fn erase(token: &Entitled<Rotate>) -> &dyn Any {
    token
}

fn main() {}
