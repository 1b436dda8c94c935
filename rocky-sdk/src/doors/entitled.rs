//! All doors passed: `&Entitled<A>`, lent to the action.

use std::{
    marker::PhantomData,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use uuid::Uuid;

use super::{Doors, Identity, Intent, Invariant};
use crate::{DeploymentRef, airlock::Session, sealed::ByRockyAlone};

/// The token that opens a driver. It owns the action that was audited, so what was audited is what is done, and lends
/// the row that the action is about.
///
/// It is born inside [`perform`](super::Audited::perform), lent to the action, and dead after it: nobody but the doors
/// ever owns one.
pub struct Entitled<A> {
    action: A,
    row: Option<DeploymentRef>,
    intent: Intent,
    doors: Arc<Identity>,
    ends_at: Instant,
    track: Arc<Track>,
    kind: Invariant<A>,
}

/// What a route is lent and a driver's method takes: [`Entitled<A>`], and nothing else. The macros look for `Entitled<_>` where
/// it is spelt so (a route, for any path with one type in it), and ask by this trait whether that is rocky's: a type of the
/// same name is none.
///
/// ```
/// use rocky_sdk::{Entitled, Slug, doors::Token, tenant_action};
/// #[tenant_action(role = admin, started = "titles.rename_started", succeeded = "titles.renamed", failed = "titles.failed")]
/// struct Rename { title: String }
/// type Renaming = Entitled<Rename>;
/// fn title(action: &<Renaming as Token>::Action) -> &str {
///     &action.title
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a token",
    label = "the token is `&Entitled<TheAction>`",
    note = "the doors lend `rocky_sdk::Entitled<TheAction>` to an action, and drivers open with nothing else"
)]
pub trait Token {
    /// The action that it is for.
    type Action;
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone;
}

/// Holds only for a token. What [`tenant_action`](crate::tenant_action) writes asks it about a route's first parameter.
///
/// ```
/// # use rocky_sdk::{Entitled, tenant_action};
/// # #[tenant_action(role = admin, started = "a.b_started", succeeded = "a.b", failed = "a.failed")]
/// # struct Rename {}
/// rocky_sdk::doors::lent::<Entitled<Rename>>();
/// ```
pub const fn lent<T: Token>() {}

#[diagnostic::do_not_recommend]
impl<A> Token for Entitled<A> {
    type Action = A;
    fn sealed() -> ByRockyAlone {
        ByRockyAlone
    }
}

/// What the action has done so far, for whoever has to end it.
#[derive(Default)]
pub(crate) struct Track {
    opened: AtomicBool,
    progress: Mutex<Progress>,
}

/// How far a driver that a ledger's row names has come.
#[derive(Debug, Clone, Default)]
pub(crate) enum Progress {
    /// It was not called, or what it did is undone.
    #[default]
    Nothing,
    /// It was called, and nobody knows yet.
    #[cfg(feature = "hearth")]
    Acting,
    /// It did its work: this is what there is now.
    #[cfg(feature = "hearth")]
    Done(DeploymentRef),
}

/// Called once all doors are passed, and nowhere else.
pub(super) fn entitled<A>(
    doors: &Doors,
    action: A,
    row: Option<DeploymentRef>,
    intent: Intent,
    track: Arc<Track>,
) -> Entitled<A> {
    let ends_at = Instant::now() + doors.inner().limits.driver;
    let doors = Arc::clone(doors.identity());
    Entitled { action, row, intent, doors, ends_at, track, kind: PhantomData }
}

impl<A> Entitled<A> {
    /// The action as it was audited: a driver reads its arguments from here.
    #[must_use]
    pub fn action(&self) -> &A {
        &self.action
    }

    /// The row of the workspace that the action is about.
    #[must_use]
    pub fn row(&self) -> Option<&DeploymentRef> {
        self.row.as_ref()
    }

    /// Who does it, for which tenant.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.intent.session
    }

    /// Joins the action's events; unique, and fit to label what a driver makes.
    #[must_use]
    pub fn actionid(&self) -> Uuid {
        self.intent.actionid
    }

    /// When the doors stop waiting for the action and answer 502: 60 s after it began, settable. A driver that stops before has
    /// time to undo what it did.
    ///
    /// ```
    /// use std::time::Instant;
    /// use rocky_sdk::Entitled;
    /// # #[rocky_sdk::tenant_action(role = admin, started = "a.b_started", succeeded = "a.b", failed = "a.failed")]
    /// # struct Copy {}
    /// async fn copied(token: &Entitled<Copy>, work: impl Future<Output = ()>) -> bool {
    ///     let left = token.ends_at().saturating_duration_since(Instant::now());
    ///     tokio::time::timeout(left / 2, work).await.is_ok()
    /// }
    /// ```
    #[must_use]
    pub fn ends_at(&self) -> Instant {
        self.ends_at
    }

    pub(super) fn identity(&self) -> &Arc<Identity> {
        &self.doors
    }

    pub(super) fn opened_a_driver(&self) {
        self.track.opened.store(true, Ordering::Release);
    }

    #[cfg(feature = "hearth")]
    pub(crate) fn progress(&self, progress: Progress) {
        *self.track.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}

impl Track {
    pub(super) fn opened(&self) -> bool {
        self.opened.load(Ordering::Acquire)
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<A: std::fmt::Debug> std::fmt::Debug for Entitled<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entitled({:?})", self.action)
    }
}
