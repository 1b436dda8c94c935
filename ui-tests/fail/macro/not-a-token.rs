use rocky_sdk::tenant_action;
use ui_tests::{Rotate, Sealed};

#[tenant_action]
async fn rotate(_rotate: &Rotate) -> Result<String, Sealed> {
    Ok(String::new())
}

fn main() {}
