use rocky_sdk::{Entitled, tenant_action};
use ui_tests::{KeyStore, Rotate, Sealed};

#[tenant_action]
async fn rotate(#[cfg(unix)] token: &Entitled<Rotate>) -> Result<String, Sealed> {
    KeyStore.rotate(token).await
}

fn main() {}
