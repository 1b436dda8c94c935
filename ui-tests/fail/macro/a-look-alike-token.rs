use rocky_sdk::tenant_action;
use ui_tests::{Rotate, Sealed};

struct Entitled<A>(A);

#[tenant_action]
async fn rotate(_token: &Entitled<Rotate>) -> Result<String, Sealed> {
    Ok("rotated".to_owned())
}

fn main() {}
