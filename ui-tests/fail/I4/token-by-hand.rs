use rocky_sdk::{Entitled, Slug};
use ui_tests::Rotate;

fn forge(slug: Slug) -> Entitled<Rotate> {
    Entitled { action: Rotate { slug } }
}

fn main() {}
