use rocky_sdk::Refusal;
use ui_tests::Sealed;

fn forge() -> Refusal<Sealed> {
    Refusal { error: Some(Sealed) }
}

fn main() {}
