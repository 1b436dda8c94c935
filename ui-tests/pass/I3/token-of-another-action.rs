use rocky_sdk::Entitled;
use ui_tests::{KeyStore, Revoke};

async fn revoke(store: &KeyStore, token: &Entitled<Revoke>) {
    let _ = store.revoke(token).await;
}

fn main() {}
