use rocky_sdk::hatch::Journal as Real;

fn main() {}
