//! A journal with little room, for tests: few open actions, and little that may wait.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use uuid::Uuid;

use super::{Journal, JournalOptions, Kind, Line, Ticket, WriteError, faults::Hand, rig::patiently};
use crate::hatch::{
    Record,
    event::{Actor, Event},
    records,
    relay::durable,
};

pub(super) fn options() -> JournalOptions {
    let mut options = JournalOptions::new("test");
    options.open_actions = 4;
    options.event_bytes = 4096;
    options.waiting_bytes = 64 << 10;
    options
}

/// A folder for it, and a hand on the faults under it.
pub(super) struct Bench {
    _home: TempDir,
    pub(super) folder: PathBuf,
    pub(super) hand: Hand,
}

impl Bench {
    pub(super) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("hatch");
        Bench { _home: home, folder, hand: Hand::default() }
    }

    pub(super) fn open(&self) -> Journal {
        let open = || {
            let hand = self.hand.clone();
            Journal::open_over(&self.folder, options(), move |storage| hand.over(storage))
        };
        patiently(open).unwrap()
    }

    /// Opens it, writes these, and closes it.
    pub(super) async fn closed_with(&self, kinds: &[&str]) {
        let journal = self.open();
        for kind in kinds {
            written(put(&journal, kind).await).await.unwrap();
        }
        journal.close();
    }

    pub(super) fn lines(&self) -> Vec<Record> {
        records(&self.folder).unwrap().collect::<Result<_, _>>().unwrap()
    }

    pub(super) fn segment(&self) -> PathBuf {
        self.folder.join("00000001.jsonl")
    }

    /// The lines in the file, durable or not, without the blanks behind them.
    pub(super) fn written(&self) -> String {
        fs::read_to_string(self.segment()).unwrap().trim_end_matches(' ').to_owned()
    }

    /// How many there are.
    pub(super) fn lines_written(&self) -> usize {
        self.written().lines().count()
    }
}

fn line(source: &str, kind: &str, actionid: Option<Uuid>, fill: usize) -> Line {
    let data = serde_json::json!({ "fill": "x".repeat(fill) });
    let event =
        Event { kind, subject: None, who: Actor::default(), actionid, requestid: None, traceparent: None, data };
    Line { body: event.stamped(source).unwrap(), actionid }
}

pub(super) fn body(kind: &str, actionid: Option<Uuid>, fill: usize) -> Line {
    line("/rocky/test/1", kind, actionid, fill)
}

pub(super) fn body_of(journal: &Journal, kind: &str, actionid: Uuid, fill: usize) -> Line {
    line(journal.source(), kind, Some(actionid), fill)
}

pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

pub(super) async fn put(journal: &Journal, kind: &str) -> Ticket {
    journal.append(line(journal.source(), kind, None, 10), Kind::Other, soon()).await.unwrap()
}

pub(super) async fn written(ticket: Ticket) -> Result<(), WriteError> {
    durable(ticket, soon()).await
}
