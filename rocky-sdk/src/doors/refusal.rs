//! A no, before and after the action began. Neither can be made outside the doors, and neither is ever a success.

use super::problem::Problem;

/// Refused before the action began: at door 1 or door 2. It is not generic, so `?` carries it into any [`Refusal`].
///
/// A worker that waits where trying again makes sense, and else says why not:
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
/// use std::time::Duration;
/// use rocky_sdk::{Admin, Authenticated, Credentials, Doors};
///
/// async fn patiently(doors: &Doors, who: &Credentials) -> Result<Authenticated<Admin>, String> {
///     loop {
///         let denied = match doors.authenticate(who).await {
///             Ok(authenticated) => return Ok(authenticated),
///             Err(denied) => denied,
///         };
///         let Some(seconds) = denied.retry_after() else {
///             return Err(format!("{} {}: {}", denied.status(), denied.code(), denied.detail()));
///         };
///         tokio::time::sleep(Duration::from_secs(seconds.into())).await;
///     }
/// }
///
/// assert!(patiently(&doors, &ada).await.is_ok());
/// let stranger = patiently(&doors, &Credentials::bearer("guessed")).await;
/// assert_eq!(stranger.unwrap_err(), "403 denied: Your session does not open this door.");
/// # doors.shutdown(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a denial is an answer: return it"]
pub struct Denied(Box<Problem>);

/// Refused at any door, or failed behind them. `E` is the action's own error, where it got as far as that.
///
/// It has no public constructor: the doors make it, and it renders as problem+json with a 4xx or 5xx status.
#[derive(Debug)]
#[must_use = "a refusal is an answer: return it"]
pub struct Refusal<E> {
    problem: Box<Problem>,
    error: Option<E>,
}

/// What an action's own error means to the caller: a closed set, so that no error can claim to be a success.
///
/// ```
/// use rocky_sdk::{ActionError, ErrorKind};
///
/// #[derive(Debug, thiserror::Error)]
/// enum KeyError {
///     #[error("a key's name has 1 to 80 characters")]
///     Name,
///     #[error("there is no such key")]
///     Missing,
///     #[error("the key signs something: rotate it when that is done")]
///     InUse,
///     #[error("the store at 10.0.0.7 is sealed")]
///     Sealed,
///     #[error("the store at 10.0.0.7 did not answer within 5 s")]
///     Slow,
///     #[error("the store at 10.0.0.7 failed")]
///     Store(#[from] std::io::Error),
/// }
///
/// impl ActionError for KeyError {
///     fn kind(&self) -> ErrorKind {
///         match self {
///             KeyError::Name => ErrorKind::Invalid,
///             KeyError::Missing => ErrorKind::NotFound,
///             KeyError::InUse => ErrorKind::Conflict,
///             KeyError::Sealed => ErrorKind::Unavailable,
///             KeyError::Slow => ErrorKind::TimedOut,
///             KeyError::Store(_) => ErrorKind::Failed,
///         }
///     }
///
///     fn code(&self) -> &'static str {
///         match self {
///             KeyError::Name => "key-name",
///             KeyError::Missing => "no-such-key",
///             KeyError::InUse => "key-in-use",
///             KeyError::Sealed | KeyError::Slow | KeyError::Store(_) => "key-store",
///         }
///     }
///
///     fn public_detail(&self) -> Option<String> {
///         match self {
///             KeyError::Name | KeyError::Missing | KeyError::InUse => Some(self.to_string()),
///             _ => None, // where the store is, is for the audit event alone
///         }
///     }
/// }
/// # use rocky_sdk::{Admin, tenant_action};
/// # #[tenant_action(
/// #     role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed"
/// # )]
/// # struct Rotate { key: String }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use rocky_sdk::{Billing, LocalAuth, hatch::{Journal, JournalOptions}};
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # let (auth, first) = LocalAuth::open(home)?;
/// # let ada = rocky_sdk::Credentials::bearer(first.ok_or("a new home")?.token);
/// # let journal = Journal::open(&home.join("hatch"), JournalOptions::new("console"))?;
/// # let doors = rocky_sdk::Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
///
/// let audited = doors.authenticate::<Admin>(&ada).await?.audit(Rotate { key: "signing".to_owned() }).await?;
/// let performed = audited.perform((), |_, ()| Box::pin(async { Err::<(), _>(KeyError::InUse) }));
/// let refusal = performed.await.unwrap_err();
/// assert_eq!((refusal.status(), refusal.code()), (409, "key-in-use"));
/// assert_eq!(refusal.detail(), "the key signs something: rotate it when that is done");
/// # doors.shutdown(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 422: the arguments make no sense.
    Invalid,
    /// 404: what it is about is not there.
    NotFound,
    /// 409: something stands in the way.
    Conflict,
    /// 502: what does the work failed.
    Failed,
    /// 503: what does the work cannot be reached; trying again later makes sense.
    Unavailable,
    /// 504: what does the work took too long.
    TimedOut,
}

/// An action's own error.
///
/// ```
/// use rocky_sdk::{ActionError, ErrorKind};
/// #[derive(Debug, thiserror::Error)]
/// #[error("the key store is sealed")]
/// struct Sealed;
/// impl ActionError for Sealed {
///     fn kind(&self) -> ErrorKind { ErrorKind::Unavailable }
///     fn code(&self) -> &'static str { "store-sealed" }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it means to the caller",
    label = "this error has no answer yet",
    note = "give back an error type of your own, and write `impl rocky_sdk::ActionError for TheError {{}}`",
    note = "the caller gets 502 `driver-failed`, unless you say otherwise in it"
)]
pub trait ActionError: std::error::Error + Send + 'static {
    /// What it means.
    fn kind(&self) -> ErrorKind {
        ErrorKind::Failed
    }

    /// A stable code for programs, in kebab case.
    fn code(&self) -> &'static str {
        "driver-failed"
    }

    /// What the caller may read of it; by default nothing. The audit event has the error's text, always.
    fn public_detail(&self) -> Option<String> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl ActionError for std::convert::Infallible {}

impl ErrorKind {
    fn status(self) -> u16 {
        match self {
            ErrorKind::Invalid => 422,
            ErrorKind::NotFound => 404,
            ErrorKind::Conflict => 409,
            ErrorKind::Failed => 502,
            ErrorKind::Unavailable => 503,
            ErrorKind::TimedOut => 504,
        }
    }
}

impl Denied {
    #[cfg(feature = "axum")]
    pub(crate) fn problem(&self) -> &Problem {
        &self.0
    }

    /// The HTTP status: 4xx or 5xx.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// The stable code, as in the README's table.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.code()
    }

    /// Seconds after which trying again makes sense, where it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.0.retry_after()
    }

    /// One sentence for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.0.detail()
    }
}

impl<E> Refusal<E> {
    #[cfg(feature = "axum")]
    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The HTTP status: 4xx or 5xx.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.problem.status()
    }

    /// The stable code, as in the README's table.
    #[must_use]
    pub fn code(&self) -> &str {
        self.problem.code()
    }

    /// Seconds after which trying again makes sense, where it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.problem.retry_after()
    }

    /// One sentence for a person.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.problem.detail()
    }

    /// The action's own error, where it ran and failed in this call.
    #[must_use]
    pub fn error(&self) -> Option<&E> {
        self.error.as_ref()
    }
}

// On the problem, and not `Denied::new`: the compiler would offer a constructor, private as it is, to whoever tries to
// make one by hand.
impl Problem {
    pub(crate) fn denied(self) -> Denied {
        Denied(Box::new(self))
    }

    pub(super) fn refusal<E>(self) -> Refusal<E> {
        Refusal { problem: Box::new(self), error: None }
    }

    pub(super) fn refusal_with<E>(self, error: E) -> Refusal<E> {
        Refusal { problem: Box::new(self), error: Some(error) }
    }
}

/// The problem that an action's own error is.
pub(super) fn own_problem(error: &impl ActionError) -> Problem {
    let silent = || "What does the work failed; the audit event says how.".to_owned();
    Problem::new(error.kind().status(), error.code(), error.public_detail().unwrap_or_else(silent))
}

impl<E> From<Denied> for Refusal<E> {
    fn from(denied: Denied) -> Self {
        Refusal { problem: denied.0, error: None }
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code(), self.detail())
    }
}

impl<E> std::fmt::Display for Refusal<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code(), self.detail())
    }
}

impl std::error::Error for Denied {}

impl<E: std::error::Error + 'static> std::error::Error for Refusal<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.as_ref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_never_a_success() {
        let kinds = [
            (ErrorKind::Invalid, 422),
            (ErrorKind::NotFound, 404),
            (ErrorKind::Conflict, 409),
            (ErrorKind::Failed, 502),
            (ErrorKind::Unavailable, 503),
            (ErrorKind::TimedOut, 504),
        ];
        for (kind, status) in kinds {
            assert_eq!(kind.status(), status);
        }
        // An answer that was kept comes back through the ledger, which is not the doors'.
        let kept = r#"{"type":"x","title":"x","status":200,"code":"x","detail":"x"}"#;
        let kept: Problem = serde_json::from_str(kept).unwrap();
        assert_eq!(kept.refusal::<std::convert::Infallible>().status(), 500);
    }
}
