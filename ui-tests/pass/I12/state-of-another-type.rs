use axum::extract::State;
use rocky_sdk::{Doors, Entitled, tenant_action, web::DoorRouter};
use ui_tests::{Keys, Rotate, Sealed};

#[tenant_action]
async fn rotate(
    token: &Entitled<Rotate>,
    State(keys): State<std::sync::Arc<Keys>>,
) -> Result<String, Sealed> {
    keys.open(token).map_err(|_| Sealed)?.rotate(token).await
}

fn app(doors: Doors, keys: std::sync::Arc<Keys>) -> axum::Router {
    DoorRouter::new(doors).post("/keys/{slug}", rotate).with_state(keys)
}

fn main() {}
