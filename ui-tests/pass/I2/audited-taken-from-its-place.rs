use rocky_sdk::Audited;
use ui_tests::Rotate;

fn take(place: &mut Option<Audited<Rotate>>) -> Option<Audited<Rotate>> {
    std::mem::take(place)
}

fn main() {}
