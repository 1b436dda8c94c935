use rocky_sdk::{Bolted, Doors};
use ui_tests::{KeyStore, Rotate};

fn bolt(doors: &Doors) -> Bolted<KeyStore, Rotate> {
    Bolted::new(doors, KeyStore).unwrap()
}

fn main() {}
