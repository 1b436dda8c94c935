use rocky_sdk::tenant_action;
use ui_tests::{Rotate, Sealed};

struct Entitled<A>(A);

#[tenant_action]
async fn rotate(token: &Entitled<Rotate>) -> Result<String, Sealed> {
    Ok(token.0.slug.to_string())
}

fn main() {}
