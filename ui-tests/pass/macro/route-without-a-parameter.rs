use rocky_sdk::tenant_action;
use ui_tests::Sealed;

#[tenant_action]
async fn rotate(_token: &rocky_sdk::Entitled<ui_tests::Rotate>) -> Result<String, Sealed> {
    Ok("rotated".to_owned())
}

fn main() {}
