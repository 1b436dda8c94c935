use axum::routing::post;
use rocky_sdk::{Doors, Entitled, tenant_action, web::DoorRouter};
use ui_tests::{KeyStore, Rotate, Sealed};

#[tenant_action]
async fn rotate(token: &Entitled<Rotate>) -> Result<String, Sealed> {
    KeyStore.rotate(token).await
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).route("/keys/{slug}", post(rotate)).with_state(())
}

fn main() {}
