use rocky_sdk::Entitled;
use ui_tests::{KeyStore, Rotate};

async fn rotate(store: &KeyStore, entitled: &Entitled<Rotate>) {
    let _ = store.rotate(entitled).await;
}

fn main() {}
