use rocky_sdk::doors::ActionList;

struct Everything;

impl ActionList for Everything {}

fn main() {}
