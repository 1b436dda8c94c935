use rocky_sdk::{Entitled, Tier};
use ui_tests::Rotate;

fn promote(token: &Entitled<Rotate>) {
    if let Some(row) = token.row() {
        row.tier = Tier::Business;
    }
}

fn main() {}
