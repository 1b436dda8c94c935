use rocky_sdk::Audited;
use ui_tests::{KeyStore, Rotate};

async fn rotate(first: Audited<Rotate>, second: Audited<Rotate>) {
    let _ = first.perform(KeyStore, |token, store| Box::pin(store.rotate(token))).await;
    let _ = second.perform(KeyStore, |token, store| Box::pin(store.rotate(token))).await;
}

fn main() {}
