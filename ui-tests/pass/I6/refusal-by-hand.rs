use rocky_sdk::{Denied, Refusal};
use ui_tests::Sealed;

fn carry(denied: Denied) -> Refusal<Sealed> {
    denied.into()
}

fn main() {}
