use std::sync::Arc;

use axum::body::Bytes;
use rocky_sdk::{Doors, ServiceKey, web::Verified};

fn made_up(doors: Doors, key: Arc<ServiceKey>) -> Verified {
    Verified { body: Bytes::new(), doors, key }
}

fn main() {
    let _ = made_up;
}
