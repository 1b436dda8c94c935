//! Opening a journal: its lock, its chain, what a crash left at its end.

use std::{
    fs::{File, TryLockError},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use serde::Serialize;
use tokio::sync::{Semaphore, oneshot};

use super::{
    Entry, Journal, JournalOptions, Kind, OUTCOME_BYTES, Queue, WriteError,
    storage::{FileStorage, Storage},
    writer::Writer,
};
use crate::{
    hatch::{
        event::{Actor, Event},
        record::{self, Chain, GENESIS, OpenActions, ScanError, Tombstone},
    },
    private_files::{self, PrivateFileError},
};

/// The journal cannot be opened.
///
/// Whoever starts the service has to know whether starting it again can help:
/// ```
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// use rocky_sdk::hatch::{Journal, JournalOptions, OpenError, ScanError};
///
/// fn next(error: &OpenError) -> &'static str {
///     match error {
///         OpenError::Held(_) => "start again: the one before may still be draining",
///         OpenError::Begin(_) => "start again once the disk has room",
///         OpenError::Options(_) => "give up: the program asks for what cannot be",
///         OpenError::Scan(ScanError::File(_)) | OpenError::File(_) => "give up: an owner, a mode or a disk is wrong",
///         OpenError::Scan(ScanError::Damaged { .. }) => "give up, and call whoever has a copy",
///     }
/// }
///
/// let running = Journal::open(&hatch, JournalOptions::new("keys"))?;
/// let error = Journal::open(&hatch, JournalOptions::new("keys")).unwrap_err();
/// assert_eq!(next(&error), "start again: the one before may still be draining");
/// # drop(running);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another `Journal` of this one, has it.
    #[error("{} is held by another process: stop it first, or use its control socket", .0.display())]
    Held(PathBuf),
    /// The options cannot be honoured.
    #[error("the journal's {0}")]
    Options(&'static str),
    /// A file or a line cannot be trusted.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A file cannot be made or trusted.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The first line could not be made durable.
    #[error("the journal could not be begun: {0}")]
    Begin(String),
}

struct Found {
    chain: Chain,
    tombstones: Vec<Tombstone>,
    path: PathBuf,
    whole: u64,
}

/// Opens the journal on its files, with `under` between the writer and them.
pub(super) fn open<S: Storage>(
    folder: &Path,
    options: JournalOptions,
    under: impl FnOnce(FileStorage) -> S,
) -> Result<Journal, OpenError> {
    let app_is_a_word = crate::Slug::parse(&options.app).is_ok_and(|app| app.as_str().len() <= 32);
    if !app_is_a_word {
        return Err(OpenError::Options("app is 1 to 32 of a-z, 0-9 and inner `-`"));
    }
    let outcomes = options.open_actions.checked_mul(OUTCOME_BYTES);
    let needed = outcomes.and_then(|outcomes| outcomes.checked_add(options.event_bytes));
    let enough = options.open_actions >= 1
        && options.event_bytes >= OUTCOME_BYTES
        && needed.is_some_and(|needed| options.waiting_bytes >= needed)
        && options.waiting_bytes <= Semaphore::MAX_PERMITS.min(u32::MAX as usize);
    if !enough {
        return Err(OpenError::Options(
            "waiting_bytes holds at least one event of event_bytes (4 KiB or more) and 4 KiB for each open action",
        ));
    }
    private_files::ensure_folder(folder)?;
    let lock = lock(folder)?;
    let found = scan(folder)?;
    let (path, file, torn) = match &found {
        Some(found) => {
            let file = private_files::open(&found.path, private_files::options().read(true).append(true))?;
            // What was read may be in the page cache only: it is believed from here on, so it is made durable first.
            file.sync_all().map_err(private_files::io_at(&found.path))?;
            let torn = save_torn_tail(folder, &file, found)?;
            (found.path.clone(), file, torn)
        }
        None => {
            let path = folder.join("00000001.jsonl");
            let file = private_files::open(&path, private_files::options().append(true).create_new(true))?;
            private_files::sync_folder(folder)?;
            (path, file, None)
        }
    };
    let (chain, tombstones, durable) = match found {
        Some(found) => (found.chain, found.tombstones, found.whole),
        None => (Chain { sequence: 0, hash: GENESIS.to_owned(), source: None }, Vec::new(), 0),
    };
    let source: Arc<str> = match &chain.source {
        Some(source) => source.as_str().into(),
        None => format!("/rocky/{}/{}", options.app, uuid::Uuid::now_v7().simple()).into(),
    };

    let at = private_files::io_at(&path);
    let ballast = options.open_actions as u64 * OUTCOME_BYTES as u64;
    let storage = FileStorage::new(&path, file, folder.join("ballast"), ballast).map_err(&at)?;
    let place = storage.place();
    let queue = Arc::new(Queue::default());
    let mut writer = Writer::new(under(storage), lock, Arc::clone(&queue), chain, durable).map_err(&at)?;
    if durable == 0 {
        let opened = Opened { previous: None, previous_hash: GENESIS, open: &[] };
        begin_with(&mut writer, &source, "segment.opened", opened)?;
    }
    if let Some(torn) = torn {
        begin_with(&mut writer, &source, "log.recovered", torn)?;
    }
    let writer =
        std::thread::Builder::new().name("hatch-journal".to_owned()).spawn(move || writer.run()).map_err(&at)?;
    Ok(Journal {
        queue,
        open_actions: Arc::new(Semaphore::new(options.open_actions)),
        waiting_bytes: Arc::new(Semaphore::new(options.waiting_bytes)),
        event_bytes: options.event_bytes,
        source,
        place,
        tombstones,
        writer: Mutex::new(Some(writer)),
    })
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("lock");
    let file = private_files::open(&path, private_files::options().write(true).create(true))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Held(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(private_files::io_at(&path)(error).into()),
    }
}

/// Reads the journal through; `None` where there is none yet.
fn scan(folder: &Path) -> Result<Option<Found>, OpenError> {
    let mut records = record::records(folder)?;
    let mut open = OpenActions::default();
    for record in records.by_ref() {
        open.see(&record?);
    }
    let tail = records.tail().map(|(path, whole)| (path.to_owned(), whole));
    Ok(tail.map(|(path, whole)| Found {
        chain: records.chain.clone(),
        tombstones: open.into_tombstones(),
        path,
        whole,
    }))
}

/// The first line of a segment: what it goes on from. Rotation fills the fields in; the first segment has none.
#[derive(Serialize)]
struct Opened<'a> {
    previous: Option<&'a str>,
    previous_hash: &'a str,
    open: &'a [uuid::Uuid],
}

/// What was found behind the last whole line.
#[derive(Serialize)]
struct Torn {
    offset: u64,
    bytes: u64,
    saved_as: String,
}

/// A crash in the middle of a write leaves a line without its end. Nobody was told that it is durable, so it is cut off;
/// but it may be evidence, so it is saved first.
fn save_torn_tail(folder: &Path, file: &File, found: &Found) -> Result<Option<Torn>, OpenError> {
    let at = private_files::io_at(&found.path);
    let size = file.metadata().map_err(&at)?.len();
    let bytes = size - found.whole.min(size);
    if bytes == 0 {
        return Ok(None);
    }
    let mut torn = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut torn, found.whole).map_err(&at)?;
    let saved_as = format!("torn-{}.part", uuid::Uuid::now_v7().simple());
    private_files::create(&folder.join(&saved_as), &torn)?;
    file.set_len(found.whole).and_then(|()| file.sync_all()).map_err(&at)?;
    tracing::warn!(bytes, saved_as, "the journal ended in the middle of a line: saved aside and cut off");
    Ok(Some(Torn { offset: found.whole, bytes, saved_as }))
}

/// Writes a line of the journal's own before anybody else can.
fn begin_with<S: Storage>(
    writer: &mut Writer<S>,
    source: &str,
    kind: &str,
    data: impl Serialize,
) -> Result<(), OpenError> {
    let event =
        Event { kind, subject: None, who: Actor::default(), actionid: None, requestid: None, traceparent: None, data };
    let body = event.stamped(source).map_err(|error| OpenError::Begin(error.to_string()))?;
    let (done, _) = oneshot::channel();
    let entry = Entry { body, kind: Kind::Outcome, done, _room: None };
    writer.commit(&[entry]).map_err(|error: WriteError| OpenError::Begin(error.to_string()))
}
