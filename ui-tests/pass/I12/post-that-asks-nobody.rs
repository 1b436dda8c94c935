use rocky_sdk::{Admin, Authenticated, Completed, Doors, Refusal, web::{DoorRouter, Payload}};
use ui_tests::{KeyStore, Rotate, Sealed};

async fn rotate(
    authenticated: Authenticated<Admin>,
    Payload(action): Payload<Rotate>,
) -> Result<Completed<Rotate, String>, Refusal<Sealed>> {
    authenticated.audit(action).await?.perform(KeyStore, |token, store| Box::pin(store.rotate(token))).await
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors.clone()).post("/keys/{slug}", rotate).with_state(doors)
}

fn main() {}
