//! What the journal's tests share.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use uuid::Uuid;

use super::{Journal, JournalOptions, Kind, Line, OpenError, WriteError, faults::Hand};
use crate::hatch::{
    Record, ScanError,
    event::{Actor, Event},
    records,
    relay::durable,
};

/// A folder for a journal, and a hand on the faults under it.
pub(crate) struct Rig {
    _home: TempDir,
    pub(crate) folder: PathBuf,
    pub(crate) hand: Hand,
    pub(crate) options: JournalOptions,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("hatch");
        let mut options = JournalOptions::new("test");
        options.open_actions = 64;
        options.event_bytes = 4096;
        options.waiting_bytes = 1 << 20;
        options.segment_bytes = 1 << 20;
        Rig { _home: home, folder, hand: Hand::default(), options }
    }

    pub(crate) fn open(&self) -> Result<Journal, OpenError> {
        patiently(|| {
            let hand = self.hand.clone();
            Journal::open_over(&self.folder, self.options.clone(), move |storage| hand.over(storage))
        })
    }

    /// What was signed so far, to be put back where a crash is played.
    pub(crate) fn signed(&self) -> Vec<u8> {
        fs::read(self.folder.join("checkpoints.signed")).unwrap()
    }

    pub(crate) fn put_back(&self, signed: &[u8]) {
        fs::write(self.folder.join("checkpoints.signed"), signed).unwrap();
    }

    pub(crate) fn read(&self) -> Result<Vec<Record>, ScanError> {
        records(&self.folder).unwrap().collect()
    }

    /// The names of the segments that are there.
    pub(crate) fn segments(&self) -> Vec<String> {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".jsonl")).collect();
        names.sort();
        names
    }
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

pub(crate) async fn write(journal: &Journal, kind: &str, actionid: Option<Uuid>) -> Result<(), WriteError> {
    let (subject, data) = (Some("acme"), serde_json::json!({ "note": "as it was audited" }));
    let who = Actor { tenant: Some("acme"), actor: Some("ada"), role: Some("admin") };
    let event = Event { kind, subject, who, actionid, requestid: None, traceparent: None, data };
    let line = Line { body: event.stamped(journal.source()).unwrap(), actionid };
    durable(journal.append(line, Kind::Other, soon()).await?, soon()).await
}

pub(crate) async fn rotate(journal: &Journal) -> Result<String, WriteError> {
    journal.begin_segment(soon()).await
}

/// Another test that starts a process holds every lock of this one for a moment, until its program begins.
pub(crate) fn patiently(open: impl Fn() -> Result<Journal, OpenError>) -> Result<Journal, OpenError> {
    let until = Instant::now() + Duration::from_secs(1);
    loop {
        match open() {
            Err(OpenError::Held(_)) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            opened => return opened,
        }
    }
}
