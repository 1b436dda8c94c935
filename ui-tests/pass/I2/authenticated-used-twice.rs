use rocky_sdk::{Admin, Authenticated, Slug};
use ui_tests::Rotate;

async fn rotate(first: Authenticated<Admin>, second: Authenticated<Admin>, one: Slug, other: Slug) {
    let _ = first.audit(Rotate { slug: one }).await;
    let _ = second.audit(Rotate { slug: other }).await;
}

fn main() {}
