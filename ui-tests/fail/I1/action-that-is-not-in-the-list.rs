use rocky_sdk::Entitled;
use ui_tests::{Keys, Revoke};

async fn revoke(keys: &Keys, token: &Entitled<Revoke>) {
    let _ = keys.open(token);
}

fn main() {}
