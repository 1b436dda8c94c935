use rocky_sdk::{Doors, Entitled, tenant_action, web::DoorRouter};
use ui_tests::{KeyStore, Revoke, Sealed};

#[tenant_action]
async fn revoke(token: &Entitled<Revoke>) -> Result<String, Sealed> {
    KeyStore.revoke(token).await
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).delete("/keys/{slug}", revoke).with_state(())
}

fn main() {}
