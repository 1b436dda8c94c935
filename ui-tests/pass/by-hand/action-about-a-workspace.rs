//! An action that is about a workspace, and asks for a tier.

pub mod by_macro {
    use rocky_sdk::{Slug, Tier, tenant_action};

    #[tenant_action(
        role = admin,
        started = "keys.order_started",
        succeeded = "keys.ordered",
        failed = "keys.order_failed",
        subject = slug,
        metered = tier,
    )]
    pub struct OrderKeys {
        pub slug: Slug,
        pub tier: Tier,
        pub count: Option<u32>,
    }
}

pub mod by_hand {
    use rocky_sdk::{Action, Admin, EventName, Metered, OnFailure, Slug, Tier};

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct OrderKeys {
        pub slug: Slug,
        pub tier: Tier,
        pub count: Option<u32>,
    }

    impl Action for OrderKeys {
        type Role = Admin;
        const NAME: &'static str = "order-keys";
        const STARTED: EventName = EventName::new("keys.order_started");
        const SUCCEEDED: EventName = EventName::new("keys.ordered");
        const ON_FAILURE: OnFailure = OnFailure::Record(EventName::new("keys.order_failed"));

        fn subject(&self) -> Option<&Slug> {
            Some(&self.slug)
        }

        fn metered(&self) -> Metered {
            Metered::Asked(self.tier)
        }
    }
}

fn main() {}
