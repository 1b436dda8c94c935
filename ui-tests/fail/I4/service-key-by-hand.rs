use rocky_sdk::{ServiceKey, doors::DoorsBuilder};
use ui_tests::Rotate;

fn forge(builder: &mut DoorsBuilder) -> ServiceKey {
    let _ = builder.service::<(Rotate,)>("nightly");
    ServiceKey { name: "billing".to_owned() }
}

fn main() {}
