//! Segments: one chain over many files, begun under load, after crashes, on full disks, and taken away again.

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
    pending, records,
    relay::durable,
    segment::{Deleted, Opened},
};

struct Bench {
    _home: TempDir,
    folder: PathBuf,
    hand: Hand,
    options: JournalOptions,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("hatch");
        let mut options = JournalOptions::new("test");
        options.open_actions = 64;
        options.event_bytes = 4096;
        options.waiting_bytes = 1 << 20;
        options.segment_bytes = 1 << 20;
        Bench { _home: home, folder, hand: Hand::default(), options }
    }

    fn open(&self) -> Result<Journal, OpenError> {
        let hand = self.hand.clone();
        Journal::open_over(&self.folder, self.options.clone(), move |storage| hand.over(storage))
    }

    fn read(&self) -> Result<Vec<Record>, ScanError> {
        records(&self.folder).unwrap().collect()
    }

    /// The names of the segments that are there.
    fn segments(&self) -> Vec<String> {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".jsonl")).collect();
        names.sort();
        names
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

async fn write(journal: &Journal, kind: &str, actionid: Option<Uuid>) -> Result<(), WriteError> {
    let (subject, data) = (Some("acme"), serde_json::json!({ "note": "as it was audited" }));
    let who = Actor { tenant: Some("acme"), actor: Some("ada"), role: Some("admin") };
    let event = Event { kind, subject, who, actionid, requestid: None, traceparent: None, data };
    let line = Line { body: event.stamped(journal.source()).unwrap(), actionid };
    durable(journal.append(line, Kind::Other, soon()).await?, soon()).await
}

async fn rotate(journal: &Journal) -> Result<String, WriteError> {
    journal.begin_segment(soon()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn segments_are_begun_under_load_without_a_gap() {
    let mut bench = Bench::new();
    bench.options.segment_bytes = 16 << 10;
    let journal = std::sync::Arc::new(bench.open().unwrap());
    let writers: Vec<_> = (0..32)
        .map(|_| {
            let journal = std::sync::Arc::clone(&journal);
            tokio::spawn(async move {
                let mut told = Vec::new();
                for at in 0..20 {
                    let actionid = Uuid::now_v7();
                    write(&journal, "a.started", Some(actionid)).await.unwrap();
                    if at % 5 == 0 {
                        rotate(&journal).await.unwrap();
                    }
                    write(&journal, "a.done", Some(actionid)).await.unwrap();
                    told.push(actionid);
                }
                told
            })
        })
        .collect();
    let mut told = Vec::new();
    for writer in writers {
        told.extend(writer.await.unwrap());
    }
    journal.close();

    let lines = bench.read().unwrap();
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line.sequence, format!("{:020}", at + 1), "a gap");
    }
    for actionid in told {
        assert_eq!(lines.iter().filter(|line| line.actionid == Some(actionid)).count(), 2, "what was told is there");
    }
    let segments = bench.segments();
    assert!(segments.len() > 20, "rotated by size and by command: {}", segments.len());
    let mut before: Option<(String, String)> = None;
    for name in segments {
        let text = fs::read_to_string(bench.folder.join(&name)).unwrap();
        let first: Record = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let opened: Opened = serde_json::from_str(first.data.get()).unwrap();
        assert_eq!(opened.previous, before.as_ref().map(|(name, _)| name.clone()));
        assert_eq!(opened.previous_hash, before.map_or("0".repeat(64), |(_, hash)| hash));
        let last: Record = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        before = Some((name, last.hash));
    }
    assert!(pending(&bench.folder).unwrap().is_empty());
}

#[tokio::test]
async fn an_action_stays_open_over_rotations_and_restarts() {
    let bench = Bench::new();
    let (open, done) = (Uuid::now_v7(), Uuid::now_v7());
    let journal = bench.open().unwrap();
    write(&journal, "a.started", Some(open)).await.unwrap();
    assert_eq!(rotate(&journal).await.unwrap(), "00000002.jsonl");
    write(&journal, "a.started", Some(done)).await.unwrap();
    rotate(&journal).await.unwrap();
    write(&journal, "a.done", Some(done)).await.unwrap();
    rotate(&journal).await.unwrap();
    journal.close();

    let journal = bench.open().unwrap();
    let [tombstone] = journal.tombstones() else { panic!("{:?}", journal.tombstones()) };
    assert_eq!((tombstone.actionid, tombstone.started.as_str()), (open, "a.started"));
    assert_eq!((tombstone.subject.as_deref(), tombstone.tenant.as_str()), (Some("acme"), "acme"));
    assert_eq!(tombstone.data.get(), r#"{"note":"as it was audited"}"#);
    assert_eq!(pending(&bench.folder).unwrap().len(), 1);
    rotate(&journal).await.unwrap();
    write(&journal, "a.done", Some(open)).await.unwrap();
    rotate(&journal).await.unwrap();
    journal.close();
    assert!(bench.open().unwrap().tombstones().is_empty());
    assert_eq!(bench.segments().len(), 6);
    bench.read().unwrap();
}

#[tokio::test]
async fn a_segment_that_cannot_be_begun_leaves_the_one_before_in_use() {
    let bench = Bench::new();
    let journal = bench.open().unwrap();
    bench.hand.set(|faults| faults.begin = true);
    assert!(matches!(rotate(&journal).await, Err(WriteError::Io(_))));
    write(&journal, "a.one", None).await.unwrap();
    bench.hand.set(|faults| faults.begin = false);
    bench.hand.set(|faults| faults.room = Some(100));
    assert_eq!(rotate(&journal).await, Err(WriteError::NoSpace));
    bench.hand.set(|faults| faults.room = None);
    assert_eq!(bench.segments(), ["00000001.jsonl"]);
    rotate(&journal).await.unwrap();
    write(&journal, "a.two", None).await.unwrap();
    let kinds: Vec<_> = bench.read().unwrap().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.one", "segment.opened", "a.two"]);
}

#[tokio::test]
async fn a_segment_in_doubt_puts_the_journal_out_of_service() {
    for fault in ["not taken back", "not synced"] {
        let bench = Bench::new();
        let journal = bench.open().unwrap();
        bench.hand.set(|faults| match fault {
            "not taken back" => (faults.begin, faults.cut_back) = (true, true),
            _ => faults.sync = true,
        });
        assert!(matches!(rotate(&journal).await, Err(WriteError::Poisoned(_))), "{fault}");
        bench.hand.set(|faults| (faults.begin, faults.cut_back, faults.sync) = (false, false, false));
        assert!(matches!(write(&journal, "a.one", None).await, Err(WriteError::Poisoned(_))), "{fault}");
        assert!(journal.trouble().is_some());
        journal.close();
        // Nothing of the segment in doubt is believed, whatever of it is there.
        let journal = bench.open().unwrap();
        write(&journal, "a.two", None).await.unwrap();
        assert_eq!(bench.segments(), ["00000001.jsonl", "00000002.jsonl", "00000003.jsonl"], "{fault}");
        let lines = bench.read().unwrap();
        assert_eq!(
            lines.iter().map(|line| line.kind.as_str()).collect::<Vec<_>>(),
            ["segment.opened", "segment.opened", "a.two"]
        );
        journal.close();
        write(&bench.open().unwrap(), "a.three", None).await.unwrap();
        assert_eq!(bench.segments().len(), 3, "once");
    }
}

#[tokio::test]
async fn what_a_failed_sync_left_in_doubt_is_not_believed_and_stands_in_the_next_segment() {
    let bench = Bench::new();
    let (kept, doubted) = (Uuid::now_v7(), Uuid::now_v7());
    let journal = bench.open().unwrap();
    write(&journal, "a.started", Some(kept)).await.unwrap();
    let durable = fs::metadata(bench.folder.join("00000001.jsonl")).unwrap().len();
    bench.hand.set(|faults| faults.sync = true);
    assert!(matches!(write(&journal, "a.started", Some(doubted)).await, Err(WriteError::Poisoned(_))));
    bench.hand.set(|faults| faults.sync = false);
    assert!(matches!(rotate(&journal).await, Err(WriteError::Poisoned(_))), "it is not gone on with");
    assert!(journal.trouble().unwrap().contains("fdatasync"));
    // Beside the journal that is out of service, and behind it: the same is believed.
    assert_eq!(bench.read().unwrap().len(), 2);
    assert_eq!(pending(&bench.folder).unwrap().len(), 1);
    journal.close();

    let journal = bench.open().unwrap();
    let open: Vec<_> = journal.tombstones().iter().map(|tombstone| tombstone.actionid).collect();
    assert_eq!(open, [kept], "what nobody was told did not start");
    write(&journal, "a.done", Some(kept)).await.unwrap();
    let lines = bench.read().unwrap();
    assert_eq!(
        lines.iter().map(|line| line.kind.as_str()).collect::<Vec<_>>(),
        ["segment.opened", "a.started", "segment.opened", "a.done"]
    );
    let opened: Opened = serde_json::from_str(lines[2].data.get()).unwrap();
    let [uncertain] = &opened.uncertain[..] else { panic!("{opened:?}") };
    let size = fs::metadata(bench.folder.join("00000001.jsonl")).unwrap().len();
    assert_eq!((uncertain.offset, uncertain.bytes), (durable, size - durable));
    assert!(uncertain.bytes > 0, "it is not cut off: it is evidence");
    journal.close();
    // A crash before the new segment's first line was durable: what was in doubt still is.
    let (next, first) = (bench.folder.join("00000002.jsonl"), bench.folder.join("00000001.jsonl"));
    let good = fs::read(&next).unwrap();
    for whole in [0, 40] {
        fs::write(&next, &good[..whole]).unwrap();
        let doubt = bench.folder.join("uncertain.json");
        fs::write(&doubt, format!(r#"[{{"segment":1,"offset":{durable}}}]"#)).unwrap();
        fs::set_permissions(&doubt, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let journal = bench.open().unwrap();
        let open: Vec<_> = journal.tombstones().iter().map(|tombstone| tombstone.actionid).collect();
        assert_eq!(open, [kept], "{whole}");
        journal.close();
        assert_eq!(bench.segments().len(), 2);
        assert!(!doubt.exists());
        bench.read().unwrap();
    }
    fs::write(&next, &good).unwrap();
    let journal = bench.open().unwrap();
    assert!(journal.tombstones().is_empty());
    journal.close();
    assert_eq!(fs::metadata(&first).unwrap().len(), size);
    // Later, the disk shows less of it than it did: that is no damage.
    fs::File::options().write(true).open(bench.folder.join("00000001.jsonl")).unwrap().set_len(durable).unwrap();
    assert!(bench.open().unwrap().tombstones().is_empty());
    assert_eq!(bench.read().unwrap().len(), 4);
}

#[tokio::test]
async fn a_crash_while_a_segment_is_begun_loses_nothing() {
    let open = Uuid::now_v7();
    let first_line = {
        let bench = Bench::new();
        let journal = bench.open().unwrap();
        write(&journal, "a.started", Some(open)).await.unwrap();
        rotate(&journal).await.unwrap();
        fs::read(bench.folder.join("00000002.jsonl")).unwrap()
    };
    for whole in [0, 1, first_line.len() / 2, first_line.len() - 1] {
        let bench = Bench::new();
        let journal = bench.open().unwrap();
        write(&journal, "a.started", Some(open)).await.unwrap();
        rotate(&journal).await.unwrap();
        journal.close();
        let next = bench.folder.join("00000002.jsonl");
        let line = fs::read(&next).unwrap();
        fs::write(&next, &line[..whole]).unwrap();
        assert_eq!(pending(&bench.folder).unwrap().len(), 1, "{whole}");
        let journal = bench.open().unwrap();
        assert_eq!(journal.tombstones().len(), 1, "{whole}");
        write(&journal, "a.done", Some(open)).await.unwrap();
        journal.close();
        assert!(bench.open().unwrap().tombstones().is_empty(), "{whole}");
        let lines = bench.read().unwrap();
        assert_eq!(lines.last().unwrap().kind, "a.done", "{whole}");
        assert_eq!(bench.segments().len(), 2);
    }
}

#[tokio::test]
async fn opening_reads_the_active_segment_and_the_end_of_the_one_before() {
    let bench = Bench::new();
    let journal = bench.open().unwrap();
    for kind in ["a.one", "a.two"] {
        write(&journal, kind, None).await.unwrap();
        rotate(&journal).await.unwrap();
    }
    journal.close();
    let sealed = bench.folder.join("00000001.jsonl");
    let good = fs::read_to_string(&sealed).unwrap();
    // A sealed segment's content is for whoever reads it all.
    fs::write(&sealed, good.replacen("segment.opened", "segment.erased", 1)).unwrap();
    bench.open().unwrap().close();
    let damaged = bench.read().unwrap_err();
    assert!(matches!(&damaged, ScanError::Damaged { path, line: 1, .. } if *path == sealed), "{damaged}");
    fs::write(&sealed, &good).unwrap();
    bench.read().unwrap();

    let previous = bench.folder.join("00000002.jsonl");
    let good = fs::read_to_string(&previous).unwrap();
    let without_its_last = good.split_inclusive('\n').next().unwrap();
    fs::write(&previous, without_its_last).unwrap();
    let refused = bench.open().unwrap_err();
    assert!(refused.to_string().contains("another line than the last one of 00000002.jsonl"), "{refused}");
    assert!(bench.read().is_err());
}

#[tokio::test]
async fn a_displaced_segment_is_noticed_after_a_rotation_too() {
    let bench = Bench::new();
    let journal = bench.open().unwrap();
    rotate(&journal).await.unwrap();
    write(&journal, "a.one", None).await.unwrap();
    fs::rename(bench.folder.join("00000002.jsonl"), bench.folder.join("elsewhere")).unwrap();
    assert!(matches!(write(&journal, "a.two", None).await, Err(WriteError::Displaced(_))));
    assert!(matches!(rotate(&journal).await, Err(WriteError::Displaced(_))));
    assert!(journal.trouble().unwrap().contains("00000002.jsonl"));
    fs::rename(bench.folder.join("elsewhere"), bench.folder.join("00000002.jsonl")).unwrap();
    write(&journal, "a.three", None).await.unwrap();
}

#[tokio::test]
async fn old_segments_go_once_the_chain_says_so_and_no_open_action_needs_them() {
    let mut bench = Bench::new();
    bench.options.keep_segments = Some(2);
    let journal = bench.open().unwrap();
    let open = Uuid::now_v7();
    for at in 1..=3 {
        if at == 3 {
            write(&journal, "a.started", Some(open)).await.unwrap();
        }
        write(&journal, "a.fill", None).await.unwrap();
        rotate(&journal).await.unwrap();
    }
    assert_eq!(bench.segments(), ["00000002.jsonl", "00000003.jsonl", "00000004.jsonl"]);
    let hash_of_the_first = {
        let next = fs::read_to_string(bench.folder.join("00000002.jsonl")).unwrap();
        let record: Record = serde_json::from_str(next.lines().next().unwrap()).unwrap();
        record.prevhash
    };
    let lines = bench.read().unwrap();
    let deleted = lines.iter().find(|line| line.kind == "segment.deleted").unwrap();
    let deleted: Deleted = serde_json::from_str(deleted.data.get()).unwrap();
    assert_eq!((deleted.segment.as_str(), deleted.last_hash), ("00000001.jsonl", hash_of_the_first));

    // The one with the open action's start stays, and all behind it.
    for _ in 0..4 {
        rotate(&journal).await.unwrap();
    }
    assert_eq!(bench.segments()[0], "00000003.jsonl");
    journal.close();
    let journal = bench.open().unwrap();
    assert_eq!(journal.tombstones().len(), 1);
    write(&journal, "a.done", Some(open)).await.unwrap();
    rotate(&journal).await.unwrap();
    assert_eq!(bench.segments(), ["00000007.jsonl", "00000008.jsonl", "00000009.jsonl"]);
    journal.close();
    bench.open().unwrap();
    bench.read().unwrap();

    // A segment that somebody else took away from the middle is missed.
    fs::remove_file(bench.folder.join("00000008.jsonl")).unwrap();
    let missed = bench.read().unwrap_err();
    assert!(missed.to_string().contains("00000009.jsonl"), "{missed}");
}

/// The disk is bad at the next start too: what was in doubt still is, and so is what that start wrote.
#[tokio::test]
async fn a_second_failed_sync_leaves_both_in_doubt() {
    let bench = Bench::new();
    let (kept, doubted) = (Uuid::now_v7(), Uuid::now_v7());
    let journal = bench.open().unwrap();
    write(&journal, "a.started", Some(kept)).await.unwrap();
    bench.hand.set(|faults| faults.sync = true);
    assert!(write(&journal, "a.started", Some(doubted)).await.is_err());
    journal.close();
    assert!(matches!(bench.open(), Err(OpenError::Begin(_))));
    bench.hand.set(|faults| faults.sync = false);
    // The second segment's first line was lost with the cache.
    fs::write(bench.folder.join("00000002.jsonl"), "").unwrap();
    let journal = bench.open().unwrap();
    let open: Vec<_> = journal.tombstones().iter().map(|tombstone| tombstone.actionid).collect();
    assert_eq!(open, [kept]);
    write(&journal, "a.done", Some(kept)).await.unwrap();
    journal.close();
    let kinds: Vec<_> = bench.read().unwrap().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.started", "segment.opened", "a.done"]);
    assert_eq!(bench.segments(), ["00000001.jsonl", "00000002.jsonl", "00000003.jsonl"]);
    assert!(bench.open().unwrap().tombstones().is_empty());
}

#[tokio::test]
async fn a_copy_beside_the_segments_is_none_of_them() {
    let bench = Bench::new();
    let journal = bench.open().unwrap();
    write(&journal, "a.one", None).await.unwrap();
    journal.close();
    fs::copy(bench.folder.join("00000001.jsonl"), bench.folder.join("backup.jsonl")).unwrap();
    fs::copy(bench.folder.join("00000001.jsonl"), bench.folder.join("00000009 (copy).jsonl")).unwrap();
    let journal = bench.open().unwrap();
    write(&journal, "a.two", None).await.unwrap();
    journal.close();
    let kinds: Vec<_> = bench.read().unwrap().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.one", "a.two"]);
}
