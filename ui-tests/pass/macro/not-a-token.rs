use rocky_sdk::{Entitled, tenant_action};
use ui_tests::{Rotate, Sealed};

#[tenant_action]
async fn rotate(_rotate: &Entitled<Rotate>) -> Result<String, Sealed> {
    Ok(String::new())
}

fn main() {}
