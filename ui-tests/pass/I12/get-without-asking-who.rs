use axum::extract::Path;
use rocky_sdk::{Authenticated, Doors, Observer, web::DoorRouter};

async fn key(_: Authenticated<Observer>, Path(slug): Path<String>) -> String {
    slug
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).get("/keys/{slug}", key).with_state(())
}

fn main() {}
