use rocky_sdk::{Entitled, tenant_action};
use ui_tests::Sealed;

#[tenant_action(role = operator, started = "titles.rename_started", succeeded = "titles.renamed", failed = "titles.failed")]
struct Rename {
    title: String,
}

#[tenant_action]
async fn rename(token: &Entitled<Rename>) -> Result<String, Sealed> {
    Ok(token.action().title.clone())
}

fn main() {}
