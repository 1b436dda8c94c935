use rocky_sdk::Entitled;
use ui_tests::{KeyStore, Keys, Rotate};

fn keep<'k>(keys: &'k Keys, token: &'k Entitled<Rotate>) -> &'k KeyStore {
    keys.open(token).unwrap()
}

fn main() {}
