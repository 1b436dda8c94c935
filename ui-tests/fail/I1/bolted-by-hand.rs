use rocky_sdk::{Bolted, Doors};
use ui_tests::{KeyStore, Rotate};

fn bolt(doors: &Doors) -> Bolted<KeyStore, (Rotate,)> {
    let _ = doors;
    Bolted { driver: KeyStore }
}

fn main() {}
