//! rocky makes it a compile error to change a tenant's state without three doors: Airlock (who are you), HATCH (the audit
//! event is durable *before* the action), and, on the cloud build only, Polar (is the tier paid for).

// What the macros write names this crate from outside; inside, it is itself.
extern crate self as rocky_sdk;

pub mod airlock;
pub mod config;
pub mod doors;
pub mod hatch;
#[cfg(feature = "hearth")]
pub mod hearth;
#[cfg(feature = "axum")]
pub mod web;

mod action;
mod deployment;
mod private_files;
mod slug;
#[cfg(test)]
#[cfg(all(feature = "axum", feature = "hearth"))]
mod tests;

/// serde, as the code that [`tenant_action`] writes names it.
pub use serde;

pub use action::{Action, Admin, EventName, Metered, Observer, OnFailure, Operator, Rank, Role};
pub use airlock::{Airlock, Credentials, LocalAuth, Session};
pub use deployment::{DeploymentRef, State, Tier};
pub use doors::{
    Act, ActionError, Audited, Authenticated, Billing, Bolted, Completed, Denied, Doors, Entitled, ErrorKind,
    ForeignToken, Inbound, Ledger, Limits, Refusal, ServiceKey,
};
pub use private_files::PrivateFileError;
pub use rocky_macros::tenant_action;
pub use slug::{InvalidSlug, Slug};

/// A boxed future, as the adapter traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
