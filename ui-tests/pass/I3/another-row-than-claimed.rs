use rocky_sdk::{Entitled, Tier};
use ui_tests::Rotate;

fn promote(token: &Entitled<Rotate>) {
    if let Some(row) = token.row() {
        assert_eq!(row.tier, Tier::Business);
    }
}

fn main() {}
