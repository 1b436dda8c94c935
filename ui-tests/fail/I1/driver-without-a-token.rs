use rocky_sdk::Audited;
use ui_tests::{KeyStore, Rotate};

async fn rotate(store: &KeyStore, audited: &Audited<Rotate>) {
    let _ = store.rotate(audited).await;
}

fn main() {}
