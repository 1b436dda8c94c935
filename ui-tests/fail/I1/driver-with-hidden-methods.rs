use rocky_sdk::{Entitled, driver};
use ui_tests::{Rotate, Sealed};

macro_rules! methods {
    () => {
        fn forget(&self, slug: &str) -> Result<(), Sealed>;
    };
}

#[driver]
trait KeyStore {
    fn rotate(&self, token: &Entitled<Rotate>) -> Result<String, Sealed>;
    methods!();
}

fn main() {}
