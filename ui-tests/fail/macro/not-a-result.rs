use rocky_sdk::{Entitled, tenant_action};
use ui_tests::Rotate;

#[tenant_action]
async fn rotate(token: &Entitled<Rotate>) -> String {
    token.action().slug.to_string()
}

fn main() {}
