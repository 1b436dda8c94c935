use rocky_sdk::{Entitled, tenant_action};
use ui_tests::{KeyStore, Rotate};

#[tenant_action]
async fn rotate(token: &Entitled<Rotate>) -> Result<String, ui_tests::Sealed> {
    KeyStore.rotate(token).await
}

fn main() {}
