use rocky_sdk::Entitled;
use ui_tests::{KeyStore, Rotate};

async fn now(token: &Entitled<Rotate>) {
    let _ = async move { KeyStore.rotate(token).await }.await;
}

fn main() {}
