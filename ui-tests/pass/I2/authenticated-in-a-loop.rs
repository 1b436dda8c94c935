use rocky_sdk::{Admin, Authenticated, Slug};
use ui_tests::Rotate;

async fn rotate(authenticated: Vec<Authenticated<Admin>>, slugs: Vec<Slug>) {
    for (authenticated, slug) in authenticated.into_iter().zip(slugs) {
        let _ = authenticated.audit(Rotate { slug }).await;
    }
}

fn main() {}
