use rocky_sdk::{Authenticated, Operator, Slug};
use ui_tests::Rotate;

async fn rotate(authenticated: Authenticated<Operator>, slug: Slug) {
    let _ = authenticated.audit(Rotate { slug }).await;
}

fn main() {}
