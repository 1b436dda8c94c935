use rocky_sdk::{Admin, Audited, Authenticated, Denied};
use ui_tests::Rotate;

async fn forge(authenticated: Authenticated<Admin>, action: Rotate) -> Result<Audited<Rotate>, Denied> {
    let _ = (authenticated, action);
    Ok(Audited { kind: Default::default() })
}

fn main() {}
