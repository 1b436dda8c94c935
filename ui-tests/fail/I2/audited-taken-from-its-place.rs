use rocky_sdk::Audited;
use ui_tests::Rotate;

fn take(place: &mut Audited<Rotate>) -> Audited<Rotate> {
    std::mem::take(place)
}

fn main() {}
