use rocky_sdk::Bolted;
use ui_tests::{KeyStore, Keys, Rotate};

fn widen(keys: Keys) -> Bolted<KeyStore, (Rotate,)> {
    keys
}

fn main() {}
