//! The self-host HATCH: JSON lines in segments. Lines are added to the last one, and none that is durable is changed.
//!
//! Callers serialise their events and queue them; one thread writes what is waiting, syncs it once, and wakes them. An
//! event is durable when its waiter is told so, and not before. A batch that failed is cut off again; a failed
//! `fdatasync` puts the journal out of service until it is opened again, because nobody can know what is on the disk.
//!
//! Lines take the place of blanks that the file was filled with ahead of them. The first line of a batch says that it
//! is, so that what a crash left of the last one is told from what another hand changed. How far the chain went is
//! signed now and then, so that a cut at its end is missed.

mod batch;
#[cfg(test)]
mod checkpoint_tests;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
pub(crate) mod faults;
mod open;
#[cfg(test)]
mod opening_tests;
mod queue;
#[cfg(test)]
pub(crate) mod rig;
mod segment_file;
#[cfg(test)]
mod segment_tests;
#[cfg(test)]
mod small_journal;
pub(crate) mod storage;
#[cfg(test)]
mod waiting_tests;
mod witness;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub use open::OpenError;
use queue::{Entry, Queue};
pub(crate) use queue::{Kind, WriteError};
use storage::Place;
pub(crate) use storage::{DOUBT, Doubt};

use super::record::Tombstone;

/// The most that an outcome's line takes before the writer's own fields.
pub(crate) const OUTCOME_BYTES: usize = 4096;

/// How much a journal may hold in waiting, how large its segments are and how many are kept, and how often it signs for
/// them.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// use rocky_sdk::hatch::{Journal, JournalOptions, OpenError};
///
/// let mut options = JournalOptions::new("keys");
/// options.open_actions = 64; // actions at once, each with 4 KiB of memory and of ballast on the disk
/// options.event_bytes = 16 << 10; // 16 KiB; 4 KiB is the least. A larger action is refused: 413 `too-large`
/// options.waiting_bytes = 512 << 10; // 512 KiB: at least `event_bytes`, and 4 KiB for each open action
/// options.segment_bytes = 8 << 20; // 8 MiB, and the next segment is begun
/// options.keep_segments = Some(100); // and the 101st sealed one goes, once an event says so
/// // Whoever cuts off more than a thousand events, or one that is older than a second, cuts what was signed for.
/// options.checkpoint_events = 1000;
/// options.checkpoint_every = std::time::Duration::from_secs(1);
/// let journal = Journal::open(&home.path().join("hatch"), options)?;
///
/// let mut narrow = JournalOptions::new("keys");
/// narrow.waiting_bytes = 1 << 20; // and 1,024 actions with 4 KiB each
/// let refused = Journal::open(&home.path().join("another"), narrow);
/// assert!(matches!(refused, Err(OpenError::Options(_))));
/// # drop(journal);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JournalOptions {
    /// The service's name in `source`: `/rocky/<app>/<instance>`. 1 to 32 of `a-z`, `0-9`, `-`.
    pub app: String,
    /// Actions that may be open at once: each has the place of its outcome reserved, in memory and on the disk (4 KiB
    /// each, the ballast). More wait, and are refused when their time is up.
    pub open_actions: usize,
    /// Bytes that may wait to be written.
    pub waiting_bytes: usize,
    /// The largest event that is taken, in bytes.
    pub event_bytes: usize,
    /// From this size on, in bytes, a segment is sealed and the next one begun; at least `event_bytes`. Its first line,
    /// which grows with the actions that are open, is not counted.
    pub segment_bytes: u64,
    /// How many sealed segments are kept. An older one is taken away when a segment is begun, once the event
    /// `segment.deleted` says so and a checkpoint speaks of that; one in which an open action started stays, and those
    /// after it. `None` keeps them all.
    pub keep_segments: Option<u64>,
    /// After so many events a checkpoint is signed; at least 1. One is signed at the start, on rotation and at shutdown
    /// too, where there are events that none speaks of.
    pub checkpoint_events: u64,
    /// And no later than this after the first event that no checkpoint speaks of. One that cannot be written is tried
    /// again each second, and meanwhile [`Doors::ready`](crate::Doors::ready) says so; while the disk is full none is
    /// tried.
    pub checkpoint_every: Duration,
}

impl JournalOptions {
    /// The defaults: 1,024 open actions (4.2 MiB of ballast), 16 MiB waiting, 128 KiB an event, segments of 64 MiB, all kept,
    /// a checkpoint every 10,000 events or 10 s.
    pub fn new(app: impl Into<String>) -> Self {
        JournalOptions {
            app: app.into(),
            open_actions: 1024,
            waiting_bytes: 16 << 20,
            event_bytes: 128 << 10,
            segment_bytes: 64 << 20,
            keep_segments: None,
            checkpoint_events: 10_000,
            checkpoint_every: Duration::from_secs(10),
        }
    }
}

/// How long a command waits for the writer.
const PATIENCE: Duration = Duration::from_secs(10);

/// No new segment was begun, for this reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no new segment was begun: {0}")]
pub struct NotRotated(pub(crate) String);

/// An open journal. It owns the lock on its folder until it is closed or dropped, and what waits is written and signed
/// for.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// use rocky_sdk::hatch::{Journal, JournalOptions};
/// let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("console"))?;
/// assert!(journal.tombstones().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Journal {
    queue: Arc<Queue>,
    open_actions: Arc<Semaphore>,
    waiting_bytes: Arc<Semaphore>,
    event_bytes: usize,
    source: Arc<str>,
    place: Place,
    tombstones: Vec<Tombstone>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Whether nothing is kept: what the doors cost without HATCH.
    #[cfg(all(test, rocky_bench))]
    pub(crate) in_memory: bool,
}

/// An event without the fields that the writer adds, and the action that it belongs to.
pub(crate) struct Line {
    pub(crate) body: Vec<u8>,
    pub(crate) actionid: Option<uuid::Uuid>,
}

/// Says when the event is durable, or why it is not.
pub(crate) type Ticket = oneshot::Receiver<Result<(), WriteError>>;

/// The place that an action's outcome has, from before its start until it is closed.
pub(crate) struct Reservation {
    _action: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

impl Journal {
    /// Opens the journal in `folder` (0700), or begins one. Takes its lock, checks the active segment's chain and that
    /// the segment before ends where it goes on, and that the event of the last checkpoint is there, and finds the
    /// started events that have no outcome, in whichever segment they are. Sealed segments are not read through:
    /// [`Verifier`](super::Verifier) does that. The first time, it makes the key that signs the checkpoints, 0600.
    ///
    /// What a crash left of the last batch, which nobody was told of, is saved beside the segments as `torn-*.part`,
    /// cut off, and recorded as `log.recovered`. What a failed `fdatasync` left in doubt stays where it is: a new
    /// segment is begun, and its first line says from where on nobody believes it. Where there are events and no
    /// checkpoint, because an operator moved `checkpoints.signed` elsewhere, `log.unsigned` says how many nobody signed
    /// for.
    ///
    /// # Errors
    /// [`OpenError`] when another process holds it, a file cannot be trusted, a line is damaged, or the journal is not
    /// what was signed for: it ends before the last checkpoint, or has another event there. Nothing that was there is
    /// changed then, and the error says what to do.
    pub fn open(folder: &Path, options: JournalOptions) -> Result<Self, OpenError> {
        open::open(folder, options, |storage| storage)
    }

    /// The same with faults under it.
    #[cfg(test)]
    pub(crate) fn open_over<S: storage::Storage>(
        folder: &Path,
        options: JournalOptions,
        under: impl FnOnce(storage::FileStorage) -> S,
    ) -> Result<Self, OpenError> {
        open::open(folder, options, under)
    }

    /// The started events that had no outcome when the journal was opened, oldest first.
    #[must_use]
    pub fn tombstones(&self) -> &[Tombstone] {
        &self.tombstones
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Room for an action's outcome.
    pub(crate) async fn reserve(&self, until: Instant) -> Result<Reservation, WriteError> {
        let action = room(&self.open_actions, 1, until).await?;
        let room = room(&self.waiting_bytes, OUTCOME_BYTES, until).await?;
        Ok(Reservation { _action: action, _room: room })
    }

    /// Queues an event, waiting for room until then.
    pub(crate) async fn append(&self, line: Line, kind: Kind, until: Instant) -> Result<Ticket, WriteError> {
        if line.body.len() > self.event_bytes {
            return Err(WriteError::TooLarge(line.body.len()));
        }
        let room = room(&self.waiting_bytes, line.body.len(), until).await?;
        self.push(line, kind, Some(room))
    }

    /// Queues an outcome in the place that was reserved for it: it never waits for room.
    pub(crate) fn append_reserved(&self, line: Line, _place: &Reservation) -> Result<Ticket, WriteError> {
        self.push(line, Kind::Outcome, None)
    }

    fn push(&self, line: Line, kind: Kind, room: Option<OwnedSemaphorePermit>) -> Result<Ticket, WriteError> {
        let (done, ticket) = oneshot::channel();
        let Line { body, actionid } = line;
        #[cfg(all(test, rocky_bench))]
        if self.in_memory {
            std::hint::black_box(&body);
            drop(done.send(Ok(())));
            return Ok(ticket);
        }
        self.queue.push(Entry { body, actionid, kind, done, _room: room })?;
        Ok(ticket)
    }

    /// Seals the segment that is written and begins the next one, without a gap: what waits is written before or after.
    /// Gives the new segment's file name. Waits up to 10 s.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// use rocky_sdk::hatch::{Journal, JournalOptions, records};
    /// let hatch = home.path().join("hatch");
    /// let journal = Journal::open(&hatch, JournalOptions::new("console"))?;
    /// assert_eq!(journal.rotate().await?, "00000002.jsonl");
    /// // The sealed segment may be copied elsewhere: it is not written any more, and has no blanks at its end.
    /// assert_eq!(std::fs::read_to_string(hatch.join("00000001.jsonl"))?.lines().count(), 1);
    /// assert_eq!(records(&hatch)?.count(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NotRotated`]: the segment before is still in use, unless the reason says that the journal is out of service.
    pub async fn rotate(&self) -> Result<String, NotRotated> {
        let begun = self.begin_segment(Instant::now() + PATIENCE).await;
        begun.map_err(|error| NotRotated(error.to_string()))
    }

    pub(crate) async fn begin_segment(&self, until: Instant) -> Result<String, WriteError> {
        let (done, begun) = oneshot::channel();
        self.queue.rotate(done)?;
        match tokio::time::timeout_at(until.into(), begun).await {
            Ok(Ok(begun)) => begun,
            Ok(Err(_)) => Err(WriteError::Closed),
            Err(_) => Err(WriteError::Late),
        }
    }

    /// Why events are refused now, if they are; also whether the file is still where it should be.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.queue.trouble().or_else(|| match self.place.check() {
            Err(storage::Displaced::Gone(reason) | storage::Displaced::Tampered(reason)) => Some(reason),
            Ok(_) => None,
        })
    }

    /// Writes what is waiting, ends the writer and gives the lock back. Blocks until that is done.
    pub(crate) fn close(&self) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the journal's writer panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Journal({})", self.source)
    }
}

async fn room(of: &Arc<Semaphore>, much: usize, until: Instant) -> Result<OwnedSemaphorePermit, WriteError> {
    let much = u32::try_from(much).map_err(|_| WriteError::TooLarge(much))?;
    if let Ok(permit) = Arc::clone(of).try_acquire_many_owned(much) {
        return Ok(permit); // without a timer
    }
    let permit = Arc::clone(of).acquire_many_owned(much);
    match tokio::time::timeout_at(until.into(), permit).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) => Err(WriteError::Closed),
        Err(_) => Err(WriteError::Full),
    }
}
