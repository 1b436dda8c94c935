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
use crate::{DeploymentRef, airlock::Session};

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

impl<A> Entitled<A> {
    pub(super) fn new(doors: &Doors, action: A, row: Option<DeploymentRef>, intent: Intent, track: Arc<Track>) -> Self {
        let ends_at = Instant::now() + doors.inner().limits.driver;
        let doors = Arc::clone(doors.identity());
        Entitled { action, row, intent, doors, ends_at, track, kind: PhantomData }
    }

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

    /// When the doors stop waiting for the action and answer 502.
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
