use axum::extract::Path;
use rocky_sdk::{Doors, Entitled, tenant_action, web::DoorRouter};
use ui_tests::{Rotate, Sealed};

#[tenant_action]
async fn rotate(token: &Entitled<Rotate>, Path(times): Path<u32>) -> Result<String, Sealed> {
    Ok(token.action().slug.to_string().repeat(times as usize))
}

fn app(doors: Doors) -> axum::Router {
    DoorRouter::new(doors).post("/keys/{slug}", rotate).with_state(())
}

fn main() {}
