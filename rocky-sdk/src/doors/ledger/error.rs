//! How a ledger fails the doors.

/// The rows cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the rows cannot be used: {0}")]
pub struct LedgerError(pub String);

/// Why a row's new state is not written.
///
/// What the doors make of it:
/// ```
/// use rocky_sdk::doors::{LedgerError, SettleError};
///
/// fn answer(error: &SettleError) -> (u16, &'static str) {
///     match error {
///         // Nothing was done, and the action's outcome says so: the row is reverted and given back.
///         SettleError::NothingDone => (502, "driver-not-called"),
///         // It was done, and its row does not say so: no outcome yet, and the workspace stays claimed.
///         SettleError::Ledger(_) => (500, "outcome-unrecorded"),
///     }
/// }
///
/// let full = LedgerError("no space left on device".to_owned());
/// assert_eq!(answer(&full.into()), (500, "outcome-unrecorded"));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettleError {
    /// The action said that it succeeded, and its driver was never called.
    #[error("the action succeeded without its driver")]
    NothingDone,
    /// The rows cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
