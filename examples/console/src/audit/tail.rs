//! `audit tail`: the last events, and what is written from then on.
//!
//! A line is shown as soon as it can be read, which may be before it is durable. Where its write fails, the console
//! takes it back; and one that keeps few segments may take away the segment that is read. Both end a reader. The log is
//! read anew then, and gone on with behind what was read and still stands.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use rocky_sdk::hatch::{Record, Records, ScanError, records, tail};
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

use super::line::Printer;
use crate::{Ended, Failure};

/// How often it is looked whether something was written.
const LOOK: Duration = Duration::from_millis(200);
/// How often the log is read anew before an error is told: what is damaged stays so.
const AGAIN: usize = 4;
/// So many lines are read anew at first, which is more than are written together as a rule.
const NEAR: usize = 2000;
/// No more lines than these are named of those that do not stand any more.
const NAMED: usize = 16;

pub(super) async fn run(hatch: PathBuf, lines: usize, follow: bool, json: bool) -> Ended {
    if !follow {
        return shown(&hatch, lines, json);
    }
    let mut interrupted = signal(SignalKind::interrupt())?;
    // On a thread of its own: a reader that stands still, as `less` does, must not keep Ctrl-C from ending it.
    let followed = tokio::task::spawn_blocking(move || followed(&hatch, lines, json));
    tokio::select! {
        followed = followed => followed?,
        _ = interrupted.recv() => Ok(ExitCode::SUCCESS),
    }
}

fn shown(hatch: &Path, lines: usize, json: bool) -> Ended {
    let (last, _) = tail(hatch, lines)?;
    let mut printer = Printer::new(json);
    for record in &last {
        if printer.print(record)?.is_break() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let _read = printer.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn followed(hatch: &Path, lines: usize, json: bool) -> Ended {
    let mut follower = Follower::new(hatch, lines)?;
    let mut printer = Printer::new(json);
    let mut failed = 0;
    loop {
        match follower.more() {
            Ok(Some(record)) => {
                failed = 0;
                if printer.print(&record)?.is_break() {
                    break;
                }
                continue;
            }
            Ok(None) => failed = 0,
            Err(_) if failed < AGAIN => failed += 1,
            Err(error) => return Err(error),
        }
        // What was read is shown before it is waited, and before an error is told.
        if printer.flush()?.is_break() || printer.wait(LOOK)?.is_break() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads what is written, and remembers as much of it as may be taken back.
struct Follower {
    hatch: PathBuf,
    lines: Lines,
    /// The lines that were made durable together, or are to be, of those that were read last.
    batch: Vec<Line>,
    /// The line before them, which is durable.
    before: Place,
    /// Reading ended with an error: it has to begin anew.
    lost: bool,
}

/// Where a line stands in the chain.
struct Place {
    sequence: u64,
    hash: String,
}

/// A line that was read.
struct Line {
    place: Place,
    id: Uuid,
    /// Whether it was printed, and not only read on the way to those that were.
    shown: bool,
}

/// What is to be read.
struct Lines {
    /// What was read of it already.
    first: Option<Record>,
    ahead: std::vec::IntoIter<Record>,
    since: Records,
}

impl Follower {
    /// Begins with the last `lines`.
    fn new(hatch: &Path, lines: usize) -> Result<Self, ScanError> {
        // Of the lines that were written together with them, none is to be taken for a new one later.
        let (mut last, since) = tail(hatch, lines.max(NEAR))?;
        let shown = last.split_off(last.len().saturating_sub(lines));
        let lines = Lines { first: None, ahead: shown.into_iter(), since };
        // In a log that has no line yet, the first one will go on from here.
        let before = Place { sequence: 0, hash: "0".repeat(64) };
        let mut follower = Follower { hatch: hatch.to_owned(), lines, batch: Vec::new(), before, lost: false };
        for record in &last {
            follower.remember(record, false);
        }
        Ok(follower)
    }

    /// The next line; `None` where there is none yet. After an error the log is read anew, and what does not stand any
    /// more is said.
    fn more(&mut self) -> Result<Option<Record>, Failure> {
        if self.lost {
            self.begin_again()?;
        }
        let more = self.lines.more();
        self.lost = more.is_err();
        let more = more?;
        if let Some(record) = &more {
            self.remember(record, true);
        }
        Ok(more)
    }

    fn remember(&mut self, record: &Record, shown: bool) {
        let place = Place { sequence: sequence(record), hash: record.hash.clone() };
        if self.batch.is_empty() || begins_batch(record) {
            // It was written after those before it were durable, and those are never taken back.
            self.before = Place { sequence: place.sequence.saturating_sub(1), hash: record.prevhash.clone() };
            self.batch.clear();
        }
        self.batch.push(Line { place, id: record.id, shown });
    }

    /// Finds its place again: behind those lines that were read and still stand.
    fn begin_again(&mut self) -> Result<(), Failure> {
        let mut lines = Lines::from(&self.hatch, self.before.sequence)?;
        let mut reached = 0;
        while let Some(line) = lines.more()? {
            if !self.has_read(&line) {
                lines.first = Some(line);
                break;
            }
            reached = sequence(&line);
        }
        // From where on the log is another one, or has no line yet.
        let from = lines.first.as_ref().map_or(reached + 1, sequence);
        let stand = self.batch.partition_point(|line| line.place.sequence < from);
        let last = self.batch[..stand].last().map_or(&self.before, |line| &line.place);
        let goes_on = match &lines.first {
            Some(line) => from > last.sequence + 1 || (from == last.sequence + 1 && line.prevhash == last.hash),
            None => reached == last.sequence,
        };
        if !goes_on {
            return Err(Failure::Failed(
                "events that were durable when they were read do not stand any more: they were cut off or changed. \
                 `audit verify` says more"
                    .to_owned(),
            ));
        }
        let missed = last.sequence + 1..from;
        let gone: Vec<Line> = self.batch.drain(stand..).filter(|line| line.shown).collect();
        if let (Some(first), Some(last)) = (gone.first(), gone.last()) {
            let events = events(first.place.sequence, last.place.sequence);
            let (were, do_not) = if gone.len() == 1 { ("was", "does not") } else { ("were", "do not") };
            eprintln!(
                "rocky-console: {events} ({}) {were} shown and {do_not} stand any more: the write failed and was taken \
                 back, or another hand cut off what it wrote",
                named(&gone)
            );
        }
        if !missed.is_empty() {
            let events = events(missed.start, missed.end - 1);
            eprintln!(
                "rocky-console: not shown: {events}: their segments are gone. `audit verify` says whether the console took \
                 them away"
            );
            self.batch.clear();
        }
        (self.lines, self.lost) = (lines, false);
        Ok(())
    }

    /// Whether it is a line that was read, or stands before those that are remembered.
    fn has_read(&self, line: &Record) -> bool {
        let sequence = sequence(line);
        let is = |place: &Place| place.sequence == sequence && place.hash == line.hash;
        sequence < self.before.sequence || is(&self.before) || self.batch.iter().any(|line| is(&line.place))
    }
}

impl Lines {
    /// From the line behind this one on, or from an earlier one, or from the oldest that is there.
    fn from(hatch: &Path, before: u64) -> Result<Self, ScanError> {
        let (last, since) = tail(hatch, NEAR)?;
        if last.first().is_some_and(|first| sequence(first) <= before + 1) {
            return Ok(Lines { first: None, ahead: last.into_iter(), since });
        }
        // It is far back, or gone: no more is held in memory than a line.
        Ok(Lines { first: None, ahead: Vec::new().into_iter(), since: records(hatch)? })
    }

    fn more(&mut self) -> Result<Option<Record>, ScanError> {
        match self.first.take().or_else(|| self.ahead.next()) {
            Some(record) => Ok(Some(record)),
            None => self.since.more(),
        }
    }
}

fn sequence(record: &Record) -> u64 {
    record.sequence.parse().unwrap_or_default()
}

/// Whether it is the first of those that are made durable together. An action may have a field of that name, but none
/// where this one stands.
fn begins_batch(record: &Record) -> bool {
    let Record { sequence, prevhash, hash, .. } = record;
    let end = format!(r#","batchstart":true,"sequence":"{sequence}","prevhash":"{prevhash}","hash":"{hash}"}}"#);
    record.json().ends_with(&end)
}

fn events(first: u64, last: u64) -> String {
    if first == last { format!("event {first}") } else { format!("events {first} to {last}") }
}

fn named(lines: &[Line]) -> String {
    let mut ids: Vec<String> = lines.iter().take(NAMED).map(|line| line.id.to_string()).collect();
    if lines.len() > NAMED {
        ids.push(format!("and {} more", lines.len() - NAMED));
    }
    ids.join(", ")
}
