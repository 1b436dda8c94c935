use ui_tests::{KeyStore, Keys};

fn store(keys: &Keys) -> &KeyStore {
    &keys.driver
}

fn main() {}
