use rocky_sdk::{Admin, Authenticated, Slug};
use ui_tests::Rotate;

async fn rotate(authenticated: Authenticated<Admin>, slugs: Vec<Slug>) {
    for slug in slugs {
        let _ = authenticated.audit(Rotate { slug }).await;
    }
}

fn main() {}
