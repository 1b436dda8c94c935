use rocky_sdk::web::Recognised;

struct Unasked;

impl Recognised<()> for Unasked {}

fn main() {}
