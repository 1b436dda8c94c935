use rocky_sdk::{Entitled, doors::MayOpen};
use ui_tests::{KeyStore, Keys, Revoke, Rotate};

impl MayOpen<(Rotate,), 7> for Revoke {}

fn open<'t>(keys: &'t Keys, token: &'t Entitled<Revoke>) -> &'t KeyStore {
    keys.open(token).unwrap()
}

fn main() {}
