//! Reading a journal back: its lines, checked against their chain, and the actions that have no outcome.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{
    checkpoint,
    journal::Doubt,
    line::{self, Link},
    record::{Record, ScanError, Tombstone},
    run,
    segment::{self, Position, StillOpen},
};
use crate::private_files::{self, PrivateFileError};

/// How often it is begun anew, where a running service took a segment away between two looks.
const AGAIN: usize = 4;

/// The lines of a journal in order, each checked against its chain. What is no whole line yet is not read: the lines
/// that are being written, what a crash left of the last batch, and the blanks behind them. Nor is what a failed
/// `fdatasync` left in doubt.
///
/// Damage ends it: behind an error there is no next line. That lines were cut off at the end is no damage here;
/// signatures are not looked at, nor whether segments that are gone were taken away by the journal.
/// [`Verifier`](super::Verifier) does both.
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
    hatch: PathBuf,
    segments: std::vec::IntoIter<PathBuf>,
    open: Option<Segment>,
    chain: Link,
    source: Option<String>,
    /// Where segments stop being believed.
    ends: BTreeMap<String, u64>,
    /// Up to this event, no crash can have left a line half written: a checkpoint speaks of it.
    signed: u64,
    /// Where it is damaged: path, line, offset, and why.
    damage: Option<(PathBuf, u64, u64, String)>,
    ended: bool,
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
/// When a file there cannot be read or trusted, or `uncertain.json` does not say what is in doubt; damage in a line is
/// reported by the iterator, where it is.
pub fn records(hatch: &Path) -> Result<Records, ScanError> {
    while_segments_go(hatch, || {
        // First what is in doubt: a service that starts meanwhile writes it into a segment, and then takes the marker
        // away.
        let doubts = segment::doubts(hatch)?;
        let signed = checkpoint::speaks_of(hatch)?;
        let segments = segments(hatch)?;
        let ends = ends(&segments, &doubts);
        let mut records = Records::of(hatch, segments, ends, signed);
        // The oldest is opened at once: where it was taken away since they were listed, the chain begins elsewhere.
        if let Some(path) = records.segments.next() {
            let file = private_files::open(&path, private_files::options().read(true))?;
            let lines = BufReader::with_capacity(1 << 16, file);
            records.open = Some(Segment { path, lines, line: 0, offset: 0, end: None });
        }
        Ok(records)
    })
}

/// Reads the last `lines` of the journal in the folder `hatch`, oldest first, without its lock, and as few segments as
/// that takes: those before are not looked at. Fewer lines where the journal has fewer. [`Records::more`] gives what is
/// written from then on.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// # let journal = rocky_sdk::hatch::Journal::open(&hatch, rocky_sdk::hatch::JournalOptions::new("keys"))?;
/// use rocky_sdk::hatch::{Record, tail};
///
/// let (last, mut written_since) = tail(&hatch, 10)?;
/// assert_eq!(last.iter().map(|line: &Record| line.kind.as_str()).collect::<Vec<_>>(), ["segment.opened"]);
/// assert!(written_since.more()?.is_none(), "nothing yet");
///
/// // A program that sends lines elsewhere looks again now and then, and goes on behind the last one.
/// journal.rotate().await?;
/// let line = written_since.more()?.expect("the first line of the next segment");
/// assert_eq!(line.prevhash, last[0].hash);
/// assert!(line.json().ends_with(&format!(r#","hash":"{}"}}"#, line.hash)));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`records`], and damage in the segments that are read.
pub fn tail(hatch: &Path, lines: usize) -> Result<(Vec<Record>, Records), ScanError> {
    while_segments_go(hatch, || {
        let doubts = segment::doubts(hatch)?;
        let signed = checkpoint::speaks_of(hatch)?;
        let segments = segments(hatch)?;
        let ends = ends(&segments, &doubts);
        // The newest may have no line yet.
        let begun = segments.iter().rposition(|path| segment::before(path).is_ok_and(|before| before.is_some()));
        let mut from = begun.map_or(1, |newest| newest + 1);
        loop {
            from = from.saturating_sub(1);
            let mut records = Records::of(hatch, segments[from..].to_vec(), ends.clone(), signed);
            let mut last = std::collections::VecDeque::new();
            let mut enough = false;
            while let Some(record) = records.more()? {
                last.push_back(record);
                if last.len() > lines {
                    enough = last.pop_front().is_some();
                }
            }
            if from == 0 || enough || last.len() == lines {
                return Ok((last.into(), records));
            }
        }
    })
}

/// Where segments stop being believed. What is said to be uncertain is that, whoever says it: the marker, or a first line
/// that is itself in doubt.
pub(super) fn ends(segments: &[PathBuf], doubts: &[Doubt]) -> BTreeMap<String, u64> {
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let said = |path: &PathBuf| {
        let uncertain = segment::opened(path).ok().flatten().map(|opened| opened.uncertain).unwrap_or_default();
        // Of those before it alone.
        let own = segment::number(&segment::name(path));
        uncertain.into_iter().filter(move |uncertain| segment::number(&uncertain.segment) < own)
    };
    let said = segments.iter().flat_map(said).map(|uncertain| (uncertain.segment, uncertain.offset));
    for (name, offset) in said.chain(doubts.iter().map(|doubt| (segment::numbered(doubt.segment), doubt.offset))) {
        ends.entry(name).and_modify(|end| *end = offset.min(*end)).or_insert(offset);
    }
    ends
}

/// Where the chain of these segments begins: the first segment of all begins it. Where another is the oldest that is left,
/// it is what that one goes on from; where its first line cannot be read, whoever reads it comes to that.
pub(super) fn chain_before(segments: &[PathBuf], ends: &BTreeMap<String, u64>) -> Link {
    let oldest = segments.iter().find(|oldest| ends.get(&segment::name(oldest)) != Some(&0));
    let oldest = oldest.filter(|oldest| segment::number(&segment::name(oldest)) != Some(1));
    oldest.and_then(|oldest| segment::before(oldest).ok().flatten()).unwrap_or(Link::GENESIS)
}

/// The started events without an outcome, oldest first. Beside a running service, what it is working on is among them.
/// Reads the active segment alone: its first line says which actions of the earlier ones are still open.
///
/// # Errors
/// As [`records`], and damage in the active segment.
pub fn pending(hatch: &Path) -> Result<Vec<Tombstone>, ScanError> {
    while_segments_go(hatch, || match active(hatch)? {
        Some(active) => active.tombstones(hatch),
        None => Ok(Vec::new()),
    })
}

/// Reads what a running service may take a segment away from, or not begin after all, between two looks.
pub(super) fn while_segments_go<T>(hatch: &Path, read: impl Fn() -> Result<T, ScanError>) -> Result<T, ScanError> {
    let gone = |read: &Result<T, ScanError>| match read {
        Err(ScanError::File(PrivateFileError::Io { source, .. })) => source.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    };
    let mut found = read();
    for _ in 0..AGAIN {
        if !gone(&found) || !hatch.exists() {
            break;
        }
        found = read();
    }
    found
}

/// The segment that is written, and what is known at its end.
pub(super) struct Active {
    pub(super) path: PathBuf,
    /// Where its last whole line ends that is believed.
    pub(super) whole: u64,
    /// What is wrong with the line behind that, where it is one that a crash can have left.
    pub(super) unfinished: Option<String>,
    pub(super) chain: Link,
    /// The chain's name, once there is a line.
    pub(super) source: Option<String>,
    /// The actions that have started and have no outcome, and where their lines are.
    pub(super) open: BTreeMap<Uuid, Position>,
    /// What writers left in doubt, where no segment says so yet.
    pub(super) doubts: Vec<Doubt>,
    /// The number of the oldest segment that is there.
    pub(super) oldest: u64,
}

/// Reads the active segment through; `None` where there is none yet.
///
/// A segment whose first line is not whole was being begun when its writer died: nothing stands in it yet, and the one
/// before it is read first.
pub(super) fn active(hatch: &Path) -> Result<Option<Active>, ScanError> {
    let doubts = segment::doubts(hatch)?;
    let all = segments(hatch)?;
    let Some(newest) = all.last() else { return Ok(None) };
    let begun = |path: &Path| {
        let nothing = doubts
            .iter()
            .any(|doubt| doubt.offset == 0 && segment::number(&segment::name(path)) == Some(doubt.segment));
        match segment::opened(path) {
            _ if nothing => Ok(None),
            Err(ScanError::Damaged { .. }) if path == newest && segment::is_unfinished(path, 0, &Link::GENESIS)? => {
                Ok(None)
            }
            opened => opened,
        }
    };
    let mut from = all.len();
    let mut opened = None;
    while opened.is_none() && from > 0 {
        from -= 1;
        opened = begun(&all[from])?;
    }
    let oldest = all.first().and_then(|oldest| segment::number(&segment::name(oldest))).unwrap_or(1);
    let mut active = Active {
        path: newest.clone(),
        whole: 0,
        unfinished: None,
        chain: Link::GENESIS,
        source: None,
        open: BTreeMap::new(),
        doubts,
        oldest,
    };
    if let Some(opened) = opened {
        segment::follows(hatch, &all[from], &opened)?;
        active.chain = segment::before(&all[from])?.unwrap_or(Link::GENESIS);
        active.open = opened.open.iter().map(|open| (open.actionid, open.position())).collect();
    }
    let ends = ends(&all[from..], &active.doubts);
    for path in &all[from..] {
        active.read(path, ends.get(&segment::name(path)).copied())?;
    }
    Ok(Some(active))
}

impl Active {
    fn read(&mut self, path: &Path, end: Option<u64>) -> Result<(), ScanError> {
        let run = run::read(path, 0..u64::MAX, end, &mut Vec::new())?;
        let damaged = |offset, reason: &str| Err(segment::damaged(path, offset, reason));
        if let Some((offset, reason)) = &run.broken {
            let behind = run.last.unwrap_or(self.chain);
            let newest = end.is_none() && *path == self.path && run.may_be_unfinished;
            if !newest || !segment::is_unfinished(path, *offset, &behind)? {
                return damaged(*offset, reason);
            }
            self.unfinished = Some(reason.clone());
        }
        let source = run.source();
        if let Some((_, place)) = &run.first {
            if let Err(reason) = place.follows(&self.chain) {
                return damaged(0, &reason);
            }
            if self.source.is_some() && self.source != source {
                return damaged(0, "its source is another chain's");
            }
            if segment::opened(path)?.is_none() {
                return damaged(0, "its first line was there a moment ago");
            }
        }
        if segment::number(&segment::name(path)) < segment::number(&segment::name(&self.path)) {
            segment::ends_whole(path, run.end.unwrap_or(0), end)?;
        } else {
            self.whole = run.end.unwrap_or(0);
        }
        self.chain = run.last.unwrap_or(self.chain);
        self.source = source.or(self.source.take());
        for (actionid, offset) in run.open {
            if self.open.remove(&actionid).is_none() {
                self.open.insert(actionid, Position { segment: segment::name(path), offset });
            }
        }
        Ok(())
    }

    /// The started events that have no outcome, oldest first.
    pub(super) fn tombstones(&self, hatch: &Path) -> Result<Vec<Tombstone>, ScanError> {
        tombstones(hatch, &self.open)
    }
}

/// The started events that begin there, in the order of their lines: a clock may have gone back.
pub(super) fn tombstones(hatch: &Path, open: &BTreeMap<Uuid, Position>) -> Result<Vec<Tombstone>, ScanError> {
    let mut lines: Vec<(&Uuid, &Position)> = open.iter().collect();
    lines.sort_by_key(|(_, position)| (&position.segment, position.offset));
    let line = |(actionid, position): (&Uuid, &Position)| {
        let open = StillOpen { actionid: *actionid, segment: position.segment.clone(), offset: position.offset };
        segment::line_at(hatch, &open).map(Tombstone::of)
    };
    lines.into_iter().map(line).collect()
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
    fn of(hatch: &Path, segments: Vec<PathBuf>, ends: BTreeMap<String, u64>, signed: u64) -> Self {
        let chain = chain_before(&segments, &ends);
        let (hatch, segments) = (hatch.to_owned(), segments.into_iter());
        Records { hatch, segments, open: None, chain, source: None, ends, signed, damage: None, ended: false }
    }

    /// The next line; at the end `None`, and, when it is asked again, what was written since, in newer segments too. It
    /// does not wait: whoever follows a journal asks again after a while. The iterator ends at its first `None`.
    ///
    /// # Errors
    /// As the iterator's, and whoever asks again hears of it again. Also when what was read last is there no more: a
    /// write that failed was taken back, and whoever reads on has to begin again, with [`tail`].
    pub fn more(&mut self) -> Result<Option<Record>, ScanError> {
        if self.ended && self.segments.as_slice().is_empty() {
            let read = self.open.as_ref().map(|segment| segment::name(&segment.path));
            let mut newer = segments(&self.hatch)?;
            newer.retain(|path| Some(segment::name(path)) > read);
            self.ends.append(&mut ends(&newer, &[]));
            self.segments = newer.into_iter();
        }
        // Behind damage nothing is read: whoever asks again hears it again.
        if let Some((path, line, offset, reason)) = self.damage.clone() {
            return Err(ScanError::Damaged { path, line, offset, reason });
        }
        let step = self.step();
        if let Err(ScanError::Damaged { path, line, offset, reason }) = &step {
            self.damage = Some((path.clone(), *line, *offset, reason.clone()));
        }
        self.ended = !matches!(step, Ok(Some(_)));
        step
    }

    fn step(&mut self) -> Result<Option<Record>, ScanError> {
        loop {
            let may_be_unfinished = self.segments.as_slice().is_empty() && self.chain.sequence >= self.signed;
            if let Some(segment) = &mut self.open {
                segment.end = self.ends.get(&segment::name(&segment.path)).copied();
                if let Some(record) = segment.next(&mut self.chain, &mut self.source, may_be_unfinished)? {
                    return Ok(Some(record));
                }
            }
            let Some(path) = self.segments.as_slice().first().cloned() else {
                return Ok(None);
            };
            if let Some(sealed) = &self.open {
                segment::ends_whole(&sealed.path, sealed.offset, sealed.end)?;
                if sealed.line == 0 && sealed.end != Some(0) {
                    return Err(sealed.damaged("it has no line, and another segment follows".to_owned()));
                }
            }
            let file = private_files::open(&path, private_files::options().read(true))?;
            self.segments.next();
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
        self.more().transpose()
    }
}

impl Segment {
    fn next(
        &mut self,
        chain: &mut Link,
        source: &mut Option<String>,
        may_be_unfinished: bool,
    ) -> Result<Option<Record>, ScanError> {
        if self.end.is_some_and(|end| self.offset >= end) {
            return Ok(None);
        }
        let mut line = Vec::new();
        let at = private_files::io_at(&self.path);
        std::io::Read::take(&mut self.lines, segment::LONGEST).read_until(b'\n', &mut line).map_err(&at)?;
        let crosses = self.end.is_some_and(|end| self.offset + line.len() as u64 > end);
        if line.pop() != Some(b'\n') || crosses {
            // It is being written: the next look begins where it begins.
            self.lines.seek(SeekFrom::Start(self.offset)).map_err(&at)?;
            if self.lines.get_ref().metadata().map_err(&at)?.len() < self.offset {
                return Err(self.damaged("it is shorter than it was".to_owned()));
            }
            return Ok(None);
        }
        let read = Record::read(&line).and_then(|(record, place)| {
            place.follows(chain)?;
            if source.as_ref().is_some_and(|source| *source != record.source) {
                return Err(format!("its source is {}, another chain's", record.source));
            }
            Ok((record, place))
        });
        let (record, place) = match read {
            Ok(read) => read,
            Err(_)
                if may_be_unfinished
                    && self.end.is_none()
                    && line::place(&line).is_err()
                    && segment::is_unfinished(&self.path, self.offset, chain)? =>
            {
                self.lines.seek(SeekFrom::Start(self.offset)).map_err(&at)?;
                return Ok(None);
            }
            Err(reason) => return Err(self.damaged(reason)),
        };
        if self.line == 0 {
            segment::begins_with(&self.path, &record)?;
        }
        *chain = place.itself;
        source.get_or_insert_with(|| record.source.clone());
        self.line += 1;
        self.offset += line.len() as u64 + 1;
        Ok(Some(record))
    }

    fn damaged(&self, reason: String) -> ScanError {
        ScanError::Damaged { path: self.path.clone(), line: self.line + 1, offset: self.offset, reason }
    }
}
