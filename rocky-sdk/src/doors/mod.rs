//! The doors, and what each of them yields.
//!
//! ```text
//! Credentials --authenticate--> Authenticated<R> --audit--> Audited<A> --perform--> Completed<A, T>
//!                                                              lends &Entitled<A> to the action
//! ```
//!
//! Each stage consumes the one before, none can be made or copied outside, and each belongs to one action value, one
//! principal, one tenant. The action runs in a task of its own, so a caller who hangs up does not cut it short.

mod audited;
mod authenticated;
#[cfg(all(test, rocky_bench))]
mod bench;
mod billing;
mod bolted;
mod builder;
mod completed;
mod denials;
mod entitled;
mod inbound;
mod ledger;
mod limits;
mod open_action;
mod perform;
mod problem;
mod refusal;
mod registry;
mod resolve;
#[cfg(feature = "hearth")]
mod resume;
mod service;
mod vocabulary;

use std::{
    future::{Future, Pending, pending},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use audited::Audited;
pub use authenticated::{Audits, Authenticated, Authenticates, Covers};
pub use billing::Billing;
pub use bolted::{ActionList, Bolted, EventNameTaken, ForeignToken, Holds, MayOpen};
pub use builder::{BuildError, DoorsBuilder, WantsAirlock, WantsBilling, WantsHatch};
pub use completed::Completed;
pub use entitled::{Entitled, Token, lent};
pub use inbound::Inbound;
pub use ledger::{Answer, AnswerKey, Change, Intent, Ledger, LedgerError, Obstacle, Owner, Recall, SettleError};
pub use limits::Limits;
pub use perform::{Act, Attempt, Body};
pub use refusal::{ActionError, Denied, ErrorKind, Refusal};
pub use service::ServiceKey;

#[cfg(feature = "hearth")]
pub(crate) use entitled::Progress;
#[cfg(feature = "axum")]
pub(crate) use inbound::visible;
#[cfg(feature = "hearth")]
pub(crate) use ledger::{ledger_unavailable, unknown_workspace};
pub(crate) use problem::Problem;
#[cfg(feature = "hearth")]
pub(crate) use resume::{Settlement, Taken};

use crate::{
    airlock::Airlock,
    hatch::{NotRotated, Relay, Tombstone},
};
use denials::Denials;
use registry::Registry;
use vocabulary::Vocabulary;

/// The doors of one service: built once, in `main`, from the adapters that it runs on.
///
/// A clone is another handle to the same doors. Tokens, service keys and bolted drivers know which doors they belong to;
/// those of others open nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// use rocky_sdk::{Billing, Doors, LocalAuth, hatch::{Journal, JournalOptions}};
///
/// let (auth, _first_start) = LocalAuth::open(home)?;
/// let journal = Journal::open(&home.join("hatch"), JournalOptions::new("console"))?;
/// let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
/// # doors.shutdown(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Doors(Arc<Inner>);

/// Ties a token to its types: neither a subtype nor a supertype will do.
type Invariant<T> = std::marker::PhantomData<fn(T) -> T>;

/// How long HATCH may take to write its last lines.
const CLOSE: Duration = Duration::from_secs(5);

/// What makes one set of doors different from another.
#[derive(Debug)]
pub(crate) struct Identity;

pub(crate) struct Inner {
    identity: Arc<Identity>,
    airlock: Box<dyn Airlock>,
    pub(crate) relay: Relay,
    billing: Billing,
    ledger: Option<Arc<dyn Ledger>>,
    pub(crate) limits: Limits,
    runtime: Handle,
    tasks: TaskTracker,
    closing: CancellationToken,
    closed: AtomicBool,
    denials: Denials,
    vocabulary: Vocabulary,
    registry: Registry,
}

/// The drain ended before these actions did: they have no outcome. `reconcile` settles them.
///
/// A service that ends so says which they are, and exits with 1:
/// ```
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
/// use std::time::Duration;
/// use rocky_sdk::doors::Undrained;
///
/// let audited = doors.authenticate::<Admin>(&ada).await?.audit(Rotate { key: "signing".to_owned() }).await?;
/// let Err(Undrained(left)) = doors.shutdown(Duration::from_millis(50)).await else {
///     panic!("the action that is audited has ended");
/// };
/// for tombstone in &left {
///     eprintln!("{}: {} of {} has no outcome", tombstone.actionid, tombstone.started, tombstone.time);
/// }
/// assert_eq!(left.len(), 1);
/// # drop(audited);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{} action(s) had no outcome when the drain ended: `pending` lists them, `reconcile` settles them", .0.len())]
pub struct Undrained(pub Vec<Tombstone>);

impl Doors {
    /// The only way to doors: Airlock, then HATCH, then billing, each chosen by name.
    pub fn builder() -> WantsAirlock {
        WantsAirlock::new()
    }

    /// The started events that have no outcome and no task at work on it: left by an earlier run, or not settled since.
    #[must_use]
    pub fn pending(&self) -> Vec<Tombstone> {
        self.0.registry.idle()
    }

    /// Begins a new segment of HATCH's journal, for an operator's command: see
    /// [`Journal::rotate`](crate::hatch::Journal::rotate).
    ///
    /// ```
    /// use rocky_sdk::{Doors, hatch::NotRotated};
    /// /// Every day, so that yesterday's segment can be copied elsewhere.
    /// async fn daily(doors: Doors) {
    ///     loop {
    ///         tokio::time::sleep(std::time::Duration::from_secs(24 * 60 * 60)).await;
    ///         match doors.rotate_hatch().await {
    ///             Ok(segment) => println!("from now on: {segment}"),
    ///             Err(error @ NotRotated { .. }) => eprintln!("{error}; the one before goes on"),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`NotRotated`]: the segment before is still in use.
    pub async fn rotate_hatch(&self) -> Result<String, NotRotated> {
        self.0.relay.rotate().await
    }

    /// Whether a tenant's state can be changed now.
    ///
    /// # Errors
    /// The reasons why not, for `/readyz`.
    pub fn ready(&self) -> Result<(), Vec<String>> {
        let mut reasons = Vec::new();
        reasons.extend(self.0.relay.trouble());
        if self.0.denials.lost() {
            reasons.push("a denial could not be recorded".to_owned());
        }
        if self.closing() {
            reasons.push("shutting down".to_owned());
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// Lets no new action start, waits up to `drain` for those that run or are audited, writes what is waiting, and closes
    /// HATCH.
    ///
    /// # Errors
    /// [`Undrained`], with the actions that have no outcome. HATCH is closed then too: what ends later leaves a tombstone.
    pub async fn shutdown(&self, drain: Duration) -> Result<(), Undrained> {
        self.0.closing.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(drain, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("the drain ended with actions at work");
        }
        self.0.closed.store(true, Ordering::Release);
        self.write_suppressed_denials("left out until shutdown").await;
        let close = self.0.relay.closer();
        let closed = tokio::task::spawn_blocking(close);
        match tokio::time::timeout(CLOSE, closed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "HATCH was not closed in order"),
            Err(_) => tracing::error!("HATCH did not close in time"),
        }
        let left = self.0.registry.at_work();
        if left.is_empty() { Ok(()) } else { Err(Undrained(left)) }
    }

    /// Door 2 comes after door 1: an action is audited by [`Authenticated::audit`], and this does not compile. It is here so that
    /// the compiler can say so.
    ///
    /// ```compile_fail,E0277
    /// # use rocky_sdk::{Doors, Slug, Tier, tenant_action};
    /// # #[tenant_action(role = admin, started = "a.b_started", succeeded = "a.b", failed = "a.failed")]
    /// # struct Rename { title: String }
    /// async fn rename(doors: Doors, title: String) {
    ///     doors.audit(Rename { title }).await;
    /// }
    /// ```
    pub fn audit<A: Authenticates>(&self, action: A) -> Pending<Result<Audited<A>, Denied>> {
        drop(action);
        pending()
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }

    pub(crate) fn closing(&self) -> bool {
        self.0.closing.is_cancelled()
    }

    /// Runs it in a task of its own on the doors' runtime; `None` when the task ended without an answer.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
        // Boxed first: a task's parts are moved about several times, and this is large.
        let work = Box::pin(work);
        match self.0.tasks.spawn_on(tracing::Instrument::in_current_span(work), &self.0.runtime).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::error!(%error, "a task of the doors ended without an answer");
                None
            }
        }
    }

    /// As [`Doors::run`], for work that nobody waits for.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn_on(tracing::Instrument::in_current_span(work), &self.0.runtime);
    }

    /// Waits between two tries; not for long once the service is about to end.
    pub(crate) async fn pause(&self, wait: Duration) {
        if self.closing() {
            return tokio::time::sleep(wait.min(Duration::from_secs(1))).await;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.0.closing.cancelled() => {}
        }
    }

    /// HATCH takes nothing any more.
    pub(crate) fn closed(&self) -> bool {
        self.0.closed.load(Ordering::Acquire)
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    pub(crate) fn ledger(&self) -> Option<&Arc<dyn Ledger>> {
        self.0.ledger.as_ref()
    }
}

impl std::fmt::Debug for Doors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Doors(..)")
    }
}
