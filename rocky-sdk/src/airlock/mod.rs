//! Door 1, Airlock: who is this, and is their role enough?
//!
//! Self-host builds know one person, [`LocalAuth`]: a file, a bearer token, nothing else. Cloud builds know the people of a
//! BetterAuth server by its session cookie (feature `airlock`).

#[cfg(feature = "airlock")]
mod better_auth;
mod credentials;
mod local;
mod session;

#[cfg(feature = "airlock")]
pub use better_auth::{BetterAuth, BetterAuthError, BetterAuthOptions};
pub use credentials::Credentials;
pub use local::{FirstStart, LocalAuth, LocalAuthError};
pub use session::{InvalidSession, Session};

use crate::BoxFuture;

/// Resolves credentials to a session, or to nobody. Implemented by adapters; chosen in `main`.
///
/// The doors wait for an answer for two seconds (settable, [`Limits`](crate::Limits)); after that nobody was decided
/// about and the caller gets 503 `airlock-unavailable`.
///
/// An adapter of one's own, which knows its people from a table:
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// use std::collections::HashMap;
/// use rocky_sdk::{
///     Airlock, Billing, BoxFuture, Credentials, Doors, Operator, Rank, Session,
///     airlock::Unresolved,
///     hatch::{Journal, JournalOptions},
/// };
/// use sha2::{Digest, Sha256};
///
/// /// Who holds which token, by its digest: the table gives nobody a token, and neither does how long a look takes.
/// struct Tokens(HashMap<[u8; 32], Session>);
///
/// fn digest(token: &str) -> [u8; 32] {
///     Sha256::digest(token.as_bytes()).into()
/// }
///
/// impl Airlock for Tokens {
///     fn resolve<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Session, Unresolved>> {
///         Box::pin(async move {
///             let token = credentials.token().ok_or(Unresolved::Stranger("no bearer token"))?;
///             self.0.get(&digest(token)).cloned().ok_or(Unresolved::Stranger("unknown bearer token"))
///         })
///     }
/// }
///
/// let otto = Session::new("otto", "acme", Rank::Operator)?;
/// let tokens = Tokens(HashMap::from([(digest("otto's token"), otto)]));
/// let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("keys"))?;
/// let doors = Doors::builder().airlock(tokens).hatch(journal).billing(Billing::SelfHosted).build().await?;
///
/// let authenticated = doors.authenticate::<Operator>(&Credentials::bearer("otto's token")).await?;
/// assert_eq!(authenticated.session().tenant(), "acme");
/// let denied = doors.authenticate::<Operator>(&Credentials::bearer("a guess")).await.unwrap_err();
/// assert_eq!((denied.status(), denied.code()), (403, "denied"));
/// # doors.shutdown(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
pub trait Airlock: Send + Sync + 'static {
    /// Says who holds these credentials.
    ///
    /// # Errors
    /// [`Unresolved`]: the credentials are nobody's, or nobody could be asked.
    fn resolve<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Session, Unresolved>>;
}

/// Why there is no session.
///
/// A browser sends a cookie along whoever wrote the page. An adapter that takes one answers [`Unresolved::CrossSite`] to a
/// write that another site's page may have sent, before it asks whose the cookie is.
///
/// An adapter that asks a session service takes only that service's own no for a no. Any other answer leaves a doubt,
/// and nobody is accused of it:
/// ```
/// use rocky_sdk::airlock::Unresolved;
///
/// fn refused(status: u16) -> Unresolved {
///     match status {
///         401 => Unresolved::Stranger("the session is not valid"),
///         other => Unresolved::Unavailable(format!("the session service answered {other}")),
///     }
/// }
///
/// assert!(matches!(refused(401), Unresolved::Stranger(_)));
/// assert!(matches!(refused(500), Unresolved::Unavailable(_)));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// No, wrong or expired credentials: 403 and `auth.denied`, which has the reason; the caller does not see it.
    #[error("no valid session: {0}")]
    Stranger(&'static str),
    /// A write that came with a cookie, and not from a page of ours: 403 `cross-site` and `auth.denied`. Whose session it
    /// would have been, nobody was asked.
    #[error("a write from another site")]
    CrossSite,
    /// Nobody could be asked: 503, and no event, for nobody was decided about. The reason is logged.
    #[error("Airlock cannot be reached: {0}")]
    Unavailable(String),
}
