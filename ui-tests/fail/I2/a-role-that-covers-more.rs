use rocky_sdk::{Admin, Operator, doors::Covers};

impl Covers<Admin> for Operator {}

fn main() {}
