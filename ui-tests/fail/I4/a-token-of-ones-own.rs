use rocky_sdk::doors::Token;
use ui_tests::Rotate;

struct Pass;

impl Token for Pass {
    type Action = Rotate;
}

fn main() {}
