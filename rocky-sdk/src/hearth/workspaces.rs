//! Reads, scoped to the tenant that asks.

use std::time::Duration;

use serde::Serialize;
use tracing::Instrument;

use super::{Hearth, Inspection, Placement};
use crate::{
    DeploymentRef, Role, Slug, State,
    airlock::Session,
    doors::{Authenticated, Denied, Inbound, ledger_unavailable, unknown_workspace},
};

/// How long a look may take.
const LOOK: Duration = Duration::from_secs(2);

/// The workspaces of one tenant.
pub struct Workspaces<'a> {
    hearth: &'a Hearth,
    session: &'a Session,
    inbound: &'a Inbound,
    service: bool,
    foreign: bool,
}

/// A workspace's row, and what a look at the workspace itself finds. The two differ where somebody stopped, changed or
/// removed it by hand: that is shown, and mended by a [`Repair`](super::Repair), not silently.
///
/// As JSON it is the row with one more field:
/// ```
/// use rocky_sdk::hearth::{DeploymentRef, Found, Looked};
///
/// let row: DeploymentRef = serde_json::from_str(r#"{
///     "slug": "blue", "tenant": "acme", "tier": "team", "state": "active",
///     "driver": "process", "url": "http://127.0.0.1:40001/",
///     "created_at": "2026-03-01T09:00:00.000000Z", "updated_at": "2026-03-02T10:30:00.250000Z"
/// }"#)?;
/// let answered = serde_json::to_value(Looked { row, found: Some(Found::Absent) })?;
/// assert_eq!(answered["state"], "active");
/// assert_eq!(answered["found"], "absent");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// The row.
    #[serde(flatten)]
    pub row: DeploymentRef,
    /// What is there; `None` while an action has it, or had it as it was looked at.
    pub found: Option<Found>,
}

/// What is there of a workspace, against its row.
///
/// ```
/// use rocky_sdk::hearth::{Found, Looked};
///
/// /// What a page says of a workspace, and whether it offers a repair.
/// fn told(looked: &Looked) -> (&'static str, bool) {
///     match looked.found {
///         None => ("is being worked on", false),
///         Some(Found::Serving) => ("answers", false),
///         Some(Found::Different) => ("answers, and not as its row says", true),
///         Some(Found::Broken) => ("is there, and does not answer", true),
///         Some(Found::Absent) => ("is not there", true),
///         Some(Found::Unknown) => ("may be there: nobody could look", false),
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It answers, as its row says.
    Serving,
    /// It answers, with another tier or at another URL than its row says.
    Different,
    /// Something that does not answer: stopped, crashed or half there.
    Broken,
    /// Nothing.
    Absent,
    /// Nobody could look in time, or the row's driver is not configured.
    Unknown,
}

impl<'a> Workspaces<'a> {
    pub(super) fn new<R: Role>(hearth: &'a Hearth, authenticated: &'a Authenticated<R>) -> Self {
        let doors = &hearth.0.doors;
        Workspaces {
            hearth,
            session: authenticated.session(),
            inbound: authenticated.inbound(),
            service: authenticated.is_service(),
            foreign: !std::sync::Arc::ptr_eq(doors.identity(), authenticated.doors().identity()),
        }
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// 403 `denied` for a service and for whom other doors let in; 503 `ledger-unavailable`.
    pub async fn list(&self) -> Result<Vec<DeploymentRef>, Denied> {
        self.may_read().await?;
        self.hearth.0.rows.of_tenant(self.session.tenant()).await.map_err(|error| unavailable(&error))
    }

    /// The one of this name.
    ///
    /// # Errors
    /// 404 `unknown-workspace`, and 403 `denied` for another tenant's, which is recorded.
    pub async fn get(&self, slug: &Slug) -> Result<DeploymentRef, Denied> {
        self.may_read().await?;
        match self.hearth.0.rows.get(slug).await {
            Ok(None) => Err(unknown_workspace().denied()),
            Ok(Some(row)) if row.tenant == self.session.tenant() => Ok(row),
            Ok(Some(_)) => {
                let inbound = self.inbound.clone().about(Some(slug.clone()));
                let who = Some(self.session.clone());
                Err(self.hearth.0.doors.deny(who, &inbound, "another tenant's workspace").await)
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// The one of this name, and whether what is there is what its row says. The look takes at most 2 s; it changes
    /// nothing, and there is none while an action has the workspace.
    ///
    /// ```
    /// use rocky_sdk::{
    ///     Authenticated, Denied, Observer, Slug,
    ///     hearth::{Found, Hearth, Looked},
    /// };
    ///
    /// async fn is_to_be_repaired(hearth: Hearth, who: Authenticated<Observer>, slug: Slug) -> Result<bool, Denied> {
    ///     let Looked { found, .. } = hearth.workspaces(&who).look(&slug).await?;
    ///     Ok(matches!(found, Some(Found::Different | Found::Broken | Found::Absent)))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`Workspaces::get`]. That nobody could look is no error, but [`Found::Unknown`].
    pub async fn look(&self, slug: &Slug) -> Result<Looked, Denied> {
        let row = self.get(slug).await?;
        if !matches!(row.state, State::Active | State::ReadOnly) {
            return Ok(Looked { row, found: None });
        }
        let found = self.hearth.found(&row).await;
        // What an action did meanwhile is not drift.
        let now = self.get(slug).await?;
        Ok(Looked { found: (now == row).then_some(found), row: now })
    }

    /// A service's key is good for its actions, and for no reads. Whom other doors let in is a stranger here, whoever they say
    /// that it is.
    async fn may_read(&self) -> Result<(), Denied> {
        let (who, reason) = match (self.foreign, self.service) {
            (true, _) => (None, "let in by other doors"),
            (false, true) => (Some(self.session.clone()), "a service reads nothing"),
            (false, false) => return Ok(()),
        };
        Err(self.hearth.0.doors.deny(who, self.inbound, reason).await)
    }
}

impl Hearth {
    /// What is there of the row's workspace, as far as its driver says in time.
    async fn found(&self, row: &DeploymentRef) -> Found {
        if row.driver != self.0.rows.driver() {
            return Found::Unknown; // another driver's look would not find it, wherever it is
        }
        let (hearth, slug) = (self.clone(), row.slug.clone());
        // In a task of its own: a driver that blocks its thread keeps no caller waiting.
        let look = async move { hearth.inspect(&slug, LOOK).await };
        let look = self.0.doors.runtime().spawn(look.in_current_span());
        match tokio::time::timeout(LOOK, look).await {
            Ok(Ok(Ok(inspection))) => against(row, &inspection),
            Ok(Ok(Err(why))) => {
                tracing::warn!(slug = %row.slug, why, "nobody could look at a workspace");
                Found::Unknown
            }
            _ => {
                tracing::warn!(slug = %row.slug, "a look at a workspace did not end in time");
                Found::Unknown
            }
        }
    }
}

fn against(row: &DeploymentRef, inspection: &Inspection) -> Found {
    match inspection {
        Inspection::Absent => Found::Absent,
        Inspection::Broken { .. } => Found::Broken,
        Inspection::Serving(Placement { tier, url, .. }) if *tier == row.tier && row.url.as_ref() == Some(url) => {
            Found::Serving
        }
        Inspection::Serving(_) => Found::Different,
    }
}

impl std::fmt::Debug for Workspaces<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workspaces(of {})", self.session.tenant())
    }
}

pub(super) fn unavailable(error: &crate::doors::LedgerError) -> Denied {
    tracing::error!(%error, "a read was refused");
    ledger_unavailable().denied()
}
