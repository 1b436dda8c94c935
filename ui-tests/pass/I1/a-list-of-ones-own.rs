use rocky_sdk::doors::ActionList;
use ui_tests::{Revoke, Rotate};

fn is_a_list<Everything: ActionList>() {}

fn main() {
    is_a_list::<(Rotate, Revoke)>();
}
