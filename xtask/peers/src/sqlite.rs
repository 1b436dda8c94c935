//! `sqlite-each` and `sqlite-batched`: SQLite with a write-ahead log that is synced at every commit.
//!
//! Its checkpoints belong to it: as often as they come, so often they are measured.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{
    event::Event,
    measure::{Laps, Window, together},
    writers::{Plan, on_threads},
};

/// Set by `.cargo/config.toml`, which cargo finds only from inside this package's folder.
const _: &str = env!("LIBSQLITE3_FLAGS", "run cargo inside xtask/peers: SQLite would call fsync in place of fdatasync");

const SETUP: &str = "\
    PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; \
    CREATE TABLE events (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL);";
/// How `synchronous = FULL` is read back.
const FULL: i64 = 2;
const INSERT: &str = "INSERT INTO events (body) VALUES (?1)";

/// Measures one transaction for each event, all writers behind one connection: a connection each would only wait in
/// SQLite's own lock, which sleeps and tries again.
///
/// # Errors
/// SQLite's.
pub fn each(plan: &Plan, folder: &Path, checkpoint: Option<u32>) -> Result<Vec<u32>, String> {
    let connection = &Mutex::new(open(folder, checkpoint)?);
    on_threads(plan, move |_| {
        move |event: &Event| {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let mut insert = connection.prepare_cached(INSERT).map_err(failed)?;
            insert.execute((event.body(),)).map(drop).map_err(failed)
        }
    })
}

/// Measures one transaction for all events that wait: tasks hand them to the thread that has the connection.
///
/// # Errors
/// SQLite's, or those of the runtime.
pub fn batched(plan: &Plan, folder: &Path, checkpoint: Option<u32>) -> Result<Vec<u32>, String> {
    let connection = open(folder, checkpoint)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("no runtime: {error}"))?;
    let queue = Arc::new(Queue::default());
    let writer = {
        let queue = Arc::clone(&queue);
        let work = move || {
            let written = write(&connection, &queue);
            queue.close();
            written.map_err(failed)
        };
        thread::Builder::new().spawn(work).map_err(|error| format!("the writer cannot be begun: {error}"))?
    };
    let measured = runtime.block_on(callers(*plan, &queue));
    queue.close();
    writer.join().unwrap_or_else(|_| Err("the writer panicked".to_owned()))?;
    measured
}

fn failed(error: rusqlite::Error) -> String {
    format!("SQLite: {error}")
}

/// A new database; `checkpoint` is the length of its log, in pages, at which it is taken over (1,000 unless said).
fn open(folder: &Path, checkpoint: Option<u32>) -> Result<Connection, String> {
    let connection = Connection::open(folder.join("events.db")).map_err(failed)?;
    connection.execute_batch(SETUP).map_err(failed)?;
    if let Some(pages) = checkpoint {
        connection.execute_batch(&format!("PRAGMA wal_autocheckpoint = {pages}")).map_err(failed)?;
    }
    // A pragma that SQLite cannot follow is no error to it.
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(failed)?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(failed)?;
    match (mode.as_str(), synchronous) {
        ("wal", FULL) => Ok(connection),
        (mode, level) => Err(format!("SQLite took journal_mode {mode} and synchronous {level}")),
    }
}

/// An event that waits to be written, and who waits for it.
struct Entry {
    body: Vec<u8>,
    durable: oneshot::Sender<()>,
}

/// What waits, and the bell that says so.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<Entry>,
    closed: bool,
}

impl Queue {
    fn push(&self, body: Vec<u8>) -> Result<oneshot::Receiver<()>, String> {
        let (durable, told) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.closed {
            return Err("the writer ended".to_owned());
        }
        waiting.entries.push(Entry { body, durable });
        drop(waiting);
        self.more.notify_one();
        Ok(told)
    }

    /// Swaps an empty list for all that waits, as soon as something does; `false` once nothing will.
    fn take(&self, batch: &mut Vec<Entry>) -> bool {
        let idle = |waiting: &mut Waiting| waiting.entries.is_empty() && !waiting.closed;
        let mut waiting = self.more.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(batch, &mut waiting.entries);
        !batch.is_empty()
    }

    /// Nobody may wait from here on; who does is told that it was in vain.
    fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.entries.clear();
        drop(waiting);
        self.more.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(connection: &Connection, queue: &Queue) -> rusqlite::Result<()> {
    let mut begin = connection.prepare("BEGIN IMMEDIATE")?;
    let mut insert = connection.prepare(INSERT)?;
    let mut commit = connection.prepare("COMMIT")?;
    let mut batch = Vec::new();
    while queue.take(&mut batch) {
        begin.execute(())?;
        for entry in &batch {
            insert.execute((&entry.body,))?;
        }
        commit.execute(())?;
        for entry in batch.drain(..) {
            // Whoever waited may have ended with an error meanwhile.
            let _ = entry.durable.send(());
        }
    }
    Ok(())
}

async fn callers(plan: Plan, queue: &Arc<Queue>) -> Result<Vec<u32>, String> {
    let window = plan.window();
    let tasks: Vec<_> = (0..plan.writers)
        .map(|number| tokio::spawn(caller(Event::new(number, plan.bytes), window, Arc::clone(queue))))
        .collect();
    let mut parts = Vec::with_capacity(tasks.len());
    for task in tasks {
        parts.push(task.await.unwrap_or_else(|error| Err(format!("a caller ended: {error}"))));
    }
    together(parts)
}

async fn caller(mut event: Event, window: Window, queue: Arc<Queue>) -> Result<Vec<u32>, String> {
    let mut laps = Laps::new(window);
    loop {
        event.step();
        let durable = queue.push(event.body().to_vec())?;
        durable.await.map_err(|_| "the writer ended".to_owned())?;
        if !laps.lap() {
            return Ok(laps.into_micros());
        }
    }
}
