use rocky_sdk::{Admin, Authenticated, Slug};
use ui_tests::Rotate;

async fn twice(authenticated: Authenticated<Admin>, slug: Slug) {
    let _ = authenticated.clone().audit(Rotate { slug }).await;
}

fn main() {}
