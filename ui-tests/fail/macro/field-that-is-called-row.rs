use rocky_sdk::{Slug, Tier, tenant_action};

#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed", subject = slug, metered = row)]
pub struct Rotate {
    pub slug: Slug,
    pub row: Tier,
}

fn main() {}
