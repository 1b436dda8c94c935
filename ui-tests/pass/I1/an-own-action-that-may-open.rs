use rocky_sdk::{Bolted, Entitled, ForeignToken, doors::MayOpen, tenant_action};
use ui_tests::{KeyStore, Rotate};

#[tenant_action(role = observer, started = "wells.dug_started", succeeded = "wells.dug", failed = "wells.failed")]
struct Dig {}

fn may_open<Action: MayOpen<(Rotate, Dig), 1>>() {}

fn open<'t>(keys: &'t Bolted<KeyStore, (Rotate, Dig)>, token: &'t Entitled<Dig>) -> Result<&'t KeyStore, ForeignToken> {
    may_open::<Dig>();
    keys.open(token)
}

fn main() {}
