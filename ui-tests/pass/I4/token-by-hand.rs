use rocky_sdk::Slug;
use ui_tests::Rotate;

fn make(slug: Slug) -> Rotate {
    Rotate { slug }
}

fn main() {}
