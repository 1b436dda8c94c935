use rocky_sdk::tenant_action;
use ui_tests::Sealed;

#[tenant_action]
async fn rotate() -> Result<String, Sealed> {
    Ok("rotated".to_owned())
}

fn main() {}
