use rocky_sdk::{Slug, tenant_action};

#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed", subject = slug)]
pub struct Rotate {
    pub slug: Slug,
}

fn main() {}
