//! How doors come to be: each adapter named, none by default.

use std::{any::TypeId, sync::Arc, time::Duration};

use super::{
    ActionList, Billing, Doors, Identity, Inner, Ledger, LedgerError, Limits, ServiceKey, denials::Denials,
    registry::Registry, vocabulary::Vocabulary,
};
use crate::{airlock::Airlock, hatch::Relay};

/// Doors to which nobody has said yet who answers at Airlock.
///
/// Each step gives the next, and only the last one can be built. Nobody has to write these types, but errors name them:
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use rocky_sdk::{Billing, LocalAuth, hatch::{Journal, JournalOptions}};
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # let (auth, first) = LocalAuth::open(home)?;
/// # let ada = rocky_sdk::Credentials::bearer(first.ok_or("a new home")?.token);
/// # let journal = Journal::open(&home.join("hatch"), JournalOptions::new("console"))?;
/// use rocky_sdk::{Doors, doors::{DoorsBuilder, WantsAirlock, WantsBilling, WantsHatch}};
///
/// let doors: WantsAirlock = Doors::builder();
/// let doors: WantsHatch = doors.airlock(auth);
/// let doors: WantsBilling = doors.hatch(journal);
/// let doors: DoorsBuilder = doors.billing(Billing::SelfHosted);
/// let doors: Doors = doors.build().await?;
/// # doors.shutdown(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct WantsAirlock {
    identity: Arc<Identity>,
}

/// Doors to which nobody has said yet where events become durable.
#[must_use]
pub struct WantsHatch {
    identity: Arc<Identity>,
    airlock: Box<dyn Airlock>,
}

/// Doors to which nobody has said yet who is asked about money.
#[must_use]
pub struct WantsBilling {
    identity: Arc<Identity>,
    airlock: Box<dyn Airlock>,
    relay: Relay,
}

/// Doors with all they need; what is left is a choice.
#[must_use]
pub struct DoorsBuilder {
    identity: Arc<Identity>,
    airlock: Box<dyn Airlock>,
    relay: Relay,
    billing: Billing,
    ledger: Option<Arc<dyn Ledger>>,
    limits: Limits,
}

/// The doors cannot be built.
///
/// ```
/// use rocky_sdk::doors::{BuildError, LedgerError};
///
/// fn advice(error: &BuildError) -> String {
///     match error {
///         BuildError::Ledger(LedgerError(why)) => format!("see to the rows, then start again: {why}"),
///         BuildError::Runtime(_) => "build the doors in `#[tokio::main]`, or inside `block_on`".to_owned(),
///     }
/// }
///
/// let error = BuildError::from(LedgerError("the database is locked".to_owned()));
/// assert_eq!(advice(&error), "see to the rows, then start again: the database is locked");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// What an earlier run left in the rows cannot be looked at.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no runtime for the doors' tasks.
    #[error("doors are built inside a tokio runtime, whose tasks run the actions: {0}")]
    Runtime(#[from] tokio::runtime::TryCurrentError),
}

impl WantsAirlock {
    pub(super) fn new() -> Self {
        WantsAirlock { identity: Arc::new(Identity) }
    }

    /// Door 1: who says who somebody is.
    pub fn airlock(self, airlock: impl Airlock) -> WantsHatch {
        WantsHatch { identity: self.identity, airlock: Box::new(airlock) }
    }
}

impl WantsHatch {
    /// Door 2: where events become durable.
    pub fn hatch(self, hatch: impl Into<Relay>) -> WantsBilling {
        WantsBilling { identity: self.identity, airlock: self.airlock, relay: hatch.into() }
    }
}

impl WantsBilling {
    /// Door 3: who is asked whether a tier is paid for.
    pub fn billing(self, billing: Billing) -> DoorsBuilder {
        DoorsBuilder {
            identity: self.identity,
            airlock: self.airlock,
            relay: self.relay,
            billing,
            ledger: None,
            limits: Limits::default(),
        }
    }
}

impl DoorsBuilder {
    /// Who knows the workspaces. Without one, an action about a workspace and an idempotency key are refused.
    pub fn ledger(self, ledger: Arc<dyn Ledger>) -> Self {
        DoorsBuilder { ledger: Some(ledger), ..self }
    }

    /// Other time limits than the defaults.
    pub fn limits(self, limits: Limits) -> Self {
        DoorsBuilder { limits, ..self }
    }

    /// Makes an identity for a worker or a webhook, good for the listed actions only: `service::<(Provision,)>("jobs")`.
    /// It stands in events as `service:<name>`.
    pub fn service<Actions: ActionList>(&mut self, name: &str) -> ServiceKey {
        let actions: Arc<[TypeId]> = Actions::words().into_iter().map(|word| word.action).collect();
        ServiceKey { doors: Arc::clone(&self.identity), name: name.to_owned(), actions }
    }

    /// Builds the doors on the current runtime, after the ledger has looked at what an earlier run left.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(self) -> Result<Doors, BuildError> {
        let runtime = tokio::runtime::Handle::try_current()?;
        let relay = self.relay.with_limit(self.limits.hatch.max(Duration::from_millis(1)));
        if let Some(ledger) = &self.ledger {
            ledger.recover(relay.tombstones()).await?;
        }
        let registry = Registry::new(relay.tombstones());
        Ok(Doors(Arc::new(Inner {
            identity: self.identity,
            airlock: self.airlock,
            relay,
            billing: self.billing,
            ledger: self.ledger,
            limits: self.limits,
            runtime,
            tasks: tokio_util::task::TaskTracker::new(),
            closing: tokio_util::sync::CancellationToken::new(),
            closed: false.into(),
            denials: Denials::new(),
            vocabulary: Vocabulary::default(),
            registry,
        })))
    }
}
