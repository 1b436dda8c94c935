//! What is printed of an event, one line each.

use std::{
    io::{self, BufWriter, StdoutLock, Write},
    ops::ControlFlow,
    time::Duration,
};

use rocky_sdk::hatch::{Record, Tombstone};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

/// Prints events on standard output, until nobody reads them any more: `| head` is no failure.
pub(super) struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
}

impl Printer {
    pub(super) fn new(json: bool) -> Self {
        Printer { out: BufWriter::with_capacity(1 << 16, io::stdout().lock()), json }
    }

    pub(super) fn print(&mut self, record: &Record) -> io::Result<ControlFlow<()>> {
        let written =
            if self.json { writeln!(self.out, "{}", record.json()) } else { writeln!(self.out, "{}", line(record)) };
        unless_closed(written)
    }

    pub(super) fn flush(&mut self) -> io::Result<ControlFlow<()>> {
        unless_closed(self.out.flush())
    }

    /// Waits so long, or until the reader is gone: where nothing more is written, no failed write would tell.
    pub(super) fn wait(&self, how_long: Duration) -> io::Result<ControlFlow<()>> {
        let how_long = Timespec::try_from(how_long).map_err(io::Error::other)?;
        let mut out = [PollFd::new(self.out.get_ref(), PollFlags::empty())];
        match poll(&mut out, Some(&how_long)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => Ok(ControlFlow::Continue(())),
            Ok(_) => Ok(ControlFlow::Break(())),
            Err(error) => Err(error.into()),
        }
    }
}

/// Prints what was found, for whoever still reads it.
pub(super) fn say(lines: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in lines {
        if unless_closed(writeln!(out, "{line}"))?.is_break() {
            break;
        }
    }
    Ok(())
}

fn unless_closed(written: io::Result<()>) -> io::Result<ControlFlow<()>> {
    match written {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(error),
    }
}

/// A started event that has no outcome.
pub(crate) fn tombstone(tombstone: &Tombstone) -> String {
    format!(
        "{}  {:<30}  {:<20}  {}  by {}",
        escaped(&tombstone.time),
        escaped(&tombstone.started),
        or_dash(tombstone.subject.as_deref()),
        tombstone.actionid,
        escaped(&tombstone.actor),
    )
}

fn line(record: &Record) -> String {
    let outcome = outcome(record).map(|outcome| format!("  {outcome}")).unwrap_or_default();
    format!(
        "{}  {:<30}  {:<20}  {}{outcome}  {}",
        escaped(&record.time),
        escaped(&record.kind),
        or_dash(record.subject.as_deref()),
        or_dash(record.actor.as_deref()),
        record.actionid.map_or_else(|| "-".to_owned(), |actionid| actionid.to_string()),
    )
}

/// Status and code of an outcome: only there stands how long it took. (An action may have a `status` of its own.)
fn outcome(record: &Record) -> Option<String> {
    let data: Value = serde_json::from_str(record.data.get()).ok()?;
    data.get("duration_us")?;
    let status = escaped(data.get("status")?.as_str()?);
    let code = data.get("code").and_then(Value::as_str);
    Some(code.map(|code| format!("{status}/{}", escaped(code))).unwrap_or(status))
}

fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), escaped)
}

/// The text, but nothing in it that a terminal obeys, or that turns around what is read.
pub(crate) fn escaped(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    for letter in text.chars() {
        let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if letter.is_control() || turns {
            told.extend(letter.escape_default());
        } else {
            told.push(letter);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, more: Value, data: Value) -> Record {
        let mut event = serde_json::json!({
            "id": "01890000-0000-7000-8000-000000000001", "source": "/rocky/console/x", "type": kind,
            "time": "2026-01-02T03:04:05.000006Z", "data": data,
            "sequence": "00000000000000000001", "prevhash": "", "hash": "",
        });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_str(&event.to_string()).unwrap()
    }

    #[test]
    fn an_event_is_one_line_of_columns() {
        let opened = record("segment.opened", serde_json::json!({}), serde_json::json!({}));
        let expected = format!("2026-01-02T03:04:05.000006Z  {:<30}  {:<20}  -  -", "segment.opened", "-");
        assert_eq!(line(&opened), expected);

        let actionid = "01890000-0000-7000-8000-000000000002";
        let who = serde_json::json!({"subject": "acme", "actor": "me", "actionid": actionid});
        let failed = serde_json::json!({"status": "refused", "code": "slug-taken", "duration_us": 7});
        let expected = |outcome: &str| {
            format!("2026-01-02T03:04:05.000006Z  {:<30}  {:<20}  me{outcome}  {actionid}", "hearth.event", "acme")
        };
        assert_eq!(line(&record("hearth.event", who.clone(), failed)), expected("  refused/slug-taken"));
        let succeeded = serde_json::json!({"status": "succeeded", "duration_us": 7});
        assert_eq!(line(&record("hearth.event", who.clone(), succeeded)), expected("  succeeded"));
        let started = serde_json::json!({"status": "a field of the action"});
        assert_eq!(line(&record("hearth.event", who, started)), expected(""));
    }

    #[test]
    fn nothing_in_a_line_is_obeyed_by_a_terminal() {
        let said = "a\u{1b}[2J\nb\u{9b}1m\u{7f}\u{202e}c é\\";
        assert_eq!(escaped(said), "a\\u{1b}[2J\\nb\\u{9b}1m\\u{7f}\\u{202e}c é\\");
        let denied = record(
            said,
            serde_json::json!({"subject": said, "actor": said, "time": said}),
            serde_json::json!({"status": said, "code": said, "duration_us": 1}),
        );
        assert!(!line(&denied).contains(|letter: char| letter.is_control() || letter == '\u{202e}'));
    }
}
