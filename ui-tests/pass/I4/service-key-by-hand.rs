use rocky_sdk::{ServiceKey, doors::DoorsBuilder};
use ui_tests::Rotate;

fn forge(builder: &mut DoorsBuilder) -> ServiceKey {
    builder.service::<(Rotate,)>("nightly")
}

fn main() {}
