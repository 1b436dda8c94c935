use rocky_sdk::{Audited, Entitled};
use ui_tests::Rotate;

fn early(audited: &Audited<Rotate>) -> &Entitled<Rotate> {
    audited.as_ref()
}

fn main() {}
