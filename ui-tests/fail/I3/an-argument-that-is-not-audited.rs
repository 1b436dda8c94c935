use rocky_sdk::tenant_action;

#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
pub struct Rotate {
    pub key: String,
    #[serde(default, skip_serializing)]
    pub copies: u32,
}

fn main() {}
