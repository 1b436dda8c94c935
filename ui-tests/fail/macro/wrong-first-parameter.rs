use axum::extract::Path;
use rocky_sdk::tenant_action;
use ui_tests::Sealed;

#[tenant_action]
async fn rotate(Path(slug): Path<String>) -> Result<String, Sealed> {
    Ok(slug)
}

fn main() {}
