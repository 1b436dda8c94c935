//! Why a workspace cannot be acted on, and what the caller is told.

use super::LedgerError;
use crate::{Tier, doors::Problem};

/// Why a workspace cannot be acted on. Each closes the started event with `refused`.
///
/// What a ledger says of the row that an upgrade is about:
/// ```
/// use rocky_sdk::{DeploymentRef, State, Tier, doors::{LedgerError, Obstacle}};
///
/// fn in_the_way(row: Result<Option<DeploymentRef>, LedgerError>, wanted: Tier) -> Result<(), Obstacle> {
///     let row = row.map_err(|LedgerError(why)| Obstacle::Unavailable(why))?.ok_or(Obstacle::Unknown)?;
///     if row.driver != "process" {
///         return Err(Obstacle::OtherDriver { named: row.driver });
///     }
///     match row.state {
///         State::Provisioning | State::Upgrading | State::Decommissioning => Err(Obstacle::Busy),
///         State::Unsettled => Err(Obstacle::Unsettled),
///         State::ReadOnly => Err(Obstacle::ReadOnly { until: "2026-03-08T00:00:00.000000Z".to_owned() }),
///         State::Active if wanted <= row.tier => Err(Obstacle::NotAnUpgrade { has: row.tier }),
///         State::Active => Ok(()),
///     }
/// }
///
/// /// And of the row whose tier is back.
/// fn lifted(row: &DeploymentRef) -> Result<(), Obstacle> {
///     if row.state == State::ReadOnly { Ok(()) } else { Err(Obstacle::NothingToDo) }
/// }
///
/// let now = "2026-03-01T00:00:00.000000Z".to_owned();
/// let row = DeploymentRef {
///     slug: "acme".parse()?,
///     tenant: "local".to_owned(),
///     tier: Tier::Team,
///     state: State::Active,
///     driver: "process".to_owned(),
///     url: None,
///     created_at: now.clone(),
///     updated_at: now,
/// };
/// assert_eq!(lifted(&row), Err(Obstacle::NothingToDo));
/// assert_eq!(in_the_way(Ok(Some(row.clone())), Tier::Solo), Err(Obstacle::NotAnUpgrade { has: Tier::Team }));
/// assert_eq!(in_the_way(Ok(Some(row)), Tier::Business), Ok(()));
/// assert_eq!(in_the_way(Ok(None), Tier::Business), Err(Obstacle::Unknown));
/// # Ok::<(), rocky_sdk::InvalidSlug>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// 409 `slug-taken`.
    SlugTaken,
    /// 409 `busy`: another action has the claim.
    Busy,
    /// 409 `unsettled`: an action on it has no outcome yet.
    Unsettled,
    /// 404 `unknown-workspace`: it went away since it was asked about.
    Unknown,
    /// 422 `not-an-upgrade`.
    NotAnUpgrade {
        /// The tier that it has.
        has: Tier,
    },
    /// 423 `read-only`.
    ReadOnly {
        /// Until when; RFC 3339.
        until: String,
    },
    /// 409 `nothing-to-do`: it is as the action would make it, or can never be.
    NothingToDo,
    /// 409 `other-driver`: its row names a driver that is not configured.
    OtherDriver {
        /// The driver that the row names.
        named: String,
    },
    /// 503 `ledger-unavailable`: the rows cannot be read or written.
    Unavailable(String),
}

impl From<LedgerError> for Obstacle {
    fn from(error: LedgerError) -> Self {
        tracing::error!(%error, "the rows cannot be used");
        Obstacle::Unavailable(error.0)
    }
}

impl Obstacle {
    pub(crate) fn problem(&self) -> Problem {
        match self {
            Obstacle::SlugTaken => Problem::new(409, "slug-taken", "A workspace has this slug: choose another."),
            Obstacle::Busy => {
                Problem::new(409, "busy", "Another action is at work on this workspace: try again when it is done.")
            }
            Obstacle::Unsettled => Problem::new(
                409,
                "unsettled",
                "An action on this workspace has no outcome yet: an operator settles it with `reconcile`.",
            ),
            Obstacle::Unknown => unknown_workspace(),
            Obstacle::NotAnUpgrade { has } => {
                Problem::new(422, "not-an-upgrade", format!("The workspace has the tier {has}: ask for a higher one."))
            }
            Obstacle::ReadOnly { until } => {
                Problem::new(423, "read-only", format!("The workspace is read-only until {until}.")).until(until)
            }
            Obstacle::NothingToDo => {
                Problem::new(409, "nothing-to-do", "There is nothing that this action would change.")
            }
            Obstacle::OtherDriver { named } => Problem::new(
                409,
                "other-driver",
                format!("The workspace was made by the driver `{named}`, which is not configured here."),
            ),
            Obstacle::Unavailable(_) => ledger_unavailable(),
        }
    }
}

pub(crate) fn unknown_workspace() -> Problem {
    Problem::new(404, "unknown-workspace", "There is no workspace of this name.")
}

pub(crate) fn ledger_unavailable() -> Problem {
    Problem::new(503, "ledger-unavailable", "The rows cannot be read or written now: try again.")
}
