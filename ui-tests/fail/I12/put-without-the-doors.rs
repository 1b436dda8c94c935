use axum::extract::Path;
use rocky_sdk::{Doors, web::DoorRouter};

async fn rotate(Path(slug): Path<String>) -> String {
    slug
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).put("/keys/{slug}", rotate).with_state(())
}

fn main() {}
