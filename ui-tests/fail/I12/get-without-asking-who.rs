use axum::extract::Path;
use rocky_sdk::{Doors, web::DoorRouter};

async fn key(Path(slug): Path<String>) -> String {
    slug
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).get("/keys/{slug}", key).with_state(())
}

fn main() {}
