use rocky_sdk::Entitled;
use ui_tests::{KeyStore, Keys, Rotate};

async fn take(keys: &Keys, token: &Entitled<Rotate>) {
    let store: KeyStore = *keys.open(token).unwrap();
    let _ = store.rotate(token).await;
}

fn main() {}
