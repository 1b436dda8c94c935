use rocky_sdk::BuiltInRole;

struct Root;

impl BuiltInRole for Root {}

fn main() {}
