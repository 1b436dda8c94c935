//! Opening a journal: its lock, its chain, what a crash left at its end.

use std::{
    fs::{File, TryLockError},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use serde::Serialize;
use tokio::sync::Semaphore;

use super::{
    DOUBT, Doubt, Journal, JournalOptions, OUTCOME_BYTES, Queue, WriteError,
    storage::{FileStorage, Storage},
    writer::{Segment, Writer},
};
use crate::{
    hatch::{
        record::{self, Chain, GENESIS, OpenActions, ScanError},
        segment::{self, Opened, Uncertain},
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
    open: OpenActions,
    path: PathBuf,
    whole: u64,
    /// The number of the oldest segment that is there.
    oldest: u64,
    /// What writers left in doubt, where no segment says so yet.
    doubts: Vec<Doubt>,
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
        && options.waiting_bytes <= Semaphore::MAX_PERMITS.min(u32::MAX as usize)
        && options.segment_bytes >= options.event_bytes as u64;
    if !enough {
        return Err(OpenError::Options(
            "waiting_bytes holds at least one event of event_bytes (4 KiB or more) and 4 KiB for each open action, and \
             segment_bytes one event",
        ));
    }
    private_files::ensure_folder(folder)?;
    let lock = lock(folder)?;
    let found = scan(folder)?;
    let (number, goes_on) = found.as_ref().map_or((1, false), Found::number);
    let uncertain = found.as_ref().map(|found| found.uncertain(folder)).transpose()?.unwrap_or_default();
    let (path, file, torn) = match &found {
        Some(_) if !goes_on => {
            let (path, file) = create(folder, number)?;
            (path, file, None)
        }
        Some(found) => {
            let file = private_files::open(&found.path, private_files::options().read(true).append(true))?;
            // What was read may be in the page cache only: it is believed from here on, so it is made durable first.
            file.sync_all().map_err(private_files::io_at(&found.path))?;
            let torn = save_torn_tail(folder, &file, found)?;
            (found.path.clone(), file, torn)
        }
        None => {
            let (path, file) = create(folder, number)?;
            (path, file, None)
        }
    };
    let doubts = found.as_ref().map(|found| found.doubts.clone()).unwrap_or_default();
    let doubted = !doubts.is_empty();
    let (chain, open, durable, oldest) = match found {
        Some(found) if !goes_on => (found.chain, found.open, 0, found.oldest),
        Some(found) => (found.chain, found.open, found.whole, found.oldest),
        None => (Chain::default(), OpenActions::default(), 0, 1),
    };
    let source: Arc<str> = match &chain.source {
        Some(source) => source.as_str().into(),
        None => format!("/rocky/{}/{}", options.app, uuid::Uuid::now_v7().simple()).into(),
    };

    let at = private_files::io_at(&path);
    let ballast = options.open_actions as u64 * OUTCOME_BYTES as u64;
    let storage = FileStorage::new(folder, &path, file, ballast).map_err(&at)?;
    let place = storage.place();
    let queue = Arc::new(Queue::default());
    let segment = Segment {
        source: Arc::clone(&source),
        number,
        full: options.segment_bytes,
        keep: options.keep_segments,
        oldest,
        first_line: 0,
        doubts,
        open: open.positions(),
    };
    let first = Opened { previous: None, previous_hash: GENESIS.to_owned(), open: Vec::new(), uncertain: Vec::new() };
    let opened = match number.checked_sub(1).filter(|previous| *previous > 0) {
        Some(previous) => Opened { previous: Some(segment::numbered(previous)), uncertain, ..segment.opened(&chain) },
        None => first,
    };
    let mut writer = Writer::new(under(storage), lock, Arc::clone(&queue), (chain, segment, durable)).map_err(&at)?;
    if durable == 0 {
        begin_with(&mut writer, segment::OPENED, opened)?;
    }
    if doubted {
        // A segment says so from here on.
        let doubt = folder.join(DOUBT);
        std::fs::remove_file(&doubt).map_err(private_files::io_at(&doubt))?;
        private_files::sync_folder(folder)?;
        writer.nothing_is_in_doubt();
    }
    if let Some(torn) = torn {
        begin_with(&mut writer, "log.recovered", torn)?;
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
        tombstones: open.into_tombstones(),
        writer: Mutex::new(Some(writer)),
    })
}

impl Found {
    /// The number of the segment to write, and whether it is there already: one in doubt is not gone on with.
    fn number(&self) -> (u64, bool) {
        let last = segment::number(&segment::name(&self.path)).unwrap_or(1);
        let in_doubt = self.doubts.iter().any(|doubt| doubt.segment == last);
        if in_doubt { (last + 1, false) } else { (last, true) }
    }

    /// What was left in doubt, for the first line of the segment that is begun.
    fn uncertain(&self, folder: &Path) -> Result<Vec<Uncertain>, OpenError> {
        let uncertain = |doubt: &Doubt| {
            let name = segment::numbered(doubt.segment);
            let path = folder.join(&name);
            let size = match std::fs::metadata(&path) {
                Ok(meta) => meta.len(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
                Err(error) => return Err(private_files::io_at(&path)(error).into()),
            };
            tracing::warn!(segment = name, offset = doubt.offset, size, "what is behind it is not believed");
            Ok(Uncertain { segment: name, offset: doubt.offset, bytes: size.saturating_sub(doubt.offset) })
        };
        self.doubts.iter().map(uncertain).collect()
    }
}

fn create(folder: &Path, number: u64) -> Result<(PathBuf, File), OpenError> {
    let path = folder.join(segment::numbered(number));
    let file = private_files::open(&path, private_files::options().append(true).create_new(true))?;
    private_files::sync_folder(folder)?;
    Ok((path, file))
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

/// Reads the active segment through; `None` where there is none yet.
fn scan(folder: &Path) -> Result<Option<Found>, OpenError> {
    let segments = record::segments(folder)?;
    let oldest = segments.first().and_then(|oldest| segment::number(&segment::name(oldest))).unwrap_or(1);
    let (mut records, mut open) = record::active(folder)?;
    open.see_all(&mut records)?;
    let doubts = records.doubts().to_vec();
    let tail = records.tail().map(|(path, whole)| (path.to_owned(), whole));
    Ok(tail.map(|(path, whole)| Found { chain: records.chain.clone(), open, path, whole, oldest, doubts }))
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
fn begin_with<S: Storage>(writer: &mut Writer<S>, kind: &str, data: impl Serialize) -> Result<(), OpenError> {
    let entry = writer.own(kind, data);
    let begun = entry.and_then(|entry| writer.commit(&[entry]));
    begun.map_err(|error: WriteError| OpenError::Begin(error.to_string()))
}
