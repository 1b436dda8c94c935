//! The trait through which the doors ask about the workspace that an action is about, and keep idempotent answers.

use std::{any::TypeId, borrow::Cow};

use uuid::Uuid;

use super::problem::Problem;
use crate::{
    BoxFuture, DeploymentRef, Metered, Rank, Slug, Tier,
    action::{Action, failed_event},
    airlock::Session,
    hatch::Tombstone,
};

/// What is about to be done, by whom, about what. Made by the doors.
#[derive(Debug, Clone)]
pub struct Intent {
    pub(crate) actionid: Uuid,
    pub(crate) action_type: TypeId,
    pub(crate) action: &'static str,
    pub(crate) started: &'static str,
    pub(crate) succeeded: &'static str,
    pub(crate) failed: Cow<'static, str>,
    pub(crate) retried: bool,
    pub(crate) session: Session,
    pub(crate) subject: Option<Slug>,
    pub(crate) metered: Metered,
}

impl Intent {
    pub(crate) fn of<A: Action>(action: &A, session: Session, actionid: Uuid) -> Self {
        Intent {
            actionid,
            action_type: TypeId::of::<A>(),
            action: A::NAME,
            started: A::STARTED.as_str(),
            succeeded: A::SUCCEEDED.as_str(),
            failed: failed_event(A::STARTED, A::ON_FAILURE),
            retried: A::ON_FAILURE == crate::OnFailure::Retry,
            session,
            subject: action.subject().cloned(),
            metered: action.metered(),
        }
    }

    /// Joins the action's events, its claim and its answer.
    #[must_use]
    pub fn actionid(&self) -> Uuid {
        self.actionid
    }

    /// Whether the action is an `A`: the type itself, not its name.
    #[must_use]
    pub fn is<A: Action>(&self) -> bool {
        self.action_type == TypeId::of::<A>()
    }

    /// The tenant that it is for.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.session.tenant()
    }

    /// Who does it.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.session.subject()
    }

    /// In which role.
    #[must_use]
    pub fn role(&self) -> Rank {
        self.session.role()
    }

    /// The workspace that it is about.
    #[must_use]
    pub fn subject(&self) -> Option<&Slug> {
        self.subject.as_ref()
    }

    /// The tier that is asked for, where one is.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        match self.metered {
            Metered::Asked(tier) => Some(tier),
            Metered::No | Metered::Row => None,
        }
    }
}

/// Who has the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The action's tenant; or the action makes it, and whether it may is the claim's to say.
    Ours,
    /// Another tenant: 403 `denied`, and `auth.denied`.
    Theirs,
    /// Nobody: 404 `unknown-workspace`.
    Nobody,
}

/// Why a workspace cannot be acted on. Each closes the started event with `refused`.
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
    /// 409 `other-driver`: its row names a driver that is not configured.
    OtherDriver {
        /// The driver that the row names.
        named: String,
    },
    /// 503 `ledger-unavailable`: the rows cannot be read or written.
    Unavailable(String),
}

/// The rows cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the rows cannot be used: {0}")]
pub struct LedgerError(pub String);

/// What becomes of the row when the action ends. It stays claimed until [`Ledger::release`].
#[derive(Debug)]
pub enum Change<'a> {
    /// The action succeeded; a driver's action says what there is now.
    Done(Option<&'a DeploymentRef>),
    /// The action did nothing, or undid what it did: the row is what it was before.
    Reverted,
}

/// What is kept for an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status that was answered.
    pub status: u16,
    /// The body that was answered.
    pub body: Vec<u8>,
}

/// A key under which an answer is looked up: per tenant, actor, action and key, with a fingerprint of the action.
#[derive(Debug, Clone)]
pub struct AnswerKey {
    pub(crate) tenant: String,
    pub(crate) actor: String,
    pub(crate) action: &'static str,
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) actionid: Uuid,
}

impl AnswerKey {
    /// The tenant that the action is for.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Who does it.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The action's name.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// The caller's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What tells this action from another of its type: a hash of it, in hex.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The action that takes the key where it is new.
    #[must_use]
    pub fn actionid(&self) -> Uuid {
        self.actionid
    }
}

/// What the look-up of an answer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// Nothing: the key is this action's from now on.
    New,
    /// The action that has the key is still at work: 409.
    InFlight,
    /// The key was used for another action: 422.
    Different,
    /// What was answered then.
    Answered(Answer),
}

/// Rows and answers, as the doors need them; `hearth::Rows` is one, where the feature is on. Every change is durable when its call returns.
///
/// The order in `perform` is: claim, standing, Polar, driver, `settle`, the outcome durable, `release`, the response.
pub trait Ledger: Send + Sync + 'static {
    /// Asked once, before anything else: what an earlier run left. Claims of these actions are in doubt; other claims and
    /// answers belong to actions whose outcome is durable.
    fn recover<'a>(&'a self, open: &'a [Tombstone]) -> BoxFuture<'a, Result<(), LedgerError>>;
    /// Asked before anything is written as started.
    fn owner<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Owner, LedgerError>>;
    /// Takes the workspace for this action alone, and says what its row is.
    fn claim<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<DeploymentRef, Obstacle>>;
    /// Asked with the claim held: whether the action makes sense for what is there.
    fn standing<'a>(&'a self, intent: &'a Intent, row: &'a DeploymentRef) -> BoxFuture<'a, Result<(), Obstacle>>;
    /// Writes the row's new state, still claimed, and keeps the answer, not yet to be given. An answer that was kept before
    /// is dropped when the change is [`Change::Reverted`] without one.
    ///
    /// # Errors
    /// [`SettleError::NothingDone`] where a driver's action succeeded without its driver.
    fn settle<'a>(
        &'a self,
        actionid: Uuid,
        change: Change<'a>,
        answer: Option<&'a Answer>,
    ) -> BoxFuture<'a, Result<(), SettleError>>;
    /// The outcome is durable: gives the claim back and the answer free; a key without an answer is forgotten.
    fn release(&self, actionid: Uuid) -> BoxFuture<'_, Result<(), LedgerError>>;
    /// The action has no outcome yet: its workspace is `unsettled` until it has.
    fn doubt(&self, actionid: Uuid) -> BoxFuture<'_, Result<(), LedgerError>>;
    /// Looks a key up; with `take`, takes it where it is new.
    fn recall<'a>(&'a self, key: &'a AnswerKey, take: bool) -> BoxFuture<'a, Result<Recall, LedgerError>>;
    /// The row that this action has claimed.
    fn claimed(&self, actionid: Uuid) -> BoxFuture<'_, Result<Option<DeploymentRef>, LedgerError>>;
}

/// Why a row's new state is not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettleError {
    /// The action said that it succeeded, and its driver was never called.
    #[error("the action succeeded without its driver")]
    NothingDone,
    /// The rows cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
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
