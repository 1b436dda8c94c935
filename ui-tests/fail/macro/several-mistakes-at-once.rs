use rocky_sdk::{Action, Slug, tenant_action};

#[tenant_action(role = root, started = "Rotation", succeeded = "auth.rotated", failed = "keys.failed", subject = slug, subject = slug, metered = price)]
pub struct Rotate {
    #[audit(hide)]
    pub slug: Slug,
}

fn name() -> &'static str {
    Rotate::NAME
}

fn main() {}
