//! A driver's trait: the attribute gives back the trait, having seen that each of its methods takes a token.

use rocky_sdk::{Entitled, tenant_action};

#[tenant_action(role = admin, started = "lamps.lighting_started", succeeded = "lamps.lit", failed = "lamps.failed")]
pub struct Light {
    pub lamp: String,
}

pub mod by_macro {
    use rocky_sdk::{Entitled, driver};

    use super::Light;

    #[driver]
    pub trait Lamps {
        const COUNT: usize;

        fn light(&self, token: &Entitled<Light>) -> String;

        #[read_only = "it looks at a lamp"]
        fn burns(&self, lamp: &str) -> bool;
    }
}

pub mod by_hand {
    use rocky_sdk::{Entitled, doors::Token};

    use super::Light;

    pub trait Lamps {
        const COUNT: usize;

        fn light(&self, token: &Entitled<Light>) -> String
        where
            Entitled<Light>: Token;

        /// Read-only: it looks at a lamp.
        fn burns(&self, lamp: &str) -> bool;
    }
}

/// One lamp, for whichever trait.
pub struct One;

impl by_macro::Lamps for One {
    const COUNT: usize = 1;

    fn light(&self, token: &Entitled<Light>) -> String {
        token.action().lamp.clone()
    }

    fn burns(&self, lamp: &str) -> bool {
        lamp == "the one"
    }
}

impl by_hand::Lamps for One {
    const COUNT: usize = 1;

    fn light(&self, token: &Entitled<Light>) -> String {
        token.action().lamp.clone()
    }

    fn burns(&self, lamp: &str) -> bool {
        lamp == "the one"
    }
}

fn main() {}
