use rocky_sdk::web::Guarded;

struct Unguarded;

impl Guarded<()> for Unguarded {}

fn main() {}
