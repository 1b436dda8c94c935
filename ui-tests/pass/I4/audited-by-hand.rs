use rocky_sdk::{Admin, Audited, Authenticated, Denied};
use ui_tests::Rotate;

async fn forge(authenticated: Authenticated<Admin>, action: Rotate) -> Result<Audited<Rotate>, Denied> {
    authenticated.audit(action).await
}

fn main() {}
