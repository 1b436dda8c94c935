use rocky_sdk::{Admin, Authenticated, Slug};
use ui_tests::Rotate;

async fn rotate(authenticated: Authenticated<Admin>, one: Slug, other: Slug) {
    let _ = authenticated.audit(Rotate { slug: one }).await;
    let _ = authenticated.audit(Rotate { slug: other }).await;
}

fn main() {}
