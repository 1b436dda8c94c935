//! Actions and routes that come out of a `macro_rules!`.

use rocky_sdk::{Entitled, Slug, driver, tenant_action};
use ui_tests::Sealed;

macro_rules! actions {
    ($($name:ident $route:ident $role:ident $started:literal $succeeded:literal $failed:expr, $of:ty;)*) => {$(
        #[tenant_action(role = $role, started = $started, succeeded = $succeeded, failed = $failed, subject = slug)]
        pub struct $name {
            pub slug: Slug,
            pub value: $of,
        }

        #[tenant_action]
        async fn $route(token: &Entitled<$name>) -> Result<$of, Sealed> {
            Ok(token.action().value.clone())
        }
    )*};
}

actions! {
    Raise raise admin "flags.raise_started" "flags.raised" "flags.failed", String;
    Lower lower operator "flags.lowering_started" "flags.lowered" "flags.lowering_failed", Vec<u8>;
}

macro_rules! drivers {
    ($($name:ident $token:ty;)*) => {$(
        #[driver]
        pub trait $name {
            fn act(&self, token: $token) -> Result<(), Sealed>;
        }
    )*};
}

drivers! {
    Raises &Entitled<Raise>;
    Lowers &Entitled<Lower>;
}

// A body, a whole item.
macro_rules! routes {
    ($($route:ident $body:block)*) => {$(
        #[tenant_action]
        async fn $route(_token: &Entitled<Raise>) -> Result<String, Sealed> $body
    )*};
}

macro_rules! as_they_are {
    ($($item:item)*) => {$(
        #[tenant_action]
        $item
    )*};
}

routes! {
    hoist { Ok("hoisted".to_owned()) }
}

as_they_are! {
    async fn strike(_token: &Entitled<Lower>) -> Result<String, Sealed> {
        Ok("struck".to_owned())
    }
}

fn main() {
    let _ = (raise, lower, hoist, strike);
}
