//! A segment of a journal: its name, its first line, and how it hangs on the one before.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    backwards,
    journal::{DOUBT, Doubt},
    line::{self, Hash, Link},
    record::{Record, ScanError},
    run,
};
use crate::private_files::{self, PrivateFileError};

/// The event that a segment begins with.
pub(crate) const OPENED: &str = "segment.opened";
/// The event that a segment is taken away with.
pub(crate) const DELETED: &str = "segment.deleted";
/// The event of a start that found events, and no checkpoint that speaks of them.
pub(crate) const UNSIGNED: &str = "log.unsigned";
/// No line is longer; a writer refuses a larger event long before.
pub(super) const LONGEST: u64 = 64 << 20;

/// Where a line begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) segment: String,
    pub(crate) offset: u64,
}

/// What the first line of a segment says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// The segment before; none before the first.
    pub(crate) previous: Option<String>,
    /// The hash of its last line.
    pub(crate) previous_hash: String,
    /// The actions that have started and have no outcome yet.
    pub(crate) open: Vec<StillOpen>,
    /// Where segments before this one stop being believed, when their writers were put out of service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) uncertain: Vec<Uncertain>,
}

/// A started action, and where its line is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StillOpen {
    pub(crate) actionid: Uuid,
    pub(crate) segment: String,
    pub(crate) offset: u64,
}

/// What nobody was told is durable, and may or may not be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Uncertain {
    pub(crate) segment: String,
    /// Where it begins.
    pub(crate) offset: u64,
    /// How much was found there.
    pub(crate) bytes: u64,
}

/// The last words about a segment that is taken away.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Deleted {
    pub(crate) segment: String,
    /// The hash of its last line, from which the next segment goes on.
    pub(crate) last_hash: String,
}

impl StillOpen {
    pub(crate) fn position(&self) -> Position {
        Position { segment: self.segment.clone(), offset: self.offset }
    }
}

/// What writers left in doubt when they were put out of service, and no segment says yet.
pub(super) fn doubts(hatch: &Path) -> Result<Vec<Doubt>, ScanError> {
    let path = hatch.join(DOUBT);
    match private_files::read(&path, 1 << 20) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(doubts) => Ok(doubts),
            Err(error) => Err(damaged(&path, 0, &format!("it does not say what is in doubt: {error}"))),
        },
        Err(PrivateFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// The name of a segment by its number, from 1.
pub(crate) fn numbered(number: u64) -> String {
    format!("{number:08}.jsonl")
}

/// The number of a segment that is called so.
pub(crate) fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl").filter(|digits| digits.len() == 8)?;
    digits.parse().ok().filter(|number| *number > 0)
}

pub(crate) fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What a segment begins with; `None` where its first line is not whole.
pub(super) fn opened(path: &Path) -> Result<Option<Opened>, ScanError> {
    let Some(record) = first(path)? else { return Ok(None) };
    begins_with(path, &record).map(Some)
}

/// Where the chain stands before a segment's first line.
pub(super) fn before(path: &Path) -> Result<Option<Link>, ScanError> {
    let line = whole_line(path, &mut BufReader::new(open(path)?))?;
    line.map(|line| line::place(&line).map_err(|reason| damaged(path, 0, &reason)).map(|place| place.before))
        .transpose()
}

/// Checks that this is how a segment begins.
pub(super) fn begins_with(path: &Path, record: &Record) -> Result<Opened, ScanError> {
    if record.kind != OPENED {
        return Err(damaged(path, 0, "a segment begins with `segment.opened`"));
    }
    let opened: Opened = serde_json::from_str(record.data.get())
        .map_err(|error| damaged(path, 0, &format!("it does not say what the segment goes on from: {error}")))?;
    if opened.previous_hash != record.prevhash {
        return Err(damaged(path, 0, "it names another line as the last segment's than the chain does"));
    }
    let expected = number(&name(path)).and_then(|number| number.checked_sub(1)).filter(|number| *number > 0);
    if opened.previous != expected.map(numbered) {
        return Err(damaged(path, 0, "it names another segment as the one before"));
    }
    if opened.previous.is_none() && record.prevhash != Hash::GENESIS.as_str() {
        return Err(damaged(path, 0, "nothing stands before the first segment"));
    }
    Ok(opened)
}

/// Checks that the segment before ends where this one goes on, as far as it is still there.
pub(super) fn follows(hatch: &Path, path: &Path, opened: &Opened) -> Result<(), ScanError> {
    let Some(previous) = &opened.previous else { return Ok(()) };
    let before = hatch.join(previous);
    if !before.exists() {
        return Ok(());
    }
    let uncertain = opened.uncertain.iter().filter(|uncertain| uncertain.segment == *previous);
    let end = uncertain.map(|uncertain| uncertain.offset).min();
    if end == Some(0) {
        return Ok(()); // it holds nothing that is believed
    }
    match last(&before, end)? {
        Some(link) if link.hash.as_str() == opened.previous_hash => Ok(()),
        _ => Err(damaged(path, 0, &format!("it goes on from another line than the last one of {previous}"))),
    }
}

/// The line that begins there: a started event that the active segment counts as open.
pub(super) fn line_at(hatch: &Path, at: &StillOpen) -> Result<Record, ScanError> {
    let named = number(&at.segment).map(numbered).filter(|name| *name == at.segment);
    let path = hatch.join(named.ok_or_else(|| damaged(hatch, 0, "an open action's segment has no segment's name"))?);
    let mut file = open(&path)?;
    file.seek(SeekFrom::Start(at.offset)).map_err(private_files::io_at(&path))?;
    let line = whole_line(&path, &mut BufReader::new(file))?;
    let line = line.ok_or_else(|| damaged(&path, at.offset, "an open action's line is not there"))?;
    let (record, _) = Record::read(&line).map_err(|reason| damaged(&path, at.offset, &reason))?;
    if record.actionid != Some(at.actionid) {
        return Err(damaged(&path, at.offset, "an open action's line is another action's"));
    }
    Ok(record)
}

fn first(path: &Path) -> Result<Option<Record>, ScanError> {
    let line = whole_line(path, &mut BufReader::new(open(path)?))?;
    let read = |line: Vec<u8>| Record::read(&line).map_err(|reason| damaged(path, 0, &reason));
    line.map(|line| read(line).map(|(record, _)| record)).transpose()
}

/// Only the last segment may end in the middle of a line: where another follows, the last line ends where the file does,
/// or where it stops being believed.
pub(super) fn ends_whole(path: &Path, whole: u64, end: Option<u64>) -> Result<(), ScanError> {
    let size = open(path)?.metadata().map_err(private_files::io_at(path))?.len();
    if end.unwrap_or(size) == whole {
        Ok(())
    } else {
        Err(damaged(path, whole, "it ends in the middle of a line, and another segment follows"))
    }
}

/// Where the chain stands behind the line that ends at `end`, or at the end of the file; `None` where none does.
pub(super) fn last(path: &Path, end: Option<u64>) -> Result<Option<Link>, ScanError> {
    let at = private_files::io_at(path);
    let file = open(path)?;
    let end = end.unwrap_or(file.metadata().map_err(&at)?.len());
    let line = backwards::line_before(&file, end).map_err(&at)?;
    Ok(line.and_then(|(line, _)| line::place(&line).ok()).map(|place| place.itself))
}

/// What fills a segment's file ahead of its lines.
pub(super) const BLANK: u8 = b' ';

/// What is behind the last whole line of the newest segment, but for the blanks at its end.
pub(super) fn behind(path: &Path, whole: u64) -> Result<Vec<u8>, ScanError> {
    let at = private_files::io_at(path);
    let mut file = open(path)?;
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(whole)).and_then(|_| file.read_to_end(&mut rest)).map_err(&at)?;
    rest.truncate(rest.iter().rposition(|byte| *byte != BLANK).map_or(0, |last| last + 1));
    Ok(rest)
}

/// Whether a line of the newest segment, which begins there and is not as it should be, and what is behind it, can be what a
/// crash left of the last batch: any part of it may be there. A line that is whole, and in the wrong place, was not left by
/// a crash; and where a later batch begins, the one before was durable. `chain` is where the lines before it end.
pub(super) fn is_unfinished(path: &Path, offset: u64, chain: &Link) -> Result<bool, ScanError> {
    let mut rest = behind(path, offset)?;
    loop {
        if rest.len() as u64 >= LONGEST {
            return Ok(false); // no batch is so large
        }
        let whole = memchr::memrchr(b'\n', &rest).map_or(0, |last| last + 1);
        let mut lines = rest[..whole].split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 1]);
        let first = lines.next().unwrap_or_default();
        if let Ok(place) = line::place(first) {
            // It was being written when it was read.
            return Ok(place.follows(chain).is_ok());
        }
        // A line of a later batch may stand behind one that has lost its end.
        let within = |line: &[u8]| {
            let begin = memchr::memmem::rfind(line, run::ID);
            line::begins_batch(line) || begin.is_some_and(|begin| line::begins_batch(&line[begin..]))
        };
        if !within(first) && !lines.any(within) {
            return Ok(true);
        }
        // Beside a writer, what was read may be older at its beginning than at its end.
        let again = behind(path, offset)?;
        if again == rest {
            return Ok(false);
        }
        rest = again;
    }
}

fn open(path: &Path) -> Result<File, ScanError> {
    Ok(private_files::open(path, private_files::options().read(true))?)
}

/// A line without its end; `None` where it has none.
fn whole_line(path: &Path, lines: &mut BufReader<File>) -> Result<Option<Vec<u8>>, ScanError> {
    let mut line = Vec::new();
    lines.take(LONGEST).read_until(b'\n', &mut line).map_err(private_files::io_at(path))?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

pub(super) fn damaged(path: &Path, offset: u64, reason: &str) -> ScanError {
    ScanError::Damaged { path: path.to_owned(), line: line_number(path, offset), offset, reason: reason.to_owned() }
}

/// The number, from 1, of the line that begins there.
fn line_number(path: &Path, offset: u64) -> u64 {
    let Ok(file) = File::open(path) else { return 1 };
    let mut before = BufReader::with_capacity(1 << 16, file.take(offset));
    let mut number = 1;
    while let Ok(block) = before.fill_buf() {
        let length = block.len();
        if length == 0 {
            break;
        }
        number += memchr::memchr_iter(b'\n', block).count() as u64;
        before.consume(length);
    }
    number
}
