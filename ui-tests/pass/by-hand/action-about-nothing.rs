//! An action that is about no workspace.

pub mod by_macro {
    use rocky_sdk::tenant_action;

    #[tenant_action(role = observer, started = "notes.taking_started", succeeded = "notes.taken", failed = "notes.failed")]
    pub struct TakeNote {
        pub text: String,
    }
}

pub mod by_hand {
    use rocky_sdk::{Action, EventName, Observer, OnFailure};

    #[derive(Debug, serde::Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct TakeNote {
        pub text: String,
    }

    impl Action for TakeNote {
        type Role = Observer;
        const NAME: &'static str = "take-note";
        const STARTED: EventName = EventName::new("notes.taking_started");
        const SUCCEEDED: EventName = EventName::new("notes.taken");
        const ON_FAILURE: OnFailure = OnFailure::Record(EventName::new("notes.failed"));
    }
}

fn main() {}
