use rocky_sdk::{Bolted, Entitled};
use ui_tests::{KeyStore, Rotate};

fn store<'t>(keys: &'t Bolted<KeyStore, (Rotate,)>, token: &'t Entitled<Rotate>) -> &'t KeyStore {
    keys.open(token).unwrap()
}

fn main() {}
