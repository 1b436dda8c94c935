//! What callers and the writer share: what waits to be written, and why nothing is taken.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

/// Between two looks for room on a disk that was full.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// So many events are chained in no time.
const FEW: usize = 16;
/// How long a refused batch speaks for the next one.
const OLD_NEWS: Duration = Duration::from_secs(10);

/// Why an event is not durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("HATCH has more waiting than it may hold")]
    Full,
    #[error("HATCH did not answer in time")]
    Late,
    #[error("the event has {0} bytes, more than HATCH takes")]
    TooLarge(usize),
    #[error("the disk is full: make room, and HATCH goes on by itself")]
    NoSpace,
    #[error("the journal is displaced: {0}")]
    Displaced(String),
    #[error("the journal could not be written: {0}")]
    Io(String),
    #[error("the journal is out of service until it is opened again: {0}")]
    Poisoned(String),
    #[error("HATCH is closed")]
    Closed,
}

/// What an entry is, where room is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Must find room: its action has already run. The ballast is for these.
    Outcome,
    /// May be refused.
    Other,
}

/// One event that waits to be written.
pub(super) struct Entry {
    pub(super) body: Vec<u8>,
    /// Of the two lines with one of these, the first starts an action and the second ends it.
    pub(super) actionid: Option<Uuid>,
    pub(super) kind: Kind,
    pub(super) done: oneshot::Sender<Result<(), WriteError>>,
    /// Its share of the queue's bytes, given back when it is written or refused.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// Says what the new segment is called.
pub(super) type Rotation = oneshot::Sender<Result<String, WriteError>>;

/// What callers and the writer share.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    wake: Condvar,
}

#[derive(Default)]
pub(super) struct QueueState {
    pub(super) waiting: Vec<Entry>,
    /// Fewer than so many wake nobody.
    wanted: usize,
    /// Who wants a new segment begun.
    pub(super) rotations: Vec<Rotation>,
    closing: bool,
    /// Why nothing more will be written, once that is so.
    pub(super) poisoned: Option<String>,
    /// Why the last batch was refused, and when, until one is written again.
    pub(super) refused: Option<(WriteError, Instant)>,
    /// The ballast is given away: nothing but outcomes is taken until there is room for it again.
    pub(super) starved: bool,
    /// Why the last checkpoint could not be written, until one is again.
    pub(super) unsigned: Option<String>,
}

impl QueueState {
    /// Whether anything more will be written.
    fn takes(&self) -> Result<(), WriteError> {
        match &self.poisoned {
            Some(reason) => Err(WriteError::Poisoned(reason.clone())),
            None if self.closing => Err(WriteError::Closed),
            None => Ok(()),
        }
    }
}

impl Queue {
    pub(super) fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, entry: Entry) -> Result<(), WriteError> {
        let mut state = self.lock();
        state.takes()?;
        state.waiting.push(entry);
        let enough = state.waiting.len() >= state.wanted;
        drop(state);
        if enough {
            self.wake.notify_one();
        }
        Ok(())
    }

    pub(super) fn rotate(&self, done: Rotation) -> Result<(), WriteError> {
        let mut state = self.lock();
        state.takes()?;
        state.rotations.push(done);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
    }

    /// Why events are refused now, if they are.
    pub(super) fn trouble(&self) -> Option<String> {
        let state = self.lock();
        let poisoned = state.poisoned.clone().map(WriteError::Poisoned);
        // A displaced file is looked for at its path; anything else is old news after a while, or nobody would try again.
        let recent = state
            .refused
            .as_ref()
            .filter(|(error, when)| !matches!(error, WriteError::Displaced(_)) && when.elapsed() < OLD_NEWS);
        poisoned
            .or(state.starved.then_some(WriteError::NoSpace))
            .or_else(|| recent.map(|(error, _)| error.clone()))
            .or(state.closing.then_some(WriteError::Closed))
            .map(|error| error.to_string())
            .or_else(|| state.unsigned.clone())
    }

    /// What is waiting, in exchange for an empty list, which it may be itself when there is something to be seen to by then;
    /// `None` when all is written and no more will come.
    pub(super) fn take(&self, spare: Vec<Entry>, until: Option<Instant>) -> Option<(Vec<Entry>, Vec<Rotation>)> {
        let mut state = self.lock();
        while state.waiting.is_empty() && state.rotations.is_empty() {
            if state.closing {
                return None;
            }
            // Nobody else may come: whether there is room again is looked at by itself.
            let look = state.starved.then(|| Instant::now() + LOOK);
            let Some(until) = until.into_iter().chain(look).min() else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            let (again, waited) = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = again;
            if waited.timed_out() {
                break;
            }
        }
        Some((std::mem::replace(&mut state.waiting, spare), std::mem::take(&mut state.rotations)))
    }

    /// Adds to the batch what has come since; `false` when nothing has until then. `missing` more are expected.
    pub(super) fn more(&self, batch: &mut Vec<Entry>, missing: usize, until: Instant) -> bool {
        let mut state = self.lock();
        // The last few are waited for together: each wake-up costs more than they take to be chained.
        state.wanted = if missing > FEW { missing - FEW } else { missing };
        while state.waiting.is_empty() || state.waiting.len() < state.wanted {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closing || !state.rotations.is_empty() {
                break;
            }
            state = self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.wanted = 0;
        let came = !state.waiting.is_empty();
        batch.append(&mut state.waiting);
        came
    }
}

/// A writer that panics takes the journal out of service: nobody may wait for it.
pub(super) struct Guard(pub(super) Arc<Queue>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "the journal's writer ended".to_owned();
            let mut state = self.0.lock();
            state.poisoned = Some(reason.clone());
            let (waiting, rotations) = (std::mem::take(&mut state.waiting), std::mem::take(&mut state.rotations));
            drop(state);
            drop(rotations); // whoever waits for one hears of it
            refuse(waiting.into_iter(), &WriteError::Poisoned(reason));
        }
    }
}

pub(super) fn refuse(entries: impl Iterator<Item = Entry>, error: &WriteError) {
    for entry in entries {
        tell(entry, Err(error.clone()));
    }
}

/// One that waits no longer has dropped its end; RELAY sees to what that means.
pub(super) fn tell(entry: Entry, result: Result<(), WriteError>) {
    if entry.done.send(result).is_err() {
        tracing::debug!("nobody waits for this event any more");
    }
}
