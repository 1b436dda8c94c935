//! An action with a field that is not written down, and a field whose name is a word of the language.

pub mod by_macro {
    use rocky_sdk::tenant_action;

    #[tenant_action(role = admin, started = "vault.opening_started", succeeded = "vault.opened", failed = "vault.failed")]
    pub struct OpenVault {
        pub r#type: String,
        #[audit(redact)]
        pub passphrase: String,
    }
}

pub mod by_hand {
    use std::fmt;

    use rocky_sdk::{Action, Admin, EventName, OnFailure};
    use serde::{Serialize, Serializer, ser::SerializeStruct};

    #[derive(Serialize, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct OpenVault {
        pub r#type: String,
        pub passphrase: String,
    }

    impl fmt::Debug for OpenVault {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let passphrase = format_args!("[redacted]");
            f.debug_struct("OpenVault").field("type", &self.r#type).field("passphrase", &passphrase).finish()
        }
    }

    impl Action for OpenVault {
        type Role = Admin;
        const NAME: &'static str = "open-vault";
        const STARTED: EventName = EventName::new("vault.opening_started");
        const SUCCEEDED: EventName = EventName::new("vault.opened");
        const ON_FAILURE: OnFailure = OnFailure::Record(EventName::new("vault.failed"));

        fn audited<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut audited = serializer.serialize_struct("OpenVault", 2)?;
            audited.serialize_field("type", &self.r#type)?;
            audited.serialize_field("passphrase", "[redacted]")?;
            audited.end()
        }
    }
}

fn main() {}
