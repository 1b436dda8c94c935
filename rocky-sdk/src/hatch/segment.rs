//! A segment of a journal: its name, its first line, and how it hangs on the one before.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    journal::{DOUBT, Doubt},
    record::{Chain, GENESIS, Record, ScanError, read_line},
};
use crate::private_files::{self, PrivateFileError};

/// The event that a segment begins with.
pub(crate) const OPENED: &str = "segment.opened";
/// The event that a segment is taken away with.
pub(crate) const DELETED: &str = "segment.deleted";
/// No line is longer; a writer refuses a larger event long before.
const LONGEST: u64 = 64 << 20;

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
#[derive(Debug, Serialize, Deserialize)]
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
    digits.parse().ok()
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
pub(super) fn before(path: &Path) -> Result<Option<Chain>, ScanError> {
    let Some(record) = first(path)? else { return Ok(None) };
    let sequence = record.sequence.parse::<u64>().ok().and_then(|sequence| sequence.checked_sub(1));
    let sequence = sequence.ok_or_else(|| damaged(path, 0, "its sequence is no number"))?;
    Ok(Some(Chain { sequence, hash: record.prevhash, source: None }))
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
    if opened.previous.is_none() && record.prevhash != GENESIS {
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
        Some(record) if record.hash == opened.previous_hash => Ok(()),
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
    let record = read_line(&line).map_err(|reason| damaged(&path, at.offset, &reason))?;
    if record.actionid != Some(at.actionid) {
        return Err(damaged(&path, at.offset, "an open action's line is another action's"));
    }
    Ok(record)
}

fn first(path: &Path) -> Result<Option<Record>, ScanError> {
    let line = whole_line(path, &mut BufReader::new(open(path)?))?;
    line.map(|line| read_line(&line).map_err(|reason| damaged(path, 0, &reason))).transpose()
}

/// The last line before `end`, or of the file.
fn last(path: &Path, end: Option<u64>) -> Result<Option<Record>, ScanError> {
    let at = private_files::io_at(path);
    let mut file = open(path)?;
    let mut end = end.unwrap_or(file.metadata().map_err(&at)?.len());
    let mut line = Vec::new();
    // Back, block by block, to the newline before the last one.
    while end > 0 {
        let begin = end.saturating_sub(1 << 16);
        let mut block = vec![0; usize::try_from(end - begin).unwrap_or_default()];
        file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_exact(&mut block)).map_err(&at)?;
        let searched = if line.is_empty() { block.len().saturating_sub(1) } else { block.len() };
        let newline = block[..searched].iter().rposition(|byte| *byte == b'\n');
        block.drain(..newline.map_or(0, |newline| newline + 1));
        block.extend_from_slice(&line);
        line = block;
        if newline.is_some() || line.len() as u64 > LONGEST {
            break;
        }
        end = begin;
    }
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    Ok(read_line(&line).ok())
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

fn damaged(path: &Path, offset: u64, reason: &str) -> ScanError {
    let before = File::open(path).map(|file| BufReader::new(file.take(offset)).lines().count());
    let line = before.map_or(1, |lines| lines as u64 + 1);
    ScanError::Damaged { path: path.to_owned(), line, offset, reason: reason.to_owned() }
}
