use rocky_sdk::Bolted;
use ui_tests::{KeyStore, Keys, Revoke, Rotate};

fn widen(keys: Keys) -> Bolted<KeyStore, (Rotate, Revoke)> {
    keys
}

fn main() {}
