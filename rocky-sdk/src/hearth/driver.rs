//! What makes, changes and takes away workspaces.

use super::{Decommission, Provision, Upgrade};
use crate::{BoxFuture, Entitled, ErrorKind, Slug, Tier, driver};

/// A driver of HEARTH. Each method that changes something takes the token of its action and reads its arguments from it.
///
/// Every method may be called again after it failed, was cut off, or after a crash at any point: it goes on from what is
/// there. None may leave work running behind when its future is dropped, other than the workspace itself.
#[driver]
pub trait Driver: Send + Sync + 'static {
    /// The name under which rows remember it.
    #[read_only = "it is a constant"]
    fn name(&self) -> &str;

    /// Makes the workspace; returns once it answers.
    fn provision<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<Placement, DriverError>>;

    /// Takes back whatever a provision made, in part or whole. Nothing there is success.
    fn undo<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<(), DriverError>>;

    /// Gives the workspace the tier of the action. A failure leaves it as it was.
    fn upgrade<'t>(&'t self, token: &'t Entitled<Upgrade>) -> BoxFuture<'t, Result<Placement, DriverError>>;

    /// Takes the workspace away. Nothing there is success.
    fn decommission<'t>(&'t self, token: &'t Entitled<Decommission>) -> BoxFuture<'t, Result<(), DriverError>>;

    /// Looks at what is there.
    #[read_only = "a look leaves everything as it is"]
    fn inspect<'t>(&'t self, slug: &'t Slug) -> BoxFuture<'t, Result<Inspection, DriverError>>;
}

/// Where a workspace answers, and with which tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The tier that is in force.
    pub tier: Tier,
    /// Where it answers.
    pub url: String,
    /// The action that provisioned it, where the driver remembers: another action's workspace of the same name is not
    /// this one's.
    pub made_by: Option<uuid::Uuid>,
}

/// What a driver found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inspection {
    /// Nothing.
    Absent,
    /// Something that does not answer: half made, stopped or crashed.
    Broken {
        /// The tier that it would have.
        tier: Option<Tier>,
    },
    /// A workspace that answers.
    Serving(Placement),
}

/// A driver could not do its work.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DriverError {
    pub(super) kind: ErrorKind,
    pub(super) code: &'static str,
    message: String,
}

impl DriverError {
    /// 502 `driver-failed`. The message goes into the audit event: it holds no secrets.
    pub fn failed(message: impl Into<String>) -> Self {
        DriverError::of(ErrorKind::Failed, "driver-failed", message)
    }

    /// Another kind of failure, with a code of its own in kebab case.
    pub fn of(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        DriverError { kind, code, message: message.into() }
    }
}
