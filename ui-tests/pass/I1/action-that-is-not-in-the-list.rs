use rocky_sdk::{Bolted, Entitled};
use ui_tests::{KeyStore, Revoke, Rotate};

async fn revoke(keys: &Bolted<KeyStore, (Rotate, Revoke)>, token: &Entitled<Revoke>) {
    let _ = keys.open(token);
}

fn main() {}
