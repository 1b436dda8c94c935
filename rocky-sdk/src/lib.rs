//! rocky makes it a compile error to change a tenant's state without three doors: Airlock (who are you), HATCH (the audit
//! event is durable *before* the action), and, on the cloud build only, Polar (is the tier paid for). A self-host build
//! holds no billing code at all.
//!
//! # From nothing to a route
//!
//! **The action** is a struct of its arguments. It says who may do it and which events it leaves. What is audited is what is
//! done, because the token carries the struct.
//!
//! ```
//! use rocky_sdk::{Action, tenant_action};
//!
//! #[tenant_action(role = operator, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
//! pub struct Rotate {
//!     pub key: String,
//! }
//!
//! assert_eq!(Rotate::NAME, "rotate");
//! assert_eq!(Rotate::STARTED.as_str(), "keys.rotation_started");
//! ```
//!
//! **The driver** does the work. It is a type of your own with its client in a private field, and its methods take
//! `&Entitled<TheAction>`: they read their arguments from the token. `#[driver]` on a trait sees to it that no method forgets.
//!
//! ```
//! use std::{collections::HashMap, sync::Mutex};
//! use rocky_sdk::{ActionError, Entitled, ErrorKind, ForeignToken, driver};
//! # use rocky_sdk::tenant_action;
//! # #[tenant_action(role = operator, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
//! # pub struct Rotate { pub key: String }
//!
//! #[driver]
//! pub trait KeyStore: Send + Sync {
//!     fn rotate(&self, token: &Entitled<Rotate>) -> Result<u32, KeyError>;
//!
//!     #[read_only = "it counts what is there"]
//!     fn version(&self, key: &str) -> Option<u32>;
//! }
//!
//! #[derive(Debug, thiserror::Error)]
//! pub enum KeyError {
//!     #[error("there is no such key")]
//!     Unknown,
//!     #[error(transparent)]
//!     Foreign(#[from] ForeignToken),
//! }
//!
//! /// What it means to the caller: 404 here, 502 `driver-failed` for what says nothing.
//! impl ActionError for KeyError {
//!     fn kind(&self) -> ErrorKind {
//!         match self {
//!             KeyError::Unknown => ErrorKind::NotFound,
//!             KeyError::Foreign(_) => ErrorKind::Failed,
//!         }
//!     }
//!     fn code(&self) -> &'static str {
//!         match self {
//!             KeyError::Unknown => "unknown-key",
//!             KeyError::Foreign(_) => "driver-failed",
//!         }
//!     }
//! }
//!
//! /// Keys in memory, and nobody else's to reach.
//! pub struct Memory(Mutex<HashMap<String, u32>>);
//!
//! impl KeyStore for Memory {
//!     fn rotate(&self, token: &Entitled<Rotate>) -> Result<u32, KeyError> {
//!         let mut keys = self.0.lock().expect("nobody panics with it");
//!         let version = keys.get_mut(&token.action().key).ok_or(KeyError::Unknown)?;
//!         *version += 1;
//!         Ok(*version)
//!     }
//!
//!     fn version(&self, key: &str) -> Option<u32> {
//!         self.0.lock().expect("nobody panics with it").get(key).copied()
//!     }
//! }
//! # assert_eq!(Memory(Mutex::default()).version("blue"), None);
//! ```
//! The examples below go on with these: `Rotate`, `KeyStore`, `KeyError`, and a `Memory` that knows the key `blue`.
//!
//! **The bolt** stands in front of the driver: [`Bolted`] opens with a token of a listed action, minted by the doors that it was
//! bolted to, and lends the driver for as long as the token is lent.
//!
//! **The route** is an async fn whose first parameter is the token. `DoorRouter` mounts it; what it does not take is a handler
//! that leaves a door out.
//!
//! ```
//! # #[cfg(feature = "axum")]
//! mod app {
//!     use std::sync::Arc;
//!
//!     use axum::extract::State;
//!     use rocky_sdk::{Bolted, Doors, Entitled, web::DoorRouter};
//! #     pub use super::keys::{KeyError, KeyStore, Memory, Rotate};
//! #     use rocky_sdk::tenant_action;
//!
//!     type Keys = Arc<Bolted<Memory, (Rotate,)>>;
//!
//!     #[tenant_action]
//!     async fn rotate(token: &Entitled<Rotate>, State(keys): State<Keys>) -> Result<u32, KeyError> {
//!         keys.open(token)?.rotate(token)
//!     }
//!
//!     pub fn app(doors: Doors) -> Result<axum::Router, Box<dyn std::error::Error>> {
//!         let keys = Arc::new(Bolted::new(&doors, Memory::default())?);
//!         Ok(DoorRouter::new(doors).post("/keys/{key}/rotate", rotate).with_state(keys))
//!     }
//! }
//! # mod keys {
//! #     use std::{collections::HashMap, sync::Mutex};
//! #     use rocky_sdk::{ActionError, Entitled, ErrorKind, ForeignToken, tenant_action};
//! #     #[tenant_action(role = operator, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
//! #     pub struct Rotate { pub key: String }
//! #     pub struct Memory(Mutex<HashMap<String, u32>>);
//! #     impl Default for Memory {
//! #         fn default() -> Self { Memory(Mutex::new(HashMap::from([("blue".to_owned(), 0)]))) }
//! #     }
//! #     #[derive(Debug, thiserror::Error)]
//! #     pub enum KeyError {
//! #         #[error("there is no such key")] Unknown,
//! #         #[error(transparent)] Foreign(#[from] ForeignToken),
//! #     }
//! #     impl ActionError for KeyError {
//! #         fn kind(&self) -> ErrorKind { ErrorKind::NotFound }
//! #         fn code(&self) -> &'static str { "unknown-key" }
//! #     }
//! #     pub trait KeyStore { fn rotate(&self, token: &Entitled<Rotate>) -> Result<u32, KeyError>; }
//! #     impl KeyStore for Memory {
//! #         fn rotate(&self, token: &Entitled<Rotate>) -> Result<u32, KeyError> {
//! #             let mut keys = self.0.lock().expect("nobody panics with it");
//! #             let version = keys.get_mut(&token.action().key).ok_or(KeyError::Unknown)?;
//! #             *version += 1;
//! #             Ok(*version)
//! #         }
//! #     }
//! # }
//! # #[cfg(feature = "axum")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     use tower::ServiceExt;
//! #     use rocky_sdk::{Billing, Doors, LocalAuth, hatch::{Journal, JournalOptions}};
//! #     let home = tempfile::tempdir()?;
//! #     let (auth, first_start) = LocalAuth::open(home.path())?;
//! #     let token = first_start.ok_or("a new folder")?.token;
//! #     let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("guide"))?;
//! #     let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
//! #     let request = axum::http::Request::post("/keys/blue/rotate").header("authorization", format!("Bearer {token}"));
//! #     let answer = app::app(doors.clone())?.oneshot(request.body(axum::body::Body::empty())?).await?;
//! #     assert_eq!(answer.status(), 200);
//! #     Ok(())
//! # }
//! # #[cfg(not(feature = "axum"))]
//! # fn main() {}
//! ```
//!
//! **The doors** are built once, in `main`, each adapter chosen by name: see [`Doors`]. On a [`LocalAuth`], the first start
//! makes a token and gives it out once.
//!
//! # A worker
//!
//! Without a request it is the same three doors, by hand. A worker goes by a [`ServiceKey`], which is handed out where the doors
//! are built and is good for the listed actions alone: the events say `service:nightly` did it, for the tenant that is named.
//!
//! ```
//! use rocky_sdk::{Bolted, Doors, Operator, Refusal, ServiceKey};
//! # use keys::{KeyError, KeyStore, Memory, Rotate};
//! # use std::sync::Arc;
//!
//! async fn nightly(
//!     doors: &Doors,
//!     key: &ServiceKey,
//!     keys: Arc<Bolted<Memory, (Rotate,)>>,
//! ) -> Result<u32, Refusal<KeyError>> {
//!     let completed = doors
//!         .authenticate_service::<Operator>(key, "acme").await?            // door 1
//!         .audit(Rotate { key: "blue".to_owned() }).await?                 // door 2: "started" is durable
//!         .perform(keys, |token, keys| Box::pin(async move {               // door 3, then the action
//!             keys.open(token)?.rotate(token)
//!         }))
//!         .await?;                                                         // its outcome is durable
//!     Ok(completed.value().expect("a number reads what it wrote"))
//! }
//! # mod keys {
//! #     use std::{collections::HashMap, sync::Mutex};
//! #     use rocky_sdk::{ActionError, Entitled, ErrorKind, ForeignToken, tenant_action};
//! #     #[tenant_action(role = operator, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
//! #     pub struct Rotate { pub key: String }
//! #     pub struct Memory(Mutex<HashMap<String, u32>>);
//! #     impl Default for Memory {
//! #         fn default() -> Self { Memory(Mutex::new(HashMap::from([("blue".to_owned(), 0)]))) }
//! #     }
//! #     #[derive(Debug, thiserror::Error)]
//! #     pub enum KeyError {
//! #         #[error("there is no such key")] Unknown,
//! #         #[error(transparent)] Foreign(#[from] ForeignToken),
//! #     }
//! #     impl ActionError for KeyError {
//! #         fn kind(&self) -> ErrorKind { ErrorKind::NotFound }
//! #         fn code(&self) -> &'static str { "unknown-key" }
//! #     }
//! #     pub trait KeyStore { fn rotate(&self, token: &Entitled<Rotate>) -> Result<u32, KeyError>; }
//! #     impl KeyStore for Memory {
//! #         fn rotate(&self, token: &Entitled<Rotate>) -> Result<u32, KeyError> {
//! #             let mut keys = self.0.lock().expect("nobody panics with it");
//! #             let version = keys.get_mut(&token.action().key).ok_or(KeyError::Unknown)?;
//! #             *version += 1;
//! #             Ok(*version)
//! #         }
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     use rocky_sdk::{Billing, LocalAuth, hatch::{Journal, JournalOptions}};
//! #     let home = tempfile::tempdir()?;
//! #     let (auth, _) = LocalAuth::open(home.path())?;
//! #     let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("guide"))?;
//! let mut builder = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted);
//! let key = builder.service::<(Rotate,)>("nightly");
//! let doors = builder.build().await?;
//! let keys = Arc::new(Bolted::new(&doors, Memory::default())?);
//! assert_eq!(nightly(&doors, &key, keys).await?, 1);
//! #     Ok(())
//! # }
//! ```
//!
//! A worker that somebody's own credentials drive takes [`Doors::authenticate`] instead.
//!
//! # A subsystem of your own
//!
//! A subsystem is its actions, a driver and an error; `hearth` is one. Two things to decide:
//!
//! - **Is the action about a workspace?** Then it says `subject = field`, and the doors ask a [`Ledger`] whose it is, claim it for
//!   the action alone and keep the answer for its idempotency key. HEARTH's `Rows` is one; its trait says what another must do.
//! - **What does a failure leave?** `failed = "family.failed"` closes the action, and the caller may try again. `failed = retried`
//!   is for an action that is repeated until it succeeds, as HEARTH does with a decommission; nothing public repeats one of
//!   another subsystem yet, so such an action of yours stays a tombstone until an operator says `reconcile --failed`.
//!
//! Several actions open one driver when they are in its list: `Bolted<Memory, (Rotate, Revoke)>`. The events of listed actions
//! are theirs: another struct that names them is refused at run time (`event-name-taken`). An argument that must not stand in
//! the log is marked `#[audit(redact)]`.
//!
//! ```
//! use rocky_sdk::{Action, Slug, tenant_action};
//!
//! #[tenant_action(
//!     role = admin,
//!     started = "keys.import_started",
//!     succeeded = "keys.imported",
//!     failed = "keys.failed",
//!     subject = slug,
//! )]
//! pub struct Import {
//!     pub slug: Slug,
//!     #[audit(redact)]
//!     pub secret: String,
//! }
//!
//! let import = Import { slug: Slug::parse("acme")?, secret: "hunter2".to_owned() };
//! assert_eq!(import.subject().map(Slug::as_str), Some("acme"));
//! assert!(!format!("{import:?}").contains("hunter2"));
//! # Ok::<(), rocky_sdk::InvalidSlug>(())
//! ```
//!
//! # A test
//!
//! There is no double of a door. A test builds real ones in a folder of its own, and asks the journal what happened.
//!
//! ```
//! use rocky_sdk::{Billing, Bolted, Credentials, Doors, LocalAuth, Operator};
//! use rocky_sdk::hatch::{Journal, JournalOptions, records};
//! # use keys::{KeyError, KeyStore, Memory, Rotate};
//! # mod keys {
//! #     use std::{collections::HashMap, sync::Mutex};
//! #     use rocky_sdk::{ActionError, Entitled, ErrorKind, ForeignToken, tenant_action};
//! #     #[tenant_action(role = operator, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
//! #     pub struct Rotate { pub key: String }
//! #     pub struct Memory(Mutex<HashMap<String, u32>>);
//! #     impl Default for Memory {
//! #         fn default() -> Self { Memory(Mutex::new(HashMap::from([("blue".to_owned(), 0)]))) }
//! #     }
//! #     #[derive(Debug, thiserror::Error)]
//! #     pub enum KeyError {
//! #         #[error("there is no such key")] Unknown,
//! #         #[error(transparent)] Foreign(#[from] ForeignToken),
//! #     }
//! #     impl ActionError for KeyError {
//! #         fn kind(&self) -> ErrorKind { ErrorKind::NotFound }
//! #         fn code(&self) -> &'static str { "unknown-key" }
//! #     }
//! #     pub trait KeyStore { fn rotate(&self, token: &Entitled<Rotate>) -> Result<u32, KeyError>; }
//! #     impl KeyStore for Memory {
//! #         fn rotate(&self, token: &Entitled<Rotate>) -> Result<u32, KeyError> {
//! #             let mut keys = self.0.lock().expect("nobody panics with it");
//! #             let version = keys.get_mut(&token.action().key).ok_or(KeyError::Unknown)?;
//! #             *version += 1;
//! #             Ok(*version)
//! #         }
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let home = tempfile::tempdir()?;
//! let (auth, first_start) = LocalAuth::open(home.path())?;
//! let token = first_start.expect("a new folder").token;
//! let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("test"))?;
//! let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
//! let keys = Bolted::<Memory, (Rotate,)>::new(&doors, Memory::default())?;
//!
//! let operator = doors.authenticate::<Operator>(&Credentials::bearer(token)).await?;
//! let audited = operator.audit(Rotate { key: "unheard of".to_owned() }).await?;
//! let refusal = audited
//!     .perform(keys, |token, keys| Box::pin(async move { keys.open(token)?.rotate(token) }))
//!     .await
//!     .expect_err("there is no such key");
//! assert_eq!((refusal.status(), refusal.code()), (404, "unknown-key"));
//! assert!(doors.authenticate::<Operator>(&Credentials::none()).await.is_err());
//!
//! doors.shutdown(std::time::Duration::from_secs(5)).await?;
//! let events: Vec<_> = records(&home.path().join("hatch"))?.collect::<Result<_, _>>()?;
//! let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
//! assert_eq!(kinds, ["segment.opened", "keys.rotation_started", "keys.failed", "auth.denied"]);
//! # Ok(())
//! # }
//! ```
//!
//! # The audit log
//!
//! The journal's lines are a chain, and how far it went is signed now and then. Whoever has this machine can change all
//! of that. What another machine keeps shows it: the public key, and the hash of a line.
//!
//! ```
//! use rocky_sdk::hatch::{CheckpointKey, Verifier, records};
//! # use rocky_sdk::hatch::{Journal, JournalOptions};
//! # let home = tempfile::tempdir()?;
//! # let hatch = home.path().join("hatch");
//! # let _journal = Journal::open(&hatch, JournalOptions::new("keys"))?;
//!
//! // To be kept elsewhere: the key once, while the journal can be trusted, and the last hash now and then.
//! let key = CheckpointKey::of(&hatch)?.to_string();
//! let kept = Verifier::new().verify(&hatch, &|_| {})?.chain.last_hash;
//!
//! // Later, on the journal or on a copy of it.
//! let verdicts = Verifier::new().key(key.parse()?).verify(&hatch, &|_| {})?;
//! assert!(verdicts.hold());
//! let mut still_there = false;
//! for line in records(&hatch)? {
//!     still_there |= line?.hash == kept;
//! }
//! assert!(still_there, "nothing up to there was changed or cut off");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When it does not compile
//!
//! | the compiler says | what to write |
//! |---|---|
//! | this handler can change state without passing the doors | `#[tenant_action]` on the fn, or `.get(..)` if it only reads |
//! | this handler reads without asking who is there | `_: Authenticated<Observer>` first, or `.public_get(..)` |
//! | nobody was asked who they are yet | `doors.authenticate::<Admin>(&credentials).await?.audit(..)` |
//! | this action is not audited yet | `.audit(TheAction { .. }).await?.perform(..)` |
//! | the role is not enough for an action of `Admin` | `Authenticated<Admin>`, or a lower role in the action |
//! | the action may not open this driver | the action in the driver's list: `Bolted<_, (One, Other)>` |
//! | `…` is not a token | `&Entitled<TheAction>` of rocky, not a type of the same name |
//! | `…` does not say what it means to the caller | `impl ActionError for TheError {}` |
//! | borrowed data escapes outside of closure | nothing of the token outlives the action: return owned values |
//! | use of moved value: `authenticated` | door 1 is good for one action: authenticate again |
//!
//! # Where things are
//!
//! | module | what it is |
//! |---|---|
//! | [`doors`] | the stages from credentials to a completed action |
//! | [`airlock`] | door 1: sessions, [`LocalAuth`], `BetterAuth` (feature `airlock`) |
//! | [`hatch`] | door 2: the journal, how to read it, and how to verify it |
//! | `hearth` | workspaces, their rows and drivers (feature `hearth`) |
//! | `polar` | door 3 in the cloud: what a tenant pays for (feature `polar`) |
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
#[cfg(feature = "polar")]
pub mod polar;
#[cfg(feature = "axum")]
pub mod web;

mod caught;
mod clock;
mod deployment;
#[cfg(feature = "airlock")]
mod https;
mod private_files;
mod sealed;
mod slug;
#[cfg(test)]
#[cfg(all(feature = "axum", feature = "hearth"))]
mod tests;
mod unique;

/// serde, as the code that [`tenant_action`] writes names it.
pub use serde;

pub use action::{Action, Admin, BuiltInRole, EventName, Metered, Observer, OnFailure, Operator, Rank, Role};
pub use airlock::{Airlock, Credentials, LocalAuth, Session};
pub use clock::{Clock, SystemClock};
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
