use rocky_sdk::{Entitled, tenant_action};
use ui_tests::{Rotate, Sealed};

#[tenant_action]
async fn rotate(_token: &Entitled<Rotate>) -> Result<String, Sealed> {
    Ok("rotated".to_owned())
}

fn main() {}
