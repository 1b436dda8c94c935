//! Reading a journal back: its lines, checked against their chain, and the actions that have no outcome.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    journal::Doubt,
    segment::{self, Position},
};
use crate::private_files::{self, PrivateFileError};

/// Hashed before each line, so that a line's hash is nobody else's.
const DOMAIN: &[u8] = b"rocky hatch line 1\n";
/// `,"hash":"` and 64 digits and `"}`.
pub(super) const SUFFIX: usize = 75;
/// The `prevhash` of a chain's first line.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of a line, over its bytes before `,"hash":`.
pub(crate) fn hash(before: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(DOMAIN).chain_update(before).finalize())
}

/// One line of HATCH.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// # let _journal = rocky_sdk::hatch::Journal::open(&hatch, rocky_sdk::hatch::JournalOptions::new("keys"))?;
/// use rocky_sdk::hatch::{Record, records};
///
/// /// The events of a distributed trace, whose id is the second part of a `traceparent`.
/// fn of_trace<'a>(lines: &'a [Record], trace: &'a str) -> impl Iterator<Item = &'a Record> {
///     let is_of = move |parent: &str| parent.split('-').nth(1) == Some(trace);
///     lines.iter().filter(move |line| line.traceparent.as_deref().is_some_and(is_of))
/// }
///
/// /// Whether the line is still there whose hash was sent to another machine. That lines were cut off at the end shows
/// /// nowhere else: those that are left are a chain.
/// fn still_there(lines: &[Record], kept: &str) -> bool {
///     lines.iter().any(|line| line.hash == kept)
/// }
///
/// let lines: Vec<Record> = records(&hatch)?.collect::<Result<_, _>>()?;
/// assert_eq!(lines[0].prevhash, "0".repeat(64)); // where a chain begins; from there on, the `hash` of the line before
/// assert!(still_there(&lines, &lines[0].hash));
/// assert_eq!(of_trace(&lines, "4bf92f3577b34da6a3ce929d0e0e4736").count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// Unique; UUIDv7.
    pub id: Uuid,
    /// The chain that the line belongs to.
    pub source: String,
    /// The event's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// RFC 3339, UTC, microseconds.
    pub time: String,
    /// The workspace that it is about.
    pub subject: Option<String>,
    /// For whom.
    pub tenant: Option<String>,
    /// By whom.
    pub actor: Option<String>,
    /// In which role.
    pub role: Option<String>,
    /// Joins a started event and its outcome.
    pub actionid: Option<Uuid>,
    /// The inbound request.
    pub requestid: Option<String>,
    /// The W3C trace context of the inbound request.
    pub traceparent: Option<String>,
    /// The action as audited; in an outcome `status`, `code`, `error`, `duration_us`.
    pub data: Box<RawValue>,
    /// Its place in the chain: 20 digits.
    pub sequence: String,
    /// The hash of the line before.
    pub prevhash: String,
    /// The hash of this line.
    pub hash: String,
}

impl Record {
    /// A text field of `data`.
    #[must_use]
    pub fn data_text(&self, field: &str) -> Option<String> {
        let data: serde_json::Value = serde_json::from_str(self.data.get()).ok()?;
        data.get(field)?.as_str().map(str::to_owned)
    }
}

/// A started event without an outcome; [`pending`] and [`Journal::tombstones`](super::Journal::tombstones) find them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tombstone {
    /// The action.
    pub actionid: Uuid,
    /// The started event's name.
    pub started: String,
    /// When it started.
    pub time: String,
    /// The workspace that it is about.
    pub subject: Option<String>,
    /// For whom.
    pub tenant: String,
    /// By whom.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// The action as audited.
    pub data: Box<RawValue>,
}

/// Where the chain of a journal broke, or why it cannot be read.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// # drop(rocky_sdk::hatch::Journal::open(&hatch, rocky_sdk::hatch::JournalOptions::new("keys"))?);
/// use rocky_sdk::hatch::{ScanError, records};
///
/// // Somebody changes a line in place.
/// let segment = hatch.join("00000001.jsonl");
/// let lines = std::fs::read_to_string(&segment)?;
/// std::fs::write(&segment, lines.replace("segment.opened", "segment.erased"))?;
///
/// let found = match records(&hatch)?.find_map(Result::err) {
///     None => "each line follows the one before".to_owned(),
///     // The file is evidence now: keep it, and put an undamaged copy in its place.
///     Some(ScanError::Damaged { path, line, offset, reason }) => {
///         format!("{}, line {line}, byte {offset}: {reason}", path.display())
///     }
///     // Nothing is said of the lines: the error says what to do before they can be read.
///     Some(ScanError::File(error)) => error.to_string(),
/// };
/// assert_eq!(found, format!("{}, line 1, byte 0: its hash does not match its content", segment.display()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file cannot be read or trusted.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// A line is not what the chain says.
    #[error(
        "{} is damaged at line {line} (byte {offset}): {reason}. Nothing was changed; keep the file as it is and put \
         an undamaged copy in its place",
        path.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Where the line begins.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
}

/// The lines of a journal in order, each checked against its chain. An unterminated last line (one that is being written,
/// or was when the writer died) is not read.
///
/// Damage ends it: behind an error there is no next line.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use rocky_sdk::{Admin, Billing, Credentials, Doors, LocalAuth, hatch::{Journal, JournalOptions}, tenant_action};
/// # #[tenant_action(
/// #     role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed",
/// # )]
/// # struct Rotate { key: String }
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// # let (auth, first) = LocalAuth::open(home.path())?;
/// # let journal = Journal::open(&hatch, JournalOptions::new("keys"))?;
/// # let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
/// # let admin = Credentials::bearer(first.expect("a new home").token);
/// # // An action is at hand when the service ends without a drain.
/// # let audited = doors.authenticate::<Admin>(&admin).await?.audit(Rotate { key: "mail".to_owned() }).await?;
/// # doors.shutdown(std::time::Duration::ZERO).await.unwrap_err();
/// # drop(audited);
/// use std::collections::BTreeMap;
/// use rocky_sdk::hatch::{Record, Records, ScanError, Tombstone, pending, records};
///
/// /// How many events of each name there are. An error is passed on: what was counted before it is not all there is.
/// fn counted(lines: impl Iterator<Item = Result<Record, ScanError>>) -> Result<BTreeMap<String, u64>, ScanError> {
///     let mut counted = BTreeMap::new();
///     for line in lines {
///         *counted.entry(line?.kind).or_default() += 1;
///     }
///     Ok(counted)
/// }
///
/// let lines: Records = records(&hatch)?;
/// assert_eq!(counted(lines)?["keys.rotation_started"], 1);
///
/// // This one started and has no outcome: its service ended first.
/// let tombstones = pending(&hatch)?;
/// for Tombstone { time, started, actor, actionid, .. } in &tombstones {
///     println!("{time}  {started} by {actor} has no outcome: {actionid}");
/// }
/// assert_eq!(tombstones.len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct Records {
    segments: std::vec::IntoIter<PathBuf>,
    open: Option<Segment>,
    pub(super) chain: Chain,
    /// Where the line begins that was read last.
    at: Option<Position>,
    /// Where segments stop being believed.
    ends: BTreeMap<String, u64>,
    /// What writers left in doubt, where no segment says so yet.
    doubts: Vec<Doubt>,
    ended: bool,
}

/// Where a chain stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) sequence: u64,
    pub(super) hash: String,
    pub(super) source: Option<String>,
}

struct Segment {
    path: PathBuf,
    lines: BufReader<File>,
    line: u64,
    offset: u64,
    /// Where it stops being believed, when the next segment says so.
    end: Option<u64>,
}

/// Reads the journal in the folder `hatch`, without its lock: every segment that is there, from the oldest.
///
/// # Errors
/// When a file there cannot be read or trusted; damage is reported by the iterator, where it is.
pub fn records(hatch: &Path) -> Result<Records, ScanError> {
    // First what is in doubt: a service that starts meanwhile writes it into a segment, and then takes the marker away.
    let doubts = segment::doubts(hatch)?;
    Ok(records_of(segments(hatch)?, doubts))
}

fn records_of(segments: Vec<PathBuf>, doubts: Vec<Doubt>) -> Records {
    // What is said to be uncertain is that, whoever says it: the marker, or a first line that is itself in doubt.
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let said =
        segments.iter().filter_map(|path| segment::opened(path).ok().flatten()).flat_map(|opened| opened.uncertain);
    let said = said.map(|uncertain| (uncertain.segment, uncertain.offset));
    for (name, offset) in said.chain(doubts.iter().map(|doubt| (segment::numbered(doubt.segment), doubt.offset))) {
        ends.entry(name).and_modify(|end| *end = offset.min(*end)).or_insert(offset);
    }
    // The first segment of all begins the chain. Where another is the oldest that is left, the chain is what it goes on from;
    // where its first line cannot be read, the iterator says so when it comes to it.
    let oldest = segments.iter().find(|oldest| ends.get(&segment::name(oldest)) != Some(&0));
    let oldest = oldest.filter(|oldest| segment::number(&segment::name(oldest)) != Some(1));
    let chain = oldest.and_then(|oldest| segment::before(oldest).ok().flatten()).unwrap_or_default();
    Records { segments: segments.into_iter(), open: None, chain, at: None, ends, doubts, ended: false }
}

/// The started events without an outcome, oldest first. Beside a running service, what it is working on is among them.
/// Reads the active segment alone: its first line says which actions of the earlier ones are still open.
///
/// # Errors
/// As [`records`], and damage in the active segment.
pub fn pending(hatch: &Path) -> Result<Vec<Tombstone>, ScanError> {
    let read = || {
        let (mut records, mut open) = active(hatch)?;
        open.see_all(&mut records)?;
        Ok(open.into_tombstones())
    };
    // A segment that a running service took away, or did not begin after all, between two looks.
    let gone = |read: &Result<_, ScanError>| match read {
        Err(ScanError::File(PrivateFileError::Io { source, .. })) => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    let mut found = read();
    for _ in 0..4 {
        if !gone(&found) || !hatch.exists() {
            break;
        }
        found = read();
    }
    found
}

/// The lines of the active segment, and the actions that were open when it began.
///
/// A segment whose first line is not whole was being begun when its writer died: nothing stands in it yet, and the one
/// before it is read first.
pub(super) fn active(hatch: &Path) -> Result<(Records, OpenActions), ScanError> {
    let doubts = segment::doubts(hatch)?;
    let mut all = segments(hatch)?;
    let begun = |path: &Path| {
        let nothing = doubts
            .iter()
            .any(|doubt| doubt.offset == 0 && segment::number(&segment::name(path)) == Some(doubt.segment));
        if nothing { Ok(None) } else { segment::opened(path) }
    };
    let mut from = all.len();
    let mut opened = None;
    while opened.is_none() && from > 0 {
        from -= 1;
        opened = begun(&all[from])?;
    }
    let mut open = OpenActions::default();
    if let Some(opened) = opened {
        segment::follows(hatch, &all[from], &opened)?;
        for still_open in &opened.open {
            let line = segment::line_at(hatch, still_open)?;
            open.see(&line, still_open.position());
        }
    }
    Ok((records_of(all.split_off(from), doubts), open))
}

/// The segments in their order.
pub(super) fn segments(hatch: &Path) -> Result<Vec<PathBuf>, PrivateFileError> {
    let at = private_files::io_at(hatch);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(hatch).map_err(&at)? {
        let path = entry.map_err(&at)?.path();
        // A copy that somebody left beside them, under another name, is no segment.
        let name = segment::name(&path);
        if segment::number(&name).map(segment::numbered).is_some_and(|numbered| numbered == name) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

impl Records {
    /// Where the active segment ends for good: its path, the length of its whole lines.
    pub(super) fn tail(&self) -> Option<(&Path, u64)> {
        self.open.as_ref().map(|segment| (segment.path.as_path(), segment.offset))
    }

    /// What writers left in doubt, where no segment says so yet.
    pub(super) fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    /// Where the line begins that was read last.
    pub(super) fn line_begins(&self) -> Option<&Position> {
        self.at.as_ref()
    }

    fn step(&mut self) -> Result<Option<Record>, ScanError> {
        loop {
            if let Some(segment) = &mut self.open {
                let (offset, line) = (segment.offset, segment.line);
                if let Some(record) = segment.next(&mut self.chain)? {
                    if line == 0 {
                        segment::begins_with(&segment.path, &record)?;
                    }
                    self.at = Some(Position { segment: segment::name(&segment.path), offset });
                    return Ok(Some(record));
                }
            }
            let Some(path) = self.segments.next() else {
                return Ok(None);
            };
            if let Some(sealed) = &mut self.open {
                sealed.ends_whole()?;
            }
            let file = private_files::open(&path, private_files::options().read(true))?;
            let end = self.ends.get(&segment::name(&path)).copied();
            self.open = Some(Segment { path, lines: BufReader::with_capacity(1 << 16, file), line: 0, offset: 0, end });
        }
    }
}

impl Iterator for Records {
    type Item = Result<Record, ScanError>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

impl Segment {
    fn next(&mut self, chain: &mut Chain) -> Result<Option<Record>, ScanError> {
        if self.end.is_some_and(|end| self.offset >= end) {
            return Ok(None);
        }
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).map_err(private_files::io_at(&self.path))?;
        if line.pop() != Some(b'\n') {
            return Ok(None);
        }
        let record = chain.follow(&line).map_err(|reason| self.damaged(reason))?;
        self.line += 1;
        self.offset += line.len() as u64 + 1;
        Ok(Some(record))
    }

    /// Only the last segment may end in the middle of a line.
    fn ends_whole(&mut self) -> Result<(), ScanError> {
        let size = self.lines.get_ref().metadata().map_err(private_files::io_at(&self.path))?.len();
        if self.end.unwrap_or(size) == self.offset {
            Ok(())
        } else {
            Err(self.damaged("it ends in the middle of a line, and another segment follows".to_owned()))
        }
    }

    fn damaged(&self, reason: String) -> ScanError {
        ScanError::Damaged { path: self.path.clone(), line: self.line + 1, offset: self.offset, reason }
    }
}

/// A line whose hash is that of its content, whatever stands before it.
pub(super) fn read_line(line: &[u8]) -> Result<Record, String> {
    let cut = line.len().checked_sub(SUFFIX).ok_or("it is too short")?;
    let (before, suffix) = line.split_at(cut);
    let expected = format!(",\"hash\":\"{}\"}}", hash(before));
    if suffix != expected.as_bytes() {
        return Err("its hash does not match its content".to_owned());
    }
    serde_json::from_slice(line).map_err(|error| format!("it is not an event: {error}"))
}

impl Default for Chain {
    fn default() -> Self {
        Chain { sequence: 0, hash: GENESIS.to_owned(), source: None }
    }
}

impl Chain {
    /// Takes the next line, or says why it cannot be the next one.
    fn follow(&mut self, line: &[u8]) -> Result<Record, String> {
        let record = read_line(line)?;
        if record.prevhash != self.hash {
            return Err("it does not follow the line before: prevhash is another line's".to_owned());
        }
        if record.sequence != sequence_text(self.sequence + 1) {
            return Err(format!("its sequence is {}, expected {}", record.sequence, self.sequence + 1));
        }
        if self.source.as_ref().is_some_and(|source| *source != record.source) {
            return Err(format!("its source is {}, another chain's", record.source));
        }
        self.sequence += 1;
        self.hash.clone_from(&record.hash);
        self.source.get_or_insert_with(|| record.source.clone());
        Ok(record)
    }
}

pub(super) fn sequence_text(sequence: u64) -> String {
    format!("{sequence:020}")
}

/// Pairs started events with their outcomes: of the two lines with one `actionid`, the first starts the action and the
/// second ends it.
#[derive(Default)]
pub(super) struct OpenActions(BTreeMap<Uuid, (Tombstone, Position)>);

impl OpenActions {
    pub(super) fn see_all(&mut self, records: &mut Records) -> Result<(), ScanError> {
        while let Some(record) = records.next().transpose()? {
            if let Some(position) = records.line_begins() {
                self.see(&record, position.clone());
            }
        }
        Ok(())
    }

    fn see(&mut self, record: &Record, position: Position) {
        let Some(actionid) = record.actionid else { return };
        if self.0.remove(&actionid).is_some() {
            return;
        }
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let tombstone = Tombstone {
            actionid,
            started: record.kind.clone(),
            time: record.time.clone(),
            subject: record.subject.clone(),
            tenant: text(&record.tenant),
            actor: text(&record.actor),
            role: text(&record.role),
            data: record.data.clone(),
        };
        self.0.insert(actionid, (tombstone, position));
    }

    /// Where each of them started.
    pub(super) fn positions(&self) -> BTreeMap<Uuid, Position> {
        self.0.iter().map(|(actionid, (_, position))| (*actionid, position.clone())).collect()
    }

    /// Oldest first: a UUIDv7 sorts by its time.
    pub(super) fn into_tombstones(self) -> Vec<Tombstone> {
        self.0.into_values().map(|(tombstone, _)| tombstone).collect()
    }
}
