use axum::extract::State;
use rocky_sdk::{Admin, Authenticated, Completed, Credentials, Doors, Refusal, web::{DoorRouter, Payload}};
use ui_tests::{KeyStore, Rotate, Sealed};

async fn rotate(
    State(doors): State<Doors>,
    Payload(action): Payload<Rotate>,
) -> Result<Completed<Rotate, String>, Refusal<Sealed>> {
    let authenticated: Authenticated<Admin> = doors.authenticate(&Credentials::default()).await?;
    authenticated.audit(action).await?.perform(KeyStore, |token, store| Box::pin(store.rotate(token))).await
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors.clone()).post("/keys/{slug}", rotate).with_state(doors)
}

fn main() {}
