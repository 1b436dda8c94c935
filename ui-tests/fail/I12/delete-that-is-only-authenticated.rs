use axum::extract::Path;
use rocky_sdk::{Admin, Authenticated, Doors, web::DoorRouter};

async fn revoke(_: Authenticated<Admin>, Path(slug): Path<String>) -> String {
    slug
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).delete("/keys/{slug}", revoke).with_state(())
}

fn main() {}
