//! Who somebody is, once Airlock has said so.

use crate::Rank;

const MAX: usize = 128;

/// Somebody who is known: a subject, the tenant they act for, their role. A session opens nothing by itself; only the
/// doors make a token of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    subject: String,
    tenant: String,
    role: Rank,
}

/// A subject or tenant that is empty, longer than 128 bytes, or holds control characters.
///
/// To an adapter it means that its source of names cannot be trusted, and not that the caller is a stranger:
/// ```
/// use rocky_sdk::{Rank, Session, airlock::{InvalidSession, Unresolved}};
///
/// fn session(subject: &str, tenant: &str) -> Result<Session, Unresolved> {
///     let unfit = |error: InvalidSession| Unresolved::Unavailable(error.to_string());
///     Session::new(subject, tenant, Rank::Observer).map_err(unfit)
/// }
///
/// assert!(session("oona", "acme").is_ok());
/// assert!(matches!(session("oona", ""), Err(Unresolved::Unavailable(_))));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a session's {0} has 1 to 128 bytes and no control characters")]
pub struct InvalidSession(&'static str);

impl Session {
    /// For adapters of [`Airlock`](crate::Airlock).
    ///
    /// # Errors
    /// [`InvalidSession`], for names that could not stand in every audit event.
    pub fn new(subject: impl Into<String>, tenant: impl Into<String>, role: Rank) -> Result<Self, InvalidSession> {
        let (subject, tenant) = (subject.into(), tenant.into());
        for (what, text) in [("subject", &subject), ("tenant", &tenant)] {
            if text.is_empty() || text.len() > MAX || text.chars().any(char::is_control) {
                return Err(InvalidSession(what));
            }
        }
        Ok(Session { subject, tenant, role })
    }

    /// The same in the role that an action asks for: a service has no role of its own.
    pub(crate) fn in_role(self, role: Rank) -> Self {
        Session { role, ..self }
    }

    /// Who it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The tenant they act for.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Their role.
    #[must_use]
    pub fn role(&self) -> Rank {
        self.role
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_not_stand_in_an_event_are_refused() {
        assert!(Session::new("ada", "local", Rank::Admin).is_ok());
        let long = "x".repeat(129);
        for bad in ["", "a\nb", long.as_str()] {
            assert!(Session::new(bad, "local", Rank::Admin).is_err());
            assert!(Session::new("ada", bad, Rank::Admin).is_err());
        }
    }
}
