//! The one thread that writes: it takes what is waiting, stamps and chains it, writes it once, syncs it once, and only
//! then wakes those who wait.

use std::{
    fs::File,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::storage::{Displaced, Storage};
use crate::hatch::record::{self, Chain};

/// Between two looks for room on a disk that was full.
const LOOK: Duration = Duration::from_secs(1);
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
    pub(super) kind: Kind,
    pub(super) done: oneshot::Sender<Result<(), WriteError>>,
    /// Its share of the queue's bytes, given back when it is written or refused.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// What callers and the writer share.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    wake: Condvar,
}

#[derive(Default)]
struct QueueState {
    waiting: Vec<Entry>,
    closing: bool,
    /// Why nothing more will be written, once that is so.
    poisoned: Option<String>,
    /// Why the last batch was refused, and when, until one is written again.
    refused: Option<(WriteError, Instant)>,
    /// The ballast is given away: nothing but outcomes is taken until there is room for it again.
    starved: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, entry: Entry) -> Result<(), WriteError> {
        let mut state = self.lock();
        if let Some(reason) = &state.poisoned {
            return Err(WriteError::Poisoned(reason.clone()));
        }
        if state.closing {
            return Err(WriteError::Closed);
        }
        state.waiting.push(entry);
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
    }

    /// Why events are refused now, if they are.
    pub(super) fn trouble(&self) -> Option<WriteError> {
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
    }

    /// What is waiting, in exchange for an empty list; `None` when all is written and no more will come.
    fn take(&self, spare: Vec<Entry>) -> Option<Vec<Entry>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closing {
                return None;
            }
            if state.starved {
                // Nobody else may come: whether there is room again is looked at by itself.
                let (again, waited) = self.wake.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner);
                state = again;
                if waited.timed_out() {
                    break;
                }
            } else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        Some(std::mem::replace(&mut state.waiting, spare))
    }
}

/// The writing side of a journal.
pub(super) struct Writer<S> {
    storage: S,
    queue: Arc<Queue>,
    chain: Chain,
    /// Bytes of the segment that are durable.
    durable: u64,
    buffer: Vec<u8>,
    /// Held until the last line is written: nobody else opens the journal before that.
    _lock: File,
}

impl<S: Storage> Writer<S> {
    pub(super) fn new(mut storage: S, lock: File, queue: Arc<Queue>, chain: Chain, durable: u64) -> io::Result<Self> {
        queue.lock().starved = match storage.restore_ballast() {
            Ok(()) => false,
            Err(error) if no_space(&error) => true,
            Err(error) => return Err(error),
        };
        Ok(Writer { storage, queue, chain, durable, buffer: Vec::new(), _lock: lock })
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let guard = Guard(Arc::clone(&self.queue));
        let mut spare = Vec::new();
        while let Some(mut batch) = self.queue.take(std::mem::take(&mut spare)) {
            self.write(&mut batch);
            spare = batch;
        }
        drop(guard);
    }

    fn write(&mut self, batch: &mut Vec<Entry>) {
        if let Some(reason) = self.queue.lock().poisoned.clone() {
            return refuse(batch.drain(..), &WriteError::Poisoned(reason));
        }
        if self.queue.lock().starved {
            match self.storage.restore_ballast() {
                Ok(()) => self.queue.lock().starved = false,
                Err(_) => self.refuse_all_but_outcomes(batch),
            }
        }
        let mut result = self.commit(batch);
        if result == Err(WriteError::NoSpace) && batch.iter().any(|entry| entry.kind == Kind::Outcome) {
            self.queue.lock().starved = true;
            self.refuse_all_but_outcomes(batch);
            result = match self.storage.release_ballast() {
                Ok(()) => self.commit(batch),
                Err(error) => Err(WriteError::Io(error.to_string())),
            };
        }
        if !batch.is_empty() {
            self.queue.lock().refused = result.clone().err().map(|error| (error, Instant::now()));
        }
        match result {
            Ok(()) => batch.drain(..).for_each(|entry| tell(entry, Ok(()))),
            Err(error) => refuse(batch.drain(..), &error),
        }
    }

    fn refuse_all_but_outcomes(&mut self, batch: &mut Vec<Entry>) {
        let others = batch.extract_if(.., |entry| entry.kind != Kind::Outcome);
        refuse(others, &WriteError::NoSpace);
    }

    /// Makes the batch durable as a whole, or leaves the segment as it was.
    pub(super) fn commit(&mut self, batch: &[Entry]) -> Result<(), WriteError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.check_place()?;
        let chain = self.chained(batch);
        if let Err(error) = self.storage.append(&self.buffer) {
            self.cut_back()?;
            return Err(if no_space(&error) { WriteError::NoSpace } else { WriteError::Io(error.to_string()) });
        }
        if let Err(error) = self.storage.sync() {
            // The kernel may have dropped the pages and forgotten that they were dirty: a second fsync would lie.
            return Err(self.poison(format!("fdatasync failed: {error}")));
        }
        let durable = self.durable + self.buffer.len() as u64;
        if let Err(displaced) = self.storage.in_place(durable) {
            if matches!(displaced, Displaced::Gone(_)) {
                self.cut_back()?; // a file that another hand writes is not ours to cut
            }
            return Err(self.displaced(displaced));
        }
        (self.chain, self.durable) = (chain, durable);
        Ok(())
    }

    fn check_place(&mut self) -> Result<(), WriteError> {
        self.storage.in_place(self.durable).map_err(|displaced| self.displaced(displaced))
    }

    fn displaced(&mut self, displaced: Displaced) -> WriteError {
        match displaced {
            Displaced::Gone(reason) => WriteError::Displaced(reason),
            Displaced::Tampered(reason) => self.poison(reason),
        }
    }

    /// The batch's lines in `buffer`; the chain as it is after them.
    fn chained(&mut self, batch: &[Entry]) -> Chain {
        let mut chain = self.chain.clone();
        self.buffer.clear();
        for entry in batch {
            chain.sequence += 1;
            let begin = self.buffer.len();
            self.buffer.extend_from_slice(&entry.body);
            let sequence = record::sequence_text(chain.sequence);
            self.buffer
                .extend_from_slice(format!(",\"sequence\":\"{sequence}\",\"prevhash\":\"{}\"", chain.hash).as_bytes());
            chain.hash = record::hash(&self.buffer[begin..]);
            self.buffer.extend_from_slice(format!(",\"hash\":\"{}\"}}\n", chain.hash).as_bytes());
        }
        chain
    }

    /// Takes back what a failed batch wrote, so that no line stands for an action that never ran.
    fn cut_back(&mut self) -> Result<(), WriteError> {
        match self.storage.cut_back(self.durable) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.poison(format!("a refused batch could not be taken back: {error}"))),
        }
    }

    fn poison(&mut self, reason: String) -> WriteError {
        self.queue.lock().poisoned = Some(reason.clone());
        tracing::error!(%reason, "the journal is out of service");
        WriteError::Poisoned(reason)
    }
}

/// A writer that panics takes the journal out of service: nobody may wait for it.
struct Guard(Arc<Queue>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "the journal's writer ended".to_owned();
            let mut state = self.0.lock();
            state.poisoned = Some(reason.clone());
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            refuse(waiting.into_iter(), &WriteError::Poisoned(reason));
        }
    }
}

fn no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn refuse(entries: impl Iterator<Item = Entry>, error: &WriteError) {
    for entry in entries {
        tell(entry, Err(error.clone()));
    }
}

/// One that waits no longer has dropped its end; RELAY sees to what that means.
fn tell(entry: Entry, result: Result<(), WriteError>) {
    if entry.done.send(result).is_err() {
        tracing::debug!("nobody waits for this event any more");
    }
}
