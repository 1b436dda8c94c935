use rocky_sdk::{Entitled, driver};
use ui_tests::{Rotate, Sealed};

#[driver]
trait KeyStore {
    #[read_only = "it only looks"]
    fn rotate(&self, token: &Entitled<Rotate>) -> Result<String, Sealed>;
}

fn main() {}
