use axum::Json;
use rocky_sdk::{Admin, Authenticated, web::DoorRouter, Doors};

async fn who(Json(authenticated): Json<Authenticated<Admin>>) -> String {
    authenticated.session().tenant().to_owned()
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).public_get("/who", who).with_state(())
}

fn main() {}
