use rocky_sdk::Entitled;
use ui_tests::{KeyStore, Revoke};

async fn rotate(store: &KeyStore, token: &Entitled<Revoke>) {
    let _ = store.rotate(token).await;
}

fn main() {}
