//! `audit verify`: four verdicts, what to do about each that does not hold, and where there was a start without checkpoints.

use std::{io::IsTerminal, path::Path, process::ExitCode};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rocky_sdk::hatch::{CheckpointKey, Progress, Verdicts, Verifier};

use super::line;
use crate::{Ended, Failure};

pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0  chain and checkpoints hold; also with a warning, that a start found events and no checkpoint
  1  the log, or its copy, could not be looked at
  2  an argument or a setting was refused
  3  the chain is broken
  4  the chain holds, the checkpoints do not: events were cut off, changed and chained anew, or signed by another key";

/// What to do where something does not hold.
const EVIDENCE: &str = "Keep this folder as it is, as evidence, and put an undamaged copy in its place";

pub(super) fn run(hatch: &Path, key: Option<CheckpointKey>, json: bool) -> Ended {
    let verdicts = verified(hatch, key, !json)?;
    line::say(&if json { vec![in_json(&verdicts)?] } else { told(&verdicts) })?;
    Ok(exit_code(&verdicts))
}

/// Reads the log through. Whoever waits at a terminal is shown how far it is.
pub(super) fn verified(hatch: &Path, key: Option<CheckpointKey>, shown: bool) -> Result<Verdicts, Failure> {
    let bar = if shown && std::io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    } else {
        ProgressBar::hidden()
    };
    let show = |Progress { bytes, of }: Progress| {
        bar.set_length(of);
        bar.set_position(bytes);
    };
    let verifier = match key {
        Some(key) => Verifier::new().key(key),
        None => Verifier::new(),
    };
    let verdicts = verifier.verify(hatch, &show);
    bar.finish_and_clear();
    let verdicts = verdicts?;
    // A folder that holds something else must not pass for a log that is whole.
    if verdicts.chain.segments == 0 && verdicts.checkpoints.broken.is_none() {
        return Err(Failure::Failed(format!(
            "{} holds no audit log: name the folder that has 00000001.jsonl, or a later one, in it",
            hatch.display()
        )));
    }
    Ok(verdicts)
}

pub(super) fn exit_code(verdicts: &Verdicts) -> ExitCode {
    match (&verdicts.chain.broken, &verdicts.checkpoints.broken) {
        (Some(_), _) => ExitCode::from(3),
        (None, Some(_)) => ExitCode::from(4),
        (None, None) => ExitCode::SUCCESS,
    }
}

fn in_json(verdicts: &Verdicts) -> Result<String, Failure> {
    let mut text = serde_json::to_string(verdicts)?;
    text.pop(); // the closing brace
    Ok(format!("{text},\"holds\":{}}}", verdicts.hold()))
}

/// A line for each verdict, one where a start found no checkpoint, and one for each tombstone.
pub(super) fn told(verdicts: &Verdicts) -> Vec<String> {
    let verdict = |word: &str, says: String| format!("{word:<11}  {says}");
    let mut told = vec![verdict("chain", chain(verdicts)), verdict("checkpoints", checkpoints(verdicts))];
    told.extend(unsigned_starts(verdicts).map(|says| verdict("warning", says)));
    told.push(verdict("unsigned", unsigned(verdicts)));
    told.push(verdict("tombstones", tombstones(verdicts)));
    told.extend(verdicts.tombstones.iter().map(|tombstone| format!("  {}", line::tombstone(tombstone))));
    // They quote what stands in the log.
    told.iter().map(|line| line::escaped(line)).collect()
}

fn chain(verdicts: &Verdicts) -> String {
    let chain = &verdicts.chain;
    let events = match chain.events {
        0 => "no event".to_owned(),
        1 => format!("event {}", chain.first_sequence),
        _ => format!("events {} to {}", chain.first_sequence, chain.last_sequence),
    };
    if let Some(damage) = &chain.broken {
        return format!(
            "broken: {}, line {} (byte {}): {}. What stands before it holds: {events}. {EVIDENCE}",
            damage.segment, damage.line, damage.offset, damage.reason
        );
    }
    let mut says = format!("holds: {events} in {}", counted(chain.segments, "segment"));
    if chain.first_sequence > 1 {
        says += "; the events before were taken away, and `segment.deleted` says so";
    }
    if chain.unfinished_bytes > 0 {
        let bytes = counted(chain.unfinished_bytes, "byte");
        says += &format!("; {bytes} behind them are no whole line: it is being written, or was when its console died");
    }
    says
}

fn checkpoints(verdicts: &Verdicts) -> String {
    let checkpoints = &verdicts.checkpoints;
    let mut good = counted(checkpoints.good, "checkpoint");
    if let (Some(sequence), Some(time)) = (checkpoints.last_sequence, &checkpoints.last_time) {
        good += &format!(", the last of event {sequence}, signed at {time}");
    }
    let mut says = match (&checkpoints.broken, checkpoints.good) {
        (Some(reason), 0) => format!("do not hold: {reason}. {EVIDENCE}"),
        (Some(reason), _) => format!("do not hold: {reason}. What stands before holds: {good}. {EVIDENCE}"),
        (None, 0) if verdicts.chain.broken.is_some() => "hold: none speaks of an event before the damage".to_owned(),
        (None, 0) => "hold: there is none, and no event".to_owned(),
        (None, _) if verdicts.chain.broken.is_some() => format!("hold, as far as the chain does: {good}"),
        (None, _) => format!("hold: {good}"),
    };
    match checkpoints.key {
        Some(key) if checkpoints.key_was_known && checkpoints.broken.is_some() => {
            says +=
                &format!(". They were looked at with the key {key}: see that it is what `audit key` prints at home");
        }
        Some(key) if checkpoints.key_was_known => says += &format!(". The key is {key}"),
        Some(key) => {
            says += &format!(
                ". The key is the one that they themselves name, {key}, and whoever can write here can sign anew: \
                 verify with `--key` and what `audit key` printed at home"
            );
        }
        None => {}
    }
    says
}

/// Checkpoints that hold do not speak of what was before they were taken away: only another machine can.
fn unsigned_starts(verdicts: &Verdicts) -> Option<String> {
    let starts = &verdicts.checkpoints.unsigned_starts;
    let last = starts.last()?;
    let says = match starts.len() {
        1 => format!("event {last}, `log.unsigned`, says that a start found events and no checkpoint"),
        many => format!("{many} starts found events and no checkpoint: the last `log.unsigned` is event {last}"),
    };
    Some(format!(
        "{says}. checkpoints.signed had been moved away or deleted, unless a crash came before the first checkpoint: \
         nobody here can say whether what stands before event {last} is what was written. See that a hash from before, \
         kept on another machine, still stands there (`audit show --json`)"
    ))
}

fn unsigned(verdicts: &Verdicts) -> String {
    match verdicts.unsigned_events {
        0 if verdicts.chain.events == 0 => "none: there is no event".to_owned(),
        0 => "none: the last event is signed for".to_owned(),
        events => format!(
            "{} after the last checkpoint: whether more stood behind them, nobody can say; a console signs \
             within 10 s, and when it ends",
            counted(events, "event")
        ),
    }
}

fn tombstones(verdicts: &Verdicts) -> String {
    let holds = if verdicts.chain.broken.is_some() { ", as far as the chain holds" } else { "" };
    match verdicts.tombstones.len() as u64 {
        0 => format!("none: every action has its outcome{holds}"),
        open => format!(
            "{} without an outcome{holds}; a running console may be at work on some: `reconcile` settles the rest",
            counted(open, "action")
        ),
    }
}

fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
