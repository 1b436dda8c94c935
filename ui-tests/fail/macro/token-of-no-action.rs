use rocky_sdk::{Entitled, tenant_action};
use ui_tests::Sealed;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Rename {
    title: String,
}

#[tenant_action]
async fn rename(token: &Entitled<Rename>) -> Result<String, Sealed> {
    Ok(token.action().title.clone())
}

fn main() {}
