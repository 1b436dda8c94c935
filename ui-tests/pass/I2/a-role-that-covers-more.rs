use rocky_sdk::{Admin, Operator, doors::Covers};

fn covers<R: Covers<Operator>>() {}

fn main() {
    covers::<Admin>();
}
