//! The one thread that writes: it takes what is waiting, stamps and chains it, writes it once, syncs it once, and only
//! then wakes those who wait.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

use super::storage::{Displaced, Doubt, Storage};
use crate::hatch::{
    event::{Actor, Event},
    record::{self, Chain},
    segment::{self, Deleted, Opened, Position, StillOpen},
};

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
struct QueueState {
    waiting: Vec<Entry>,
    /// Who wants a new segment begun.
    rotations: Vec<Rotation>,
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

    pub(super) fn rotate(&self, done: Rotation) -> Result<(), WriteError> {
        let mut state = self.lock();
        if let Some(reason) = &state.poisoned {
            return Err(WriteError::Poisoned(reason.clone()));
        }
        if state.closing {
            return Err(WriteError::Closed);
        }
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
    fn take(&self, spare: Vec<Entry>) -> Option<(Vec<Entry>, Vec<Rotation>)> {
        let mut state = self.lock();
        while state.waiting.is_empty() && state.rotations.is_empty() {
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
        Some((std::mem::replace(&mut state.waiting, spare), std::mem::take(&mut state.rotations)))
    }
}

/// The writing side of a journal.
pub(super) struct Writer<S> {
    storage: S,
    queue: Arc<Queue>,
    chain: Chain,
    segment: Segment,
    /// Bytes of the segment that are durable.
    durable: u64,
    buffer: Vec<u8>,
    /// No segment is begun before, after one that could not be.
    not_before: Instant,
    /// Held until the last line is written: nobody else opens the journal before that.
    _lock: File,
}

/// The segment that is written, and what the next one's first line will say.
pub(super) struct Segment {
    pub(super) source: Arc<str>,
    pub(super) number: u64,
    /// From how many bytes on the next one is begun.
    pub(super) full: u64,
    /// How many sealed ones are kept; `None`: all.
    pub(super) keep: Option<u64>,
    /// The oldest that is still there.
    pub(super) oldest: u64,
    /// Bytes of its first line, which grows with the open actions and fills no segment.
    pub(super) first_line: u64,
    /// What was left in doubt, by this writer and those before it, and no segment says yet.
    pub(super) doubts: Vec<Doubt>,
    /// The actions that have started and have no outcome, and where their lines are.
    pub(super) open: BTreeMap<Uuid, Position>,
}

impl<S: Storage> Writer<S> {
    pub(super) fn new(
        mut storage: S,
        lock: File,
        queue: Arc<Queue>,
        (chain, segment, durable): (Chain, Segment, u64),
    ) -> io::Result<Self> {
        queue.lock().starved = match storage.restore_ballast() {
            Ok(()) => false,
            Err(error) if no_space(&error) => true,
            Err(error) => return Err(error),
        };
        let (buffer, not_before) = (Vec::new(), Instant::now());
        Ok(Writer { storage, queue, chain, segment, durable, buffer, not_before, _lock: lock })
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let guard = Guard(Arc::clone(&self.queue));
        let mut spare = Vec::new();
        while let Some((mut batch, rotations)) = self.queue.take(std::mem::take(&mut spare)) {
            self.write(&mut batch);
            spare = batch;
            if !rotations.is_empty() {
                let begun = self.rotate();
                for done in rotations {
                    if done.send(begun.clone()).is_err() {
                        tracing::debug!("nobody waits for the new segment any more");
                    }
                }
            } else if self.durable - self.segment.first_line.min(self.durable) >= self.segment.full
                && Instant::now() >= self.not_before
                && let Err(error) = self.rotate()
            {
                tracing::warn!(%error, "the next segment could not be begun: this one goes on");
            }
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
        let (chain, lengths) = self.chained(batch);
        if let Err(error) = self.storage.append(&self.buffer) {
            self.cut_back()?;
            return Err(if no_space(&error) { WriteError::NoSpace } else { WriteError::Io(error.to_string()) });
        }
        if let Err(error) = self.storage.sync() {
            // The kernel may have dropped the pages and forgotten that they were dirty: a second fsync would lie.
            return Err(self.in_doubt(0, format!("fdatasync failed: {error}")));
        }
        let durable = self.durable + self.buffer.len() as u64;
        if let Err(displaced) = self.storage.in_place(durable) {
            if matches!(displaced, Displaced::Gone(_)) {
                self.cut_back()?; // a file that another hand writes is not ours to cut
            }
            return Err(self.displaced(displaced));
        }
        let mut offset = self.durable;
        for (entry, length) in batch.iter().zip(lengths) {
            self.segment.see(entry.actionid, offset);
            offset += length as u64;
        }
        (self.chain, self.durable) = (chain, durable);
        Ok(())
    }

    /// Seals the segment and goes on in the next one, without a gap: between two batches, and with nothing told.
    fn rotate(&mut self) -> Result<String, WriteError> {
        if let Some(reason) = self.queue.lock().poisoned.clone() {
            return Err(WriteError::Poisoned(reason));
        }
        if self.queue.lock().starved {
            return Err(WriteError::NoSpace); // what room there is, is for outcomes
        }
        self.check_place()?;
        let name = segment::numbered(self.segment.number + 1);
        let opened = self.segment.opened(&self.chain);
        let entry = self.own(segment::OPENED, &opened)?;
        let (chain, _) = self.chained(&[entry]);
        if let Err(error) = self.storage.create_next(&name, &self.buffer) {
            self.not_before = Instant::now() + LOOK;
            if let Err(error) = self.storage.abandon_next() {
                return Err(
                    self.in_doubt(1, format!("a segment that could not be begun could not be taken back: {error}"))
                );
            }
            return Err(if no_space(&error) { WriteError::NoSpace } else { WriteError::Io(error.to_string()) });
        }
        if let Err(error) = self.storage.go_on_in_next() {
            return Err(self.in_doubt(1, format!("the next segment could not be made durable: {error}")));
        }
        (self.chain, self.durable) = (chain, self.buffer.len() as u64);
        self.segment.number += 1;
        self.segment.first_line = self.durable;
        self.retain();
        Ok(name)
    }

    /// Takes away what is more than is to be kept: first the event that says so, then the segment.
    fn retain(&mut self) {
        while let Some(oldest) = self.segment.dispensable() {
            if let Err(error) = self.take_away(oldest) {
                tracing::warn!(%error, segment = oldest, "a segment could not be taken away: the next rotation tries again");
                return;
            }
            self.segment.oldest = oldest + 1;
        }
    }

    fn take_away(&mut self, oldest: u64) -> Result<(), WriteError> {
        let told = |error: io::Error| WriteError::Io(error.to_string());
        let segment = segment::numbered(oldest);
        let last_hash = self.storage.last_hash(oldest).map_err(told)?;
        let entry = self.own(segment::DELETED, Deleted { segment: segment.clone(), last_hash })?;
        self.commit(&[entry])?;
        self.storage.delete(&segment).map_err(told)
    }

    /// A line of the journal's own.
    pub(super) fn own(&self, kind: &str, data: impl Serialize) -> Result<Entry, WriteError> {
        let event = Event {
            kind,
            subject: None,
            who: Actor::default(),
            actionid: None,
            requestid: None,
            traceparent: None,
            data,
        };
        let body = event.stamped(&self.segment.source).map_err(|error| WriteError::Io(error.to_string()))?;
        let (done, _) = oneshot::channel();
        Ok(Entry { body, actionid: None, kind: Kind::Outcome, done, _room: None })
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

    /// The batch's lines in `buffer`; the chain as it is after them, and how long each is.
    fn chained(&mut self, batch: &[Entry]) -> (Chain, Vec<usize>) {
        let mut chain = self.chain.clone();
        let mut lengths = Vec::with_capacity(batch.len());
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
            lengths.push(self.buffer.len() - begin);
        }
        (chain, lengths)
    }

    /// Takes back what a failed batch wrote, so that no line stands for an action that never ran.
    fn cut_back(&mut self) -> Result<(), WriteError> {
        match self.storage.cut_back(self.durable) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.in_doubt(0, format!("a refused batch could not be taken back: {error}"))),
        }
    }

    /// A segment's first line says what was.
    pub(super) fn nothing_is_in_doubt(&mut self) {
        self.segment.doubts.clear();
    }

    /// Nobody knows what is behind the last durable line: not a word of it is believed when the journal is opened again.
    /// In the segment that is written, or in the next one.
    fn in_doubt(&mut self, next: u64, reason: String) -> WriteError {
        let offset = if next == 0 { self.durable } else { 0 };
        self.segment.doubts.push(Doubt { segment: self.segment.number + next, offset });
        match self.storage.doubt(&self.segment.doubts) {
            Ok(()) => self.poison(reason),
            Err(error) => self.poison(format!(
                "{reason}; and that could not be written down ({error}): restart the machine, or mount the disk anew, before \
                 the journal is opened again"
            )),
        }
    }

    fn poison(&mut self, reason: String) -> WriteError {
        self.queue.lock().poisoned = Some(reason.clone());
        tracing::error!(%reason, "the journal is out of service");
        WriteError::Poisoned(reason)
    }
}

impl Segment {
    /// What the next segment's first line says.
    pub(super) fn opened(&self, chain: &Chain) -> Opened {
        let still_open = |(actionid, Position { segment, offset }): (&Uuid, &Position)| StillOpen {
            actionid: *actionid,
            segment: segment.clone(),
            offset: *offset,
        };
        Opened {
            previous: Some(segment::numbered(self.number)),
            previous_hash: chain.hash.clone(),
            open: self.open.iter().map(still_open).collect(),
            uncertain: Vec::new(),
        }
    }

    fn see(&mut self, actionid: Option<Uuid>, offset: u64) {
        let Some(actionid) = actionid else { return };
        if self.open.remove(&actionid).is_none() {
            self.open.insert(actionid, Position { segment: segment::numbered(self.number), offset });
        }
    }

    /// The oldest sealed segment, where it is one too many and no open action began in it.
    fn dispensable(&self) -> Option<u64> {
        let sealed = self.number - self.oldest;
        let needed = self.open.values().filter_map(|position| segment::number(&position.segment)).min();
        let one_too_many = self.keep.is_some_and(|keep| sealed > keep);
        (one_too_many && needed.is_none_or(|needed| needed > self.oldest)).then_some(self.oldest)
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
            let (waiting, rotations) = (std::mem::take(&mut state.waiting), std::mem::take(&mut state.rotations));
            drop(state);
            drop(rotations); // whoever waits for one hears of it
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
