use rocky_sdk::{Entitled, tenant_action};
use ui_tests::{Rotate, Sealed};

#[tenant_action]
async fn rotate(token: &Entitled<Rotate>) -> Result<String, Sealed> {
    Ok(token.action().slug.to_string())
}

fn main() {}
