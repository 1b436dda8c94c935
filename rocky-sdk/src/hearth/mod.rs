//! HEARTH: workspaces, which a tenant provisions, upgrades, repairs and decommissions.
//!
//! [`Hearth`] is what routes hold. It reaches its [`Driver`] with a token and in no other way, and it never writes rows:
//! the doors do, through [`Rows`], in the order that keeps row, journal and driver in step.

mod actions;
pub mod control;
mod driver;
mod error;
mod guarded_call;
#[cfg(feature = "local-docker")]
mod local_docker;
mod local_process;
mod paid;
mod reconcile;
mod rows;
mod workspace;
mod workspaces;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use actions::{Decommission, Provision, ReadOnly, Repair, Restore, Upgrade};
pub use driver::{Driver, DriverError, Inspection, Placement};
pub use error::HearthError;
#[cfg(feature = "local-docker")]
pub use local_docker::{DockerOptions, LocalDocker, NotDockerOptions, TierLimits};
pub use local_process::LocalProcess;
pub use reconcile::{Keeper, Settled, Verdict};
pub use rows::{Rows, RowsError};
pub use workspace::{ServeError, serve_workspace};
pub use workspaces::{Found, Looked, Workspaces};

pub use crate::{DeploymentRef, Slug, State, Tier};

use crate::{
    Bolted, Doors, Entitled, Role,
    deployment::timestamp,
    doors::{Authenticated, EventNameTaken, Progress},
};
use guarded_call::{Call, raise};

/// The actions that open a driver of HEARTH.
type Lifecycle = (Provision, Upgrade, Repair, Decommission);

/// HEARTH, bolted to its doors. A clone is another handle to the same.
#[derive(Clone)]
pub struct Hearth(Arc<Inner>);

struct Inner {
    doors: Doors,
    driver: Bolted<Box<dyn Driver>, Lifecycle>,
    rows: Arc<Rows>,
}

/// HEARTH cannot be put together.
///
/// Both are mistakes of whoever writes `main`, and show at the first start:
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use rocky_sdk::{Billing, Doors, LocalAuth, hatch::{Journal, JournalOptions}};
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # let (auth, _first_start) = LocalAuth::open(home)?;
/// # let journal = Journal::open(&home.join("hatch"), JournalOptions::new("console"))?;
/// use std::sync::Arc;
/// use rocky_sdk::hearth::{Hearth, LocalProcess, Rows, SetupError};
///
/// let rows = Arc::new(Rows::open(&home.join("rocky.db"), "docker").await?);
/// # let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted);
/// # let doors = doors.ledger(Arc::clone(&rows) as _).build().await?;
/// let driver = LocalProcess::new(["rocky-console", "workspace"], &home.join("workspaces"))?;
/// match Hearth::new(&doors, rows, driver) {
///     Ok(_) => panic!("rows of one driver went to another"),
///     Err(SetupError::OtherDriver { rows, driver }) => assert_eq!([rows, driver], ["docker", "process"]),
///     Err(SetupError::OtherLedger) => panic!("claims went to one ledger and reads to another"),
///     // An action of one's own writes `hearth.provisioned`, say.
///     Err(SetupError::EventName(taken)) => panic!("{taken}"),
/// }
/// # doors.shutdown(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The rows were opened for a driver of another name.
    #[error("the rows were opened for the driver `{rows}`, and the driver is `{driver}`: give both the same name")]
    OtherDriver {
        /// The name that the rows have.
        rows: String,
        /// The driver's.
        driver: String,
    },
    /// The doors ask another ledger, or none.
    #[error("the rows are not the ledger of these doors: build them with `.ledger(rows)`")]
    OtherLedger,
    /// Another action writes HEARTH's events.
    #[error(transparent)]
    EventName(#[from] EventNameTaken),
}

impl Hearth {
    /// Bolts the driver to the doors whose ledger these rows are. The [`Keeper`] settles what is left without an outcome: it
    /// is for `main` and its operator, and not for routes.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(doors: &Doors, rows: Arc<Rows>, driver: impl Driver) -> Result<(Self, Keeper), SetupError> {
        if rows.driver() != driver.name() {
            return Err(SetupError::OtherDriver { rows: rows.driver().to_owned(), driver: driver.name().to_owned() });
        }
        let asked = doors.ledger().map(Arc::as_ptr);
        if !asked.is_some_and(|ledger| std::ptr::addr_eq(ledger, Arc::as_ptr(&rows))) {
            return Err(SetupError::OtherLedger);
        }
        let driver = Bolted::new(doors, Box::new(driver) as Box<dyn Driver>)?;
        // Their events are HEARTH's from now on too, though they open no driver.
        Bolted::<(), (ReadOnly, Restore)>::new(doors, ())?;
        let hearth = Hearth(Arc::new(Inner { doors: doors.clone(), driver, rows }));
        Ok((hearth.clone(), Keeper::new(hearth)))
    }

    /// Makes the workspace of the action, and takes back what was made when that fails.
    ///
    /// # Errors
    /// [`HearthError`]. A driver that panics panics here too, once what it made is taken back.
    pub async fn provision(&self, token: &Entitled<Provision>) -> Result<DeploymentRef, HearthError> {
        let driver = self.0.driver.open(token)?;
        let row = token.row().ok_or(HearthError::NoRow)?;
        token.progress(Progress::Acting);
        let made = Call::of(|| driver.provision(token)).until(before(token.ends_at())).await;
        match of_tier(token.action().tier, made) {
            Ok(Ok(placement)) => Ok(done(token, row, placement)),
            Ok(Err(error)) if error.untouched => Err(nothing_begun(token, error)),
            failure => {
                match Call::of(|| driver.undo(token)).until(token.ends_at()).await {
                    Ok(Ok(())) => token.progress(Progress::Nothing),
                    _ => tracing::error!(slug = %row.slug, "what a failed provision made could not be taken back"),
                }
                raise(failure)
            }
        }
    }

    /// Gives the workspace the tier of the action.
    ///
    /// # Errors
    /// [`HearthError`].
    pub async fn upgrade(&self, token: &Entitled<Upgrade>) -> Result<DeploymentRef, HearthError> {
        let driver = self.0.driver.open(token)?;
        let row = token.row().ok_or(HearthError::NoRow)?;
        token.progress(Progress::Acting);
        let upgraded = Call::of(|| driver.upgrade(token)).until(before(token.ends_at())).await;
        match of_tier(token.action().tier, upgraded) {
            Ok(Ok(placement)) => Ok(done(token, row, placement)),
            Ok(Err(error)) if error.untouched => Err(nothing_begun(token, error)),
            failure => {
                // It is over unless another tier is in force. Whatever else a look finds is drift from a row that stays as it is.
                if let Ok(Ok(found)) = Call::of(|| driver.inspect(&row.slug)).until(token.ends_at()).await
                    && has_no_other_tier(&found, row)
                {
                    token.progress(Progress::Nothing);
                }
                raise(failure)
            }
        }
    }

    /// Makes the workspace answer again as its row says: drift is mended, and one that answers so stays as it is. Where
    /// that fails the row is as it was, and a look shows what is amiss.
    ///
    /// # Errors
    /// [`HearthError`].
    pub async fn repair(&self, token: &Entitled<Repair>) -> Result<DeploymentRef, HearthError> {
        let driver = self.0.driver.open(token)?;
        let row = token.row().ok_or(HearthError::NoRow)?;
        token.progress(Progress::Acting);
        let repaired_so = Call::of(|| driver.repair(token)).until(before(token.ends_at())).await;
        let failure = match of_tier(row.tier, repaired_so) {
            Ok(Ok(placement)) => {
                let now = repaired(row, placement);
                token.progress(Progress::Done(now.clone()));
                return Ok(now);
            }
            Ok(Err(error)) if error.untouched => return Err(nothing_begun(token, error)),
            failure => failure,
        };
        // Whatever a look finds is drift from a row that stays as it is. Where nobody can look, it is not over yet.
        if let Ok(Ok(_)) = Call::of(|| driver.inspect(&row.slug)).until(token.ends_at()).await {
            token.progress(Progress::Nothing);
        }
        raise(failure)
    }

    /// Takes the workspace away.
    ///
    /// # Errors
    /// [`HearthError`]; the action is tried again until it succeeds.
    pub async fn decommission(&self, token: &Entitled<Decommission>) -> Result<DeploymentRef, HearthError> {
        let driver = self.0.driver.open(token)?;
        let row = token.row().ok_or(HearthError::NoRow)?;
        token.progress(Progress::Acting);
        match Call::of(|| driver.decommission(token)).until(token.ends_at()).await {
            Ok(Ok(())) => {
                let gone =
                    DeploymentRef { state: State::Decommissioning, url: None, updated_at: timestamp(), ..row.clone() };
                token.progress(Progress::Done(gone.clone()));
                Ok(gone)
            }
            failure => raise(failure),
        }
    }

    /// The workspaces of the caller's tenant, and of nobody else. A caller whom other doors let in sees none.
    #[must_use]
    pub fn workspaces<'a, R: Role>(&'a self, authenticated: &'a Authenticated<R>) -> Workspaces<'a> {
        Workspaces::new(self, authenticated)
    }

    /// What the driver finds within this time, or why nobody could look.
    async fn inspect(&self, slug: &Slug, within: Duration) -> Result<Inspection, String> {
        let until = Instant::now() + within;
        match Call::of(|| self.0.driver.look().inspect(slug)).until(until).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the driver could not look".to_owned()),
        }
    }
}

impl std::fmt::Debug for Hearth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hearth({})", self.0.rows.driver())
    }
}

/// What the driver made, where it has the tier that it was to have: nobody gets another one than was audited.
fn of_tier<E>(
    wanted: Tier,
    made: Result<Result<Placement, DriverError>, E>,
) -> Result<Result<Placement, DriverError>, E> {
    made.map(|made| {
        made.and_then(|placement| match placement.tier {
            tier if tier == wanted => Ok(placement),
            tier => {
                Err(DriverError::failed(format!("the driver made it of the tier {tier}, and {wanted} was asked for")))
            }
        })
    })
}

/// Whether nothing that is there has another tier than the row says.
fn has_no_other_tier(found: &Inspection, row: &DeploymentRef) -> bool {
    match found {
        Inspection::Absent | Inspection::Broken { tier: None } => true,
        Inspection::Broken { tier: Some(tier) } | Inspection::Serving(Placement { tier, .. }) => *tier == row.tier,
    }
}

/// The driver says that there is nothing to undo.
fn nothing_begun<A>(token: &Entitled<A>, error: DriverError) -> HearthError {
    token.progress(Progress::Nothing);
    error.into()
}

/// The driver did its work: what there is from now on.
fn done<A>(token: &Entitled<A>, row: &DeploymentRef, placement: Placement) -> DeploymentRef {
    let now = placed(row, placement);
    token.progress(Progress::Done(now.clone()));
    now
}

fn placed(row: &DeploymentRef, placement: Placement) -> DeploymentRef {
    let Placement { tier, url, .. } = placement;
    DeploymentRef { tier, state: State::Active, url: Some(url), updated_at: timestamp(), ..row.clone() }
}

/// As [`placed`]; where it answers as it did, its row does not change.
fn repaired(row: &DeploymentRef, placement: Placement) -> DeploymentRef {
    let now = placed(row, placement);
    let updated_at = if now.url == row.url { row.updated_at.clone() } else { now.updated_at };
    DeploymentRef { updated_at, ..now }
}

/// Leaves a fifth of the time for taking back.
fn before(ends_at: Instant) -> Instant {
    let left = ends_at.saturating_duration_since(Instant::now());
    ends_at.checked_sub(left / 5).unwrap_or(ends_at)
}
