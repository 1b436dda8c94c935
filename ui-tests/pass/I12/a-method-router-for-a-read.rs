use rocky_sdk::{Authenticated, Doors, Observer, web::DoorRouter};

async fn key(_: Authenticated<Observer>) -> &'static str {
    "a key"
}

async fn rotate() -> &'static str {
    "rotated"
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).get("/keys", key).with_state(())
}

fn main() {}
