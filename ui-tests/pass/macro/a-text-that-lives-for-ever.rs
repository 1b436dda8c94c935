//! What a route gives back is its own, or there for ever.

use rocky_sdk::{Entitled, tenant_action};
use ui_tests::{Rotate, Sealed};

#[tenant_action]
async fn rotate(_token: &Entitled<Rotate>) -> Result<&'static str, Sealed> {
    Ok("rotated")
}

fn main() {
    let _ = rotate;
}
