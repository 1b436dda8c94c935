use rocky_sdk::Audited;
use ui_tests::{KeyStore, Rotate};

async fn rotate(audited: Audited<Rotate>) {
    let _ = audited.perform(KeyStore, |token, store| Box::pin(store.rotate(token))).await;
}

fn main() {}
