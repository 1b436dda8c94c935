//! rocky makes it a compile error to change a tenant's state without three doors: Airlock (who are you), HATCH (the audit
//! event is durable *before* the action), and, on the cloud build only, Polar (is the tier paid for). A self-host build
//! holds no billing code at all.
//!
//! # From nothing to a route
//!
//! **The action** is a struct of its arguments. It says who may do it and which events it leaves; what is audited is what
//! is done, because the token carries the struct.
//!
//! **The driver** is a type of your own with its client in a private field. Its methods take `&Entitled<TheAction>`, and
//! it stands behind a [`Bolted`], which only tokens of the listed actions open.
//!
//! **The route** is an async fn whose first parameter is the token.
//!
//! ```
//! # #[cfg(feature = "axum")] mod app {
//! use std::sync::Arc;
//! use axum::extract::State;
//! use rocky_sdk::{ActionError, Bolted, Doors, Entitled, ForeignToken, tenant_action, web::DoorRouter};
//!
//! #[tenant_action(role = operator, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
//! struct Rotate { key: String }
//!
//! struct KeyStore { client: () }
//!
//! #[derive(Debug, thiserror::Error)]
//! enum KeyError {
//!     #[error(transparent)]
//!     Foreign(#[from] ForeignToken),
//! }
//! impl ActionError for KeyError {} // 502 `driver-failed`, unless it says otherwise
//!
//! impl KeyStore {
//!     async fn rotate(&self, token: &Entitled<Rotate>) -> Result<String, KeyError> {
//!         Ok(format!("{} is new", token.action().key))
//!     }
//! }
//!
//! type Keys = Arc<Bolted<KeyStore, (Rotate,)>>;
//!
//! #[tenant_action]
//! async fn rotate(token: &Entitled<Rotate>, State(keys): State<Keys>) -> Result<String, KeyError> {
//!     keys.open(token)?.rotate(token).await
//! }
//!
//! fn app(doors: Doors) -> Result<axum::Router, Box<dyn std::error::Error>> {
//!     let keys = Arc::new(Bolted::new(&doors, KeyStore { client: () })?);
//!     Ok(DoorRouter::new(doors).post("/keys/{key}/rotate", rotate).with_state(keys))
//! }
//! # }
//! ```
//!
//! **The doors** are built once, in `main`: see [`Doors`]. A worker without a request goes through the same doors by hand:
//! [`Doors::authenticate_service`], [`Authenticated::audit`], [`Audited::perform`].
//!
//! # Where things are
//!
//! | module | what it is |
//! |---|---|
//! | [`doors`] | the stages from credentials to a completed action |
//! | [`airlock`] | door 1: sessions, [`LocalAuth`] |
//! | [`hatch`] | door 2: the journal, and how to read it |
//! | `hearth` | workspaces, their rows and drivers (feature `hearth`) |
//! | `web` | the router, and how an action is read from a request (feature `axum`) |
//! | [`config`] | `ROCKY_*` |

// What the macros write names this crate from outside; inside, it is itself.
extern crate self as rocky_sdk;

pub mod action;
pub mod airlock;
pub mod config;
pub mod doors;
pub mod hatch;
#[cfg(feature = "hearth")]
pub mod hearth;
#[cfg(feature = "axum")]
pub mod web;

mod deployment;
mod private_files;
mod sealed;
mod slug;
#[cfg(test)]
#[cfg(all(feature = "axum", feature = "hearth"))]
mod tests;

/// serde, as the code that [`tenant_action`] writes names it.
pub use serde;

pub use action::{Action, Admin, BuiltInRole, EventName, Metered, Observer, OnFailure, Operator, Rank, Role};
pub use airlock::{Airlock, Credentials, LocalAuth, Session};
pub use deployment::{DeploymentRef, State, Tier};
pub use doors::{
    Act, ActionError, Audited, Authenticated, Billing, Bolted, Completed, Denied, Doors, Entitled, ErrorKind,
    ForeignToken, Inbound, Ledger, Limits, Refusal, ServiceKey,
};
pub use private_files::PrivateFileError;
pub use rocky_macros::{driver, tenant_action};
pub use slug::{InvalidSlug, Slug};

/// README's code compiles.
#[cfg(doctest)]
#[cfg(all(feature = "axum", feature = "hearth"))]
#[doc = include_str!("../../README.md")]
struct Readme;

/// A boxed future, as the adapter traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
