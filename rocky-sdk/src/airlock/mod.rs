//! Door 1, Airlock: who is this, and is their role enough?
//!
//! Self-host builds know one person, [`LocalAuth`]: a file, a bearer token, nothing else.

mod credentials;
mod local;
mod session;

pub use credentials::Credentials;
pub use local::{FirstStart, LocalAuth, LocalAuthError};
pub use session::{InvalidSession, Session};

use crate::BoxFuture;

/// Resolves credentials to a session, or to nobody. Implemented by adapters; chosen in `main`.
///
/// The doors wait for an answer for two seconds (settable, [`Limits`](crate::Limits)); after that nobody was decided
/// about and the caller gets 503 `airlock-unavailable`.
pub trait Airlock: Send + Sync + 'static {
    /// Says who holds these credentials.
    fn resolve<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Session, Unresolved>>;
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum Unresolved {
    /// No, wrong or expired credentials: 403 and `auth.denied`.
    #[error("no valid session: {0}")]
    Stranger(&'static str),
    /// Nobody could be asked: 503, and no event, for nobody was decided about.
    #[error("Airlock cannot be reached: {0}")]
    Unavailable(String),
}
