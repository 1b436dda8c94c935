//! Why an action of HEARTH failed.

use super::DriverError;
use crate::{ActionError, ErrorKind, doors::ForeignToken};

/// An action of HEARTH failed.
///
/// ```
/// use rocky_sdk::{ActionError, ErrorKind, Refusal, hearth::HearthError};
///
/// /// Whether a worker puts its job back in the queue.
/// fn again(refusal: &Refusal<HearthError>) -> bool {
///     match refusal.error() {
///         // The driver says what it means; where the work could not be undone, the next try gets 409 `unsettled`.
///         Some(error @ HearthError::Driver(_)) => {
///             matches!(error.kind(), ErrorKind::Failed | ErrorKind::Unavailable | ErrorKind::TimedOut)
///         }
///         Some(HearthError::TimedOut) => true,
///         // `main` is put together wrongly, and stays so.
///         Some(HearthError::Foreign(_) | HearthError::NoRow) => false,
///         Some(_) => false,
///         // No error of the action's own: a 503, and nothing else, says when to try again.
///         None => refusal.retry_after().is_some(),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HearthError {
    /// The driver says why.
    #[error("the driver failed")]
    Driver(#[from] DriverError),
    /// The driver did not answer in time.
    #[error("the driver took too long")]
    TimedOut,
    /// The token was minted by other doors.
    #[error(transparent)]
    Foreign(#[from] ForeignToken),
    /// The doors have no ledger that knows workspaces.
    #[error("the doors were built without HEARTH's rows: `Doors::builder()..ledger(rows)`")]
    NoRow,
}

impl ActionError for HearthError {
    fn kind(&self) -> ErrorKind {
        match self {
            HearthError::Driver(error) => error.kind,
            HearthError::TimedOut | HearthError::Foreign(_) | HearthError::NoRow => ErrorKind::Failed,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            HearthError::Driver(error) => error.code,
            HearthError::TimedOut | HearthError::Foreign(_) | HearthError::NoRow => "driver-failed",
        }
    }
}
