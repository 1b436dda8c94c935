use rocky_sdk::Bolted;
use ui_tests::{KeyStore, Rotate};

fn store(keys: &Bolted<KeyStore, (Rotate,)>) -> &KeyStore {
    &keys.driver
}

fn main() {}
