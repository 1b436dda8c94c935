use axum::routing::{self, MethodRouter};
use rocky_sdk::{Authenticated, Doors, Observer, web::DoorRouter};

async fn key(_: Authenticated<Observer>) -> &'static str {
    "a key"
}

async fn rotate() -> &'static str {
    "rotated"
}

fn app(doors: Doors) -> axum::Router {
    let both: MethodRouter = routing::get(key).post(rotate);
    DoorRouter::new(doors).get("/keys", both).with_state(())
}

fn main() {}
