//! What makes, changes and takes away workspaces.

use super::{Decommission, Provision, Repair, Upgrade};
use crate::{BoxFuture, Entitled, ErrorKind, Slug, Tier, driver};

/// A driver of HEARTH. Each method that changes something takes the token of its action and reads its arguments from it.
///
/// Every method may be called again after it failed, was cut off, or after a crash at any point: it goes on from what is
/// there. None may leave work running behind when its future is dropped, other than the workspace itself.
///
/// A driver of one's own, whole, whose workspaces are entries of a map:
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// use std::{
///     collections::HashMap,
///     sync::{Arc, Mutex, MutexGuard, PoisonError},
/// };
/// use rocky_sdk::{
///     Admin, Billing, BoxFuture, Credentials, Doors, Entitled, ErrorKind, LocalAuth,
///     hatch::{Journal, JournalOptions},
///     hearth::{
///         Decommission, Driver, DriverError, Hearth, Inspection, Placement, Provision, Repair, Rows, Slug, State,
///         Tier, Upgrade,
///     },
/// };
///
/// /// The map is private: what changes it takes a token.
/// #[derive(Default)]
/// struct Shelf(Mutex<HashMap<Slug, Placement>>);
///
/// impl Shelf {
///     fn places(&self) -> MutexGuard<'_, HashMap<Slug, Placement>> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner)
///     }
/// }
///
/// impl Driver for Shelf {
///     fn name(&self) -> &str {
///         "shelf"
///     }
///
///     fn provision<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<Placement, DriverError>> {
///         Box::pin(async move {
///             let Provision { slug, tier } = token.action();
///             let url = format!("https://{slug}.example/");
///             let placement = Placement { tier: *tier, url, made_by: Some(token.actionid()) };
///             // The name is this action's alone: what a try before it left there is replaced.
///             self.places().insert(slug.clone(), placement.clone());
///             Ok(placement)
///         })
///     }
///
///     fn undo<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<(), DriverError>> {
///         Box::pin(async move {
///             self.places().remove(&token.action().slug);
///             Ok(())
///         })
///     }
///
///     fn upgrade<'t>(&'t self, token: &'t Entitled<Upgrade>) -> BoxFuture<'t, Result<Placement, DriverError>> {
///         Box::pin(async move {
///             let Upgrade { slug, tier } = token.action();
///             let mut places = self.places();
///             let lost = || DriverError::of(ErrorKind::NotFound, "not-on-the-shelf", format!("{slug} is not there"));
///             let placement = places.get_mut(slug).ok_or_else(lost)?;
///             placement.tier = *tier;
///             Ok(placement.clone())
///         })
///     }
///
///     fn repair<'t>(&'t self, token: &'t Entitled<Repair>) -> BoxFuture<'t, Result<Placement, DriverError>> {
///         Box::pin(async move {
///             let row = token.row().ok_or_else(|| DriverError::failed("the action has no row"))?;
///             let anew = || {
///                 let url = format!("https://{}.example/", row.slug);
///                 Placement { tier: row.tier, url, made_by: Some(token.actionid()) }
///             };
///             let mut places = self.places();
///             let placement = places.entry(row.slug.clone()).or_insert_with(anew);
///             placement.tier = row.tier;
///             Ok(placement.clone())
///         })
///     }
///
///     fn decommission<'t>(&'t self, token: &'t Entitled<Decommission>) -> BoxFuture<'t, Result<(), DriverError>> {
///         Box::pin(async move {
///             self.places().remove(&token.action().slug);
///             Ok(())
///         })
///     }
///
///     fn inspect<'t>(&'t self, slug: &'t Slug) -> BoxFuture<'t, Result<Inspection, DriverError>> {
///         let found = self.places().get(slug).cloned();
///         Box::pin(async move { Ok(found.map_or(Inspection::Absent, Inspection::Serving)) })
///     }
/// }
///
/// let (auth, first) = LocalAuth::open(home)?;
/// let journal = Journal::open(&home.join("hatch"), JournalOptions::new("shelf"))?;
/// let rows = Arc::new(Rows::open(&home.join("rocky.db"), "shelf").await?);
/// let ledger = Arc::clone(&rows) as _;
/// let doors =
///     Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).ledger(ledger).build().await?;
/// let (hearth, _keeper) = Hearth::new(&doors, rows, Shelf::default())?;
///
/// let admin = Credentials::bearer(first.expect("a new home").token);
/// let completed = doors
///     .authenticate::<Admin>(&admin).await?
///     .audit(Provision { slug: Slug::parse("blue")?, tier: Tier::Team }).await?
///     .perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await?;
/// let made = completed.value()?;
/// assert_eq!((made.state, made.tier), (State::Active, Tier::Team));
/// assert_eq!(made.url.as_deref(), Some("https://blue.example/"));
/// # doors.shutdown(std::time::Duration::from_secs(1)).await?;
/// # Ok(())
/// # }
/// ```
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

    /// Makes the workspace of the row answer again: starts what is stopped, makes anew what is gone, keeps the data
    /// that is there. It has the row's tier then, and one that answers so stays as it is. Tier and tenant are in
    /// [`token.row()`](Entitled::row).
    fn repair<'t>(&'t self, token: &'t Entitled<Repair>) -> BoxFuture<'t, Result<Placement, DriverError>>;

    /// Takes the workspace away. Nothing there is success.
    fn decommission<'t>(&'t self, token: &'t Entitled<Decommission>) -> BoxFuture<'t, Result<(), DriverError>>;

    /// Looks at what is there.
    #[read_only = "a look leaves everything as it is"]
    fn inspect<'t>(&'t self, slug: &'t Slug) -> BoxFuture<'t, Result<Inspection, DriverError>>;

    /// Every workspace that it has something of, whole or in part. `reconcile` tells of those that no row knows. A driver that cannot list them says that there are none.
    #[read_only = "a look leaves everything as it is"]
    fn all<'t>(&'t self) -> BoxFuture<'t, Result<Vec<Slug>, DriverError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
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
///
/// That nobody could look is none of these, but a [`DriverError`]: what is not settled stays so.
///
/// ```
/// use rocky_sdk::hearth::{Inspection, Placement, Tier};
///
/// /// What a container runtime says of a workspace's container; the labels are the driver's own.
/// struct Container { healthy: bool, port: u16, tier_label: Option<Tier>, action_label: Option<uuid::Uuid> }
///
/// fn inspection(found: Option<Container>) -> Inspection {
///     match found {
///         None => Inspection::Absent,
///         Some(Container { healthy: true, port, tier_label: Some(tier), action_label }) => {
///             Inspection::Serving(Placement { tier, url: format!("http://127.0.0.1:{port}/"), made_by: action_label })
///         }
///         Some(Container { tier_label, .. }) => Inspection::Broken { tier: tier_label },
///     }
/// }
///
/// let stopped = Container { healthy: false, port: 40001, tier_label: Some(Tier::Solo), action_label: None };
/// assert_eq!(inspection(Some(stopped)), Inspection::Broken { tier: Some(Tier::Solo) });
/// ```
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
///
/// The caller gets the kind's status and the code. The message is for the audit event: it holds no secrets.
///
/// ```
/// use rocky_sdk::{ErrorKind, hearth::DriverError};
///
/// fn of_daemon(status: u16, said: &str) -> DriverError {
///     match status {
///         409 => DriverError::of(ErrorKind::Conflict, "name-in-use", said),
///         503 => DriverError::of(ErrorKind::Unavailable, "daemon-unavailable", said),
///         504 => DriverError::of(ErrorKind::TimedOut, "driver-timed-out", said),
///         _ => DriverError::failed(format!("the daemon answered {status}: {said}")),
///     }
/// }
///
/// assert_eq!(of_daemon(500, "no space left").to_string(), "the daemon answered 500: no space left");
///
/// // It could not even be asked: the caller may simply try again.
/// let away = DriverError::of(ErrorKind::Unavailable, "daemon-unavailable", "nobody listens there").untouched();
/// assert_eq!(away.to_string(), "nobody listens there");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DriverError {
    pub(super) kind: ErrorKind,
    pub(super) code: &'static str,
    /// Nothing was begun.
    pub(super) untouched: bool,
    message: String,
}

impl DriverError {
    /// 502 `driver-failed`. The message goes into the audit event: it holds no secrets.
    pub fn failed(message: impl Into<String>) -> Self {
        DriverError::of(ErrorKind::Failed, "driver-failed", message)
    }

    /// Another kind of failure, with a code of its own in kebab case.
    pub fn of(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        DriverError { kind, code, untouched: false, message: message.into() }
    }

    /// Says that it failed before anything was begun: nothing has to be undone or looked at, and the workspace is as it
    /// was. A decommission is tried again all the same.
    #[must_use]
    pub fn untouched(self) -> Self {
        DriverError { untouched: true, ..self }
    }
}
