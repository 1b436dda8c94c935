use rocky_sdk::{Entitled, Slug};
use ui_tests::Rotate;

fn read(token: &mut Entitled<Rotate>) -> Slug {
    token.action().slug.clone()
}

fn main() {}
