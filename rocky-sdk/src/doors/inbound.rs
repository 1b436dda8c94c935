//! What a request brings along besides its credentials: where it came from, which answer it wants repeated.

use crate::{EventName, Slug};

const LONGEST: usize = 128;

/// The request that asks. A worker without one uses the default.
///
/// A router fills it from a request's headers and path. What comes from a queue brings the same along by hand:
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use rocky_sdk::{Billing, LocalAuth, hatch::{Journal, JournalOptions}};
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # let (auth, first) = LocalAuth::open(home)?;
/// # let ada = rocky_sdk::Credentials::bearer(first.ok_or("a new home")?.token);
/// # let journal = Journal::open(&home.join("hatch"), JournalOptions::new("console"))?;
/// # let doors = rocky_sdk::Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
/// use rocky_sdk::{Admin, Credentials, EventName, Inbound, Slug, hatch};
///
/// let inbound = Inbound::default()
///     .request_id("job-17")
///     .traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
///     .idempotency_key("onboard-acme")
///     .about(Some(Slug::parse("acme")?))
///     .wanted(Some(EventName::new("keys.rotation_started")));
/// let denied = doors.authenticate_inbound::<Admin>(&Credentials::none(), inbound).await.unwrap_err();
/// assert_eq!(denied.code(), "denied");
///
/// let event = hatch::records(&home.join("hatch"))?.last().ok_or("the denial is recorded")??;
/// assert_eq!((event.kind.as_str(), event.subject.as_deref()), ("auth.denied", Some("acme")));
/// assert_eq!(event.requestid.as_deref(), Some("job-17"));
/// assert_eq!(event.data_text("wanted").as_deref(), Some("keys.rotation_started"));
/// # drop(ada);
/// # doors.shutdown(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Inbound {
    pub(crate) request_id: Option<String>,
    pub(crate) traceparent: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) subject: Option<Slug>,
    pub(crate) wanted: Option<EventName>,
}

impl Inbound {
    /// The request's id, into `requestid`. Dropped when it is not 1 to 128 visible ASCII characters.
    #[must_use]
    pub fn request_id(self, id: &str) -> Self {
        let request_id = visible(id).then(|| id.to_owned());
        Inbound { request_id, ..self }
    }

    /// The W3C trace context, into `traceparent`. Dropped when it is malformed, as the standard asks.
    #[must_use]
    pub fn traceparent(self, value: &str) -> Self {
        let traceparent = is_traceparent(value).then(|| value.to_owned());
        Inbound { traceparent, ..self }
    }

    /// The key under which the same answer is given again: 1 to 128 visible ASCII characters, else 400 at door 2.
    #[must_use]
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        Inbound { idempotency_key: Some(key.into()), ..self }
    }

    /// The workspace that the request names, for `auth.denied`.
    #[must_use]
    pub fn about(self, subject: Option<Slug>) -> Self {
        Inbound { subject, ..self }
    }

    /// The started event of the action that the request asks for, for `auth.denied`.
    #[must_use]
    pub fn wanted(self, started: Option<EventName>) -> Self {
        Inbound { wanted: started, ..self }
    }
}

pub(crate) fn visible(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_traceparent(value: &str) -> bool {
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let some = |text: &str| text.bytes().any(|byte| byte != b'0');
    let mut parts = value.split('-');
    let (Some(version), Some(trace), Some(parent), Some(flags), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    version == "00" && hex(trace, 32) && some(trace) && hex(parent, 16) && some(parent) && hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_trace_context_is_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(Inbound::default().traceparent(good).traceparent.as_deref(), Some(good));
        for bad in ["", "00", &good.to_uppercase(), &good.replace("00-4", "01-4"), &format!("{good}-x")] {
            assert!(Inbound::default().traceparent(bad).traceparent.is_none(), "{bad}");
        }
        assert!(!is_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
    }
}
