use rocky_sdk::hatch::journal as doubles;

fn main() {}
