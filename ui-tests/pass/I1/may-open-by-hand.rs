use rocky_sdk::Entitled;
use ui_tests::{KeyStore, Keys, Rotate};

fn open<'t>(keys: &'t Keys, token: &'t Entitled<Rotate>) -> &'t KeyStore {
    keys.open(token).unwrap()
}

fn main() {}
