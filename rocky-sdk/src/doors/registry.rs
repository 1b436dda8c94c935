//! The actions that have started and have no outcome, with or without a task at work on them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::hatch::Tombstone;

struct Started {
    tombstone: Tombstone,
    at_work: bool,
}

/// Oldest first: a UUIDv7 sorts by its time.
pub(crate) struct Registry(Mutex<BTreeMap<Uuid, Started>>);

impl Registry {
    /// Begins with what an earlier run left.
    pub(super) fn new(left: &[Tombstone]) -> Self {
        let left =
            left.iter().map(|tombstone| (tombstone.actionid, Started { tombstone: tombstone.clone(), at_work: false }));
        Registry(Mutex::new(left.collect()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Started>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn began(&self, tombstone: Tombstone) {
        self.lock().insert(tombstone.actionid, Started { tombstone, at_work: true });
    }

    /// Nobody works on it any more, and it has no outcome.
    pub(super) fn leave(&self, actionid: Uuid) {
        if let Some(started) = self.lock().get_mut(&actionid) {
            started.at_work = false;
        }
    }

    /// Its outcome is durable.
    pub(super) fn closed(&self, actionid: Uuid) {
        self.lock().remove(&actionid);
    }

    /// Takes one that nobody works on.
    #[cfg(feature = "hearth")]
    pub(super) fn take(&self, actionid: Uuid) -> Option<Tombstone> {
        let mut started = self.lock();
        let idle = started.get_mut(&actionid).filter(|started| !started.at_work)?;
        idle.at_work = true;
        Some(idle.tombstone.clone())
    }

    pub(super) fn idle(&self) -> Vec<Tombstone> {
        self.lock().values().filter(|started| !started.at_work).map(|started| started.tombstone.clone()).collect()
    }

    /// All of them, at work or not.
    #[cfg(feature = "hearth")]
    pub(super) fn known(&self) -> Vec<Uuid> {
        self.lock().keys().copied().collect()
    }

    pub(super) fn at_work(&self) -> Vec<Tombstone> {
        self.lock().values().filter(|started| started.at_work).map(|started| started.tombstone.clone()).collect()
    }
}
