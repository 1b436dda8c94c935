use rocky_sdk::doors::Token;
use ui_tests::Rotate;

fn action<Pass: Token<Action = Rotate>>() {}

fn main() {
    action::<rocky_sdk::Entitled<Rotate>>();
}
