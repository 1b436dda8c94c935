use rocky_sdk::driver;
use ui_tests::{Rotate, Sealed};

struct Entitled<A>(A);

#[driver]
trait KeyStore {
    fn rotate(&self, token: &Entitled<Rotate>) -> Result<String, Sealed>;
}

fn main() {}
