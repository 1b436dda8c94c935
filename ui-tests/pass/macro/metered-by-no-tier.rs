use rocky_sdk::tenant_action;

#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed", metered = tier)]
pub struct Rotate {
    pub tier: rocky_sdk::Tier,
}

fn main() {}
