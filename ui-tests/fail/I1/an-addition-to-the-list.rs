use rocky_sdk::{Entitled, doors::Holds};
use ui_tests::{KeyStore, Keys, Revoke, Rotate};

impl Holds<Entitled<Revoke>, 7> for (Rotate,) {}

fn open<'t>(keys: &'t Keys, token: &'t Entitled<Rotate>) -> &'t KeyStore {
    keys.open(token).unwrap()
}

fn main() {}
