use rocky_sdk::Bolted;
use ui_tests::KeyStore;

type Any = for<'a> fn(&'a str);
type One = fn(&'static str);

fn narrow(keys: Bolted<KeyStore, (Any,)>) -> Bolted<KeyStore, (One,)> {
    keys
}

fn main() {}
