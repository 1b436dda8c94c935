use rocky_sdk::tenant_action;

#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed", subject = slug)]
pub struct Rotate {
    pub slug: rocky_sdk::Slug,
}

fn main() {}
