use rocky_sdk::tenant_action;

#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = retried)]
pub struct Rotate {}

fn main() {}
