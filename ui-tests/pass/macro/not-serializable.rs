use rocky_sdk::{Entitled, tenant_action};
use ui_tests::{Rotate, Sealed};

#[derive(serde::Serialize)]
struct Key(String);

#[tenant_action]
async fn rotate(token: &Entitled<Rotate>) -> Result<Key, Sealed> {
    Ok(Key(token.action().slug.to_string()))
}

fn main() {}
