use rocky_sdk::Entitled;
use ui_tests::{KeyStore, Rotate};

fn later(token: &Entitled<Rotate>) {
    tokio::spawn(async move { KeyStore.rotate(token).await });
}

fn main() {}
