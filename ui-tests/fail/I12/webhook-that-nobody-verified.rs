use axum::{Router, body::Bytes, extract::State, http::HeaderMap};
use rocky_sdk::{
    Doors, ServiceKey,
    web::{DoorRouter, NotVerified, Redeliver, Verifier},
};

struct Signed;

impl Verifier for Signed {
    fn verify(&self, _headers: &HeaderMap, _body: &[u8]) -> Result<(), NotVerified> {
        Err(NotVerified("not signed"))
    }
}

async fn leaked(body: Bytes, State(log): State<String>) -> Result<(), Redeliver> {
    println!("{log}: {} bytes", body.len());
    Ok(())
}

fn app(doors: Doors, key: ServiceKey) -> Router {
    DoorRouter::new(doors).webhook("/leaks", Signed, key, leaked).with_state("leaks".to_owned())
}

fn main() {
    let _ = app;
}
