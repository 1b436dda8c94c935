//! An action that its subsystem repeats until it succeeds, metered by the tier that the workspace has.

pub mod by_macro {
    use rocky_sdk::{Slug, tenant_action};

    #[tenant_action(
        role = operator,
        started = "keys.shredding_started",
        succeeded = "keys.shredded",
        failed = retried,
        subject = slug,
        metered = row,
    )]
    pub struct ShredKeys {
        pub slug: Slug,
    }
}

pub mod by_hand {
    use rocky_sdk::{Action, EventName, Metered, OnFailure, Operator, Slug};

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct ShredKeys {
        pub slug: Slug,
    }

    impl Action for ShredKeys {
        type Role = Operator;
        const NAME: &'static str = "shred-keys";
        const STARTED: EventName = EventName::new("keys.shredding_started");
        const SUCCEEDED: EventName = EventName::new("keys.shredded");
        const ON_FAILURE: OnFailure = OnFailure::Retry;

        fn subject(&self) -> Option<&Slug> {
            Some(&self.slug)
        }

        fn metered(&self) -> Metered {
            Metered::Row
        }
    }
}

fn main() {}
