use rocky_sdk::{Entitled, doors::Holds, tenant_action};
use ui_tests::Rotate;

#[tenant_action(role = observer, started = "wells.dug_started", succeeded = "wells.dug", failed = "wells.failed")]
struct Dig {}

fn holds<List: Holds<Entitled<Dig>, 1>>() {}

fn main() {
    holds::<(Rotate, Dig)>();
}
