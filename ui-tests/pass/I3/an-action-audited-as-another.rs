use rocky_sdk::tenant_action;

#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
#[serde(rename_all = "kebab-case")]
pub struct Rotate {
    pub key: String,
}

fn main() {}
