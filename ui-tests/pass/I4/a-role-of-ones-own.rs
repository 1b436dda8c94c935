use rocky_sdk::{Admin, Rank, Role};

fn main() {
    assert_eq!(Admin::RANK, Rank::Admin);
}
