use rocky_sdk::{Entitled, Slug};
use ui_tests::Rotate;

fn redirect(token: &mut Entitled<Rotate>, slug: Slug) {
    token.action().slug = slug;
}

fn main() {}
