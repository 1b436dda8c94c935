//! Opening a journal: its lock, its chain, what a crash left at its end.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use serde::Serialize;
use tokio::sync::Semaphore;

use super::{
    DOUBT, Doubt, Journal, JournalOptions, OUTCOME_BYTES, Queue, WriteError,
    segment_file::write_anew,
    storage::{FileStorage, Storage},
    witness::Witness,
    writer::{Segment, Writer},
};
use crate::{
    hatch::{
        checkpoint::{self, Checkpoint, Signer},
        line::{self, Hash, Link},
        reader::{self, Active},
        record::ScanError,
        segment::{self, Opened, Uncertain},
    },
    private_files::{self, PrivateFileError},
};

/// No checkpoint is longer: its list of open actions makes it so.
const LAST_CHECKPOINT: u64 = 1 << 20;

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
        && options.segment_bytes >= options.event_bytes as u64
        && options.checkpoint_events >= 1;
    if !enough {
        return Err(OpenError::Options(
            "waiting_bytes holds at least one event of event_bytes (4 KiB or more) and 4 KiB for each open action, segment_bytes \
             one event, and checkpoint_events is at least 1",
        ));
    }
    private_files::ensure_folder(folder)?;
    let lock = lock(folder)?;
    let signer = Signer::open(folder)?;
    // What is believed from here on may be in memory only, as far as its names and its pages go: it is made durable first.
    private_files::sync_folder(folder)?;
    again(&folder.join(checkpoint::FILE), |length| length.saturating_sub(LAST_CHECKPOINT))?;
    let (last, signed) = checkpoint::last(folder, &signer.key())?;
    if let Some(newest) = reader::segments(folder)?.last() {
        let signed = last.as_ref().filter(|last| last.segment == segment::name(newest));
        again(newest, |_| signed.map_or(0, |last| last.offset))?;
    }
    let found = reader::active(folder)?;
    is_as_signed(folder, found.as_ref(), last.as_ref())?;
    let tombstones = found.as_ref().map(|found| found.tombstones(folder)).transpose()?.unwrap_or_default();
    let (number, goes_on) = found.as_ref().map_or((1, false), to_write);
    let uncertain = found.as_ref().map(|found| uncertain(folder, found)).transpose()?.unwrap_or_default();
    let (path, file, torn) = match &found {
        Some(found) if goes_on => {
            let file = private_files::open(&found.path, private_files::options().read(true).write(true))?;
            let torn = save_torn_tail(folder, &file, found)?;
            (found.path.clone(), file, torn)
        }
        _ => {
            let (path, file) = create(folder, number)?;
            (path, file, None)
        }
    };
    let durable = found.as_ref().filter(|_| goes_on).map_or(0, |found| found.whole);
    let (chain, doubts, oldest, open, source) = match found {
        Some(found) => (found.chain, found.doubts, found.oldest, found.open, found.source),
        None => (Link::GENESIS, Vec::new(), 1, BTreeMap::new(), None),
    };
    let doubted = !doubts.is_empty();
    let unsigned = last.is_none() && chain.sequence > 0;
    let source: Arc<str> = match source {
        Some(source) => source.into(),
        None => format!("/rocky/{}/{}", options.app, uuid::Uuid::now_v7().simple()).into(),
    };

    let at = private_files::io_at(&path);
    let ballast = (options.open_actions * (OUTCOME_BYTES + line::PLACE)) as u64;
    let storage =
        FileStorage::new(folder, (&path, file, durable), options.segment_bytes, ballast, signed).map_err(&at)?;
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
        open,
    };
    let first = Opened {
        previous: None,
        previous_hash: Hash::GENESIS.as_str().to_owned(),
        open: Vec::new(),
        uncertain: Vec::new(),
    };
    let opened = match number.checked_sub(1).filter(|previous| *previous > 0) {
        Some(previous) => Opened { previous: Some(segment::numbered(previous)), uncertain, ..segment.opened(&chain) },
        None => first,
    };
    let witness = Witness::new(signer, options.checkpoint_events, options.checkpoint_every, last.as_ref());
    let state = (chain, segment, durable);
    let mut writer = Writer::new(under(storage), lock, Arc::clone(&queue), state, witness).map_err(&at)?;
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
    if unsigned {
        begin_with(&mut writer, segment::UNSIGNED, Unsigned { events: chain.sequence })?;
    }
    writer.sign();
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
        #[cfg(all(test, rocky_bench))]
        in_memory: false,
    })
}

/// Refuses a journal that is not, any more, what was signed for.
fn is_as_signed(folder: &Path, found: Option<&Active>, last: Option<&Checkpoint>) -> Result<(), ScanError> {
    let Some(last) = last else { return Ok(()) };
    let (path, whole, chain) = match found {
        Some(found) => (found.path.clone(), found.whole, found.chain),
        None => (folder.join(segment::numbered(1)), 0, Link::GENESIS),
    };
    let damaged = |reason: String| Err(segment::damaged(&path, whole, &checkpoint::advised(&reason)));
    if last.sequence > chain.sequence {
        if let Some(reason) = found.and_then(|found| found.unfinished.as_ref()) {
            return Err(segment::damaged(&path, whole, reason));
        }
        return damaged(format!(
            "it ends at event {}, and a signed checkpoint says that event {} was written at {}: what is missing was cut off",
            chain.sequence, last.sequence, last.time
        ));
    }
    if found.and_then(|found| found.source.as_ref()).is_some_and(|source| *source != last.source) {
        return damaged(format!("its checkpoints are another journal's, {}", last.source));
    }
    let segments = reader::segments(folder)?;
    let mut ends = reader::ends(&segments, found.map_or(&[], |found| &found.doubts));
    ends.entry(segment::name(&path)).and_modify(|end| *end = whole.min(*end)).or_insert(whole);
    if !checkpoint::stands(folder, last, &ends)? {
        let other = format!("event {} is another one than the one that a signed checkpoint speaks of", last.sequence);
        let line_end = last.offset.saturating_sub(1);
        return Err(segment::damaged(&folder.join(&last.segment), line_end, &checkpoint::advised(&other)));
    }
    Ok(())
}

/// The number of the segment to write, and whether it is there already: one in doubt is not gone on with.
fn to_write(found: &Active) -> (u64, bool) {
    let last = segment::number(&segment::name(&found.path)).unwrap_or(1);
    let in_doubt = found.doubts.iter().any(|doubt| doubt.segment == last);
    if in_doubt { (last + 1, false) } else { (last, true) }
}

/// What was left in doubt, for the first line of the segment that is begun.
fn uncertain(folder: &Path, found: &Active) -> Result<Vec<Uncertain>, OpenError> {
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
    found.doubts.iter().map(uncertain).collect()
}

/// Writes the end of a file anew, from there on, where there is one.
fn again(path: &Path, from: impl FnOnce(u64) -> u64) -> Result<(), OpenError> {
    let at = private_files::io_at(path);
    let file = match private_files::open(path, private_files::options().read(true).write(true)) {
        Ok(file) => file,
        Err(error) if error.is_missing() => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let length = file.metadata().map_err(&at)?.len();
    write_anew(&file, from(length)..length).map_err(&at)?;
    Ok(())
}

fn create(folder: &Path, number: u64) -> Result<(PathBuf, File), OpenError> {
    let path = folder.join(segment::numbered(number));
    let file = private_files::open(&path, private_files::options().write(true).create_new(true))?;
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

/// So many events were found, and no checkpoint that speaks of them.
#[derive(Serialize)]
struct Unsigned {
    events: u64,
}

/// What was found behind the last whole line.
#[derive(Serialize)]
struct Torn {
    offset: u64,
    bytes: u64,
    saved_as: String,
}

/// A crash in the middle of a write leaves a part of the last batch. Nobody was told that it is durable, so it is cut off; but
/// it may be evidence, so it is saved first.
fn save_torn_tail(folder: &Path, file: &File, found: &Active) -> Result<Option<Torn>, OpenError> {
    let at = private_files::io_at(&found.path);
    let torn = segment::behind(&found.path, found.whole)?;
    if torn.is_empty() {
        file.set_len(found.whole).and_then(|()| file.sync_all()).map_err(&at)?;
        return Ok(None);
    }
    let bytes = torn.len() as u64;
    let saved_as = format!("torn-{}.part", uuid::Uuid::now_v7().simple());
    private_files::create(&folder.join(&saved_as), &torn)?;
    file.set_len(found.whole).and_then(|()| file.sync_all()).map_err(&at)?;
    tracing::warn!(bytes, saved_as, "the journal ended in what was not written whole: saved aside and cut off");
    Ok(Some(Torn { offset: found.whole, bytes, saved_as }))
}

/// Writes a line of the journal's own before anybody else can.
fn begin_with<S: Storage>(writer: &mut Writer<S>, kind: &str, data: impl Serialize) -> Result<(), OpenError> {
    let entry = writer.own(kind, data);
    let begun = entry.and_then(|entry| writer.commit(&[entry]));
    begun.map_err(|error: WriteError| OpenError::Begin(error.to_string()))
}
