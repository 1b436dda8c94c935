use rocky_sdk::{Rank, Role};

struct Root;

impl Role for Root {
    const RANK: Rank = Rank::Admin;
}

fn main() {}
