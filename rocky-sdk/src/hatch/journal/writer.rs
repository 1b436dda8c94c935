//! The one thread that writes: it takes what is waiting, stamps and chains it, writes it once, syncs it once, and only
//! then wakes those who wait.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    batch::Lines,
    queue::{Entry, Guard, Kind, LOOK, Queue, WriteError, refuse, tell},
    storage::{Displaced, Doubt, Storage},
    witness::Witness,
};
use crate::hatch::{
    event::{Actor, Event},
    line::Link,
    segment::{self, Deleted, Opened, Position, StillOpen},
};

/// How often outcomes are written again on a full disk that room was made on.
const ROOM_COMES: usize = 4;
/// After a sync that hung.
const MOST_PATIENCE: Duration = Duration::from_millis(5);

/// The writing side of a journal.
pub(super) struct Writer<S> {
    storage: S,
    queue: Arc<Queue>,
    chain: Link,
    segment: Segment,
    witness: Witness,
    /// Bytes of the segment that are durable.
    durable: u64,
    lines: Lines,
    /// How many there were a moment ago: those who were told that their events are durable, and those who waited meanwhile.
    writers: usize,
    /// How long the last sync took.
    sync: Duration,
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
        (chain, segment, durable): (Link, Segment, u64),
        witness: Witness,
    ) -> io::Result<Self> {
        queue.lock().starved = match storage.restore_ballast() {
            Ok(()) => false,
            Err(error) if no_space(&error) => true,
            Err(error) => return Err(error),
        };
        Ok(Writer {
            storage,
            queue,
            chain,
            segment,
            witness,
            durable,
            lines: Lines::default(),
            writers: 0,
            sync: Duration::ZERO,
            not_before: Instant::now(),
            _lock: lock,
        })
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let guard = Guard(Arc::clone(&self.queue));
        let mut spare = Vec::new();
        while let Some((mut batch, rotations)) = self.queue.take(std::mem::take(&mut spare), self.due()) {
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
                && !self.is_blocked()
                && let Err(error) = self.rotate()
            {
                tracing::warn!(%error, "the next segment could not be begun: this one goes on");
            }
            if self.due().is_some_and(|due| due <= Instant::now()) {
                self.sign();
            }
        }
        self.sign();
        if self.queue.lock().poisoned.is_none()
            && let Err(error) = self.storage.finish()
        {
            tracing::warn!(%error, "the journal is closed with blanks at its end: the next start takes them away");
        }
        drop(guard);
    }

    /// When a checkpoint is; none is while nothing but outcomes is written, or nothing at all.
    fn due(&self) -> Option<Instant> {
        if self.is_blocked() { None } else { self.witness.due() }
    }

    fn is_blocked(&self) -> bool {
        let state = self.queue.lock();
        state.poisoned.is_some() || state.starved
    }

    /// Signs for what is durable, where that is more than was signed for.
    pub(super) fn sign(&mut self) {
        if !self.witness.is_behind(&self.chain) || self.queue.lock().poisoned.is_some() {
            return;
        }
        let checkpoint = self.witness.checkpoint(&self.segment, &self.chain, self.durable);
        let signed = checkpoint.and_then(|line| self.storage.checkpoint(&line));
        self.queue.lock().unsigned = match signed {
            Ok(()) => {
                self.witness.signed(self.segment.number, &self.chain);
                None
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint could not be written: it is tried again");
                self.witness.not_signed();
                Some(format!("a checkpoint could not be written: {error}"))
            }
        };
    }

    fn write(&mut self, batch: &mut Vec<Entry>) {
        if let Some(reason) = self.queue.lock().poisoned.clone() {
            return refuse(batch.drain(..), &WriteError::Poisoned(reason));
        }
        let starved = self.queue.lock().starved;
        if starved {
            match self.storage.restore_ballast() {
                Ok(()) => self.queue.lock().starved = false,
                Err(_) => self.refuse_all_but_outcomes(batch),
            }
        }
        let mut result =
            if starved { self.commit(batch) } else { self.gather(batch).and_then(|()| self.write_lines(batch)) };
        if result == Err(WriteError::NoSpace) && batch.iter().any(|entry| entry.kind == Kind::Outcome) {
            self.queue.lock().starved = true;
            self.refuse_all_but_outcomes(batch);
            result = match self.storage.release_ballast() {
                Ok(()) => self.commit_where_room_was_made(batch),
                Err(error) => Err(WriteError::Io(error.to_string())),
            };
        }
        if !batch.is_empty() {
            let mut state = self.queue.lock();
            self.writers = batch.len() + state.waiting.len();
            state.refused = result.clone().err().map(|error| (error, Instant::now()));
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

    /// Whoever was told a moment ago is likely to come back with the next event: they are waited for, no longer than half of
    /// what a sync takes, and what has come is chained meanwhile.
    fn gather(&mut self, batch: &mut Vec<Entry>) -> Result<(), WriteError> {
        if batch.is_empty() {
            return Ok(());
        }
        let until = Instant::now() + (self.sync / 2).min(MOST_PATIENCE);
        self.lines.begin(self.chain);
        loop {
            self.lines.add(batch.iter().map(|entry| &entry.body[..]));
            let missing = self.writers.saturating_sub(batch.len());
            if missing == 0 || !self.queue.more(batch, missing, until) {
                return Ok(());
            }
        }
    }

    /// What was given away is not free before the file system has written that down, which cutting a batch back makes it do.
    fn commit_where_room_was_made(&mut self, batch: &[Entry]) -> Result<(), WriteError> {
        let mut result = self.commit(batch);
        for _ in 0..ROOM_COMES {
            if result != Err(WriteError::NoSpace) {
                break;
            }
            result = self.commit(batch);
        }
        result
    }

    /// Makes the batch durable as a whole, or leaves the segment as it was.
    pub(super) fn commit(&mut self, batch: &[Entry]) -> Result<(), WriteError> {
        self.lines.begin(self.chain);
        self.lines.add(batch.iter().map(|entry| &entry.body[..]));
        self.write_lines(batch)
    }

    /// The same, of a batch whose lines are chained.
    fn write_lines(&mut self, batch: &[Entry]) -> Result<(), WriteError> {
        let Some(chain) = self.lines.chain().filter(|_| !batch.is_empty()) else { return Ok(()) };
        self.check_place()?;
        if let Err(error) = self.storage.append(self.lines.bytes()) {
            self.cut_back()?;
            return Err(if no_space(&error) { WriteError::NoSpace } else { WriteError::Io(error.to_string()) });
        }
        let begun = Instant::now();
        if let Err(error) = self.storage.sync() {
            // The kernel may have dropped the pages and forgotten that they were dirty: a second fsync would lie.
            return Err(self.in_doubt(0, format!("fdatasync failed: {error}")));
        }
        self.sync = begun.elapsed();
        let durable = self.durable + self.lines.bytes().len() as u64;
        if let Err(displaced) = self.storage.in_place() {
            if matches!(displaced, Displaced::Gone(_)) {
                self.cut_back()?; // a file that another hand writes is not ours to cut
            }
            return Err(self.displaced(displaced));
        }
        let mut offset = self.durable;
        for (entry, length) in batch.iter().zip(self.lines.lengths()) {
            self.segment.see(entry.actionid, offset);
            offset += *length as u64;
        }
        (self.chain, self.durable) = (chain, durable);
        self.witness.saw(batch.len());
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
        self.lines.begin(self.chain);
        self.lines.add([&entry.body[..]].into_iter());
        let (chain, first_line) = (self.lines.chain().unwrap_or(self.chain), self.lines.bytes().len() as u64);
        if let Err(error) = self.storage.create_next(&name, self.lines.bytes()) {
            self.not_before = Instant::now() + LOOK;
            if let Err(error) = self.storage.abandon_next() {
                tracing::warn!(%error, "what there is of the next segment stays beside the others: it is none yet");
            }
            return Err(if no_space(&error) { WriteError::NoSpace } else { WriteError::Io(error.to_string()) });
        }
        if let Err(error) = self.storage.go_on_in_next() {
            return Err(self.in_doubt(1, format!("the next segment could not be made durable: {error}")));
        }
        (self.chain, self.durable) = (chain, first_line);
        self.segment.number += 1;
        self.segment.first_line = self.durable;
        self.witness.saw(1);
        self.sign();
        self.retain();
        Ok(name)
    }

    /// Takes away what is more than is to be kept: first the event that says so, then the segment.
    fn retain(&mut self) {
        while let Some(oldest) = self.segment.dispensable().filter(|oldest| self.witness.is_beyond(*oldest)) {
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
        // Signed for, so that nobody else can say so.
        self.sign();
        if self.witness.is_behind(&self.chain) {
            return Err(WriteError::Io("a checkpoint has to be written first".to_owned()));
        }
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
        self.storage.in_place().map_err(|displaced| self.displaced(displaced))
    }

    fn displaced(&mut self, displaced: Displaced) -> WriteError {
        match displaced {
            Displaced::Gone(reason) => WriteError::Displaced(reason),
            Displaced::Tampered(reason) => {
                // What was acknowledged is signed for, so that the next start misses it if it is not there.
                self.sign();
                self.poison(reason)
            }
        }
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
    pub(super) fn opened(&self, chain: &Link) -> Opened {
        Opened {
            previous: Some(segment::numbered(self.number)),
            previous_hash: chain.hash.as_str().to_owned(),
            open: self.still_open(),
            uncertain: Vec::new(),
        }
    }

    pub(super) fn still_open(&self) -> Vec<StillOpen> {
        let still_open = |(actionid, Position { segment, offset }): (&Uuid, &Position)| StillOpen {
            actionid: *actionid,
            segment: segment.clone(),
            offset: *offset,
        };
        self.open.iter().map(still_open).collect()
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

fn no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
