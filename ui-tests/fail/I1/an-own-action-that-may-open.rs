use rocky_sdk::{Entitled, ForeignToken, doors::MayOpen, tenant_action};
use ui_tests::{KeyStore, Keys, Rotate};

#[tenant_action(role = observer, started = "wells.dug_started", succeeded = "wells.dug", failed = "wells.failed")]
struct Dig {}

impl MayOpen<(Rotate,), 7> for Dig {}

fn open<'t>(keys: &'t Keys, token: &'t Entitled<Rotate>) -> Result<&'t KeyStore, ForeignToken> {
    keys.open(token)
}

fn main() {}
