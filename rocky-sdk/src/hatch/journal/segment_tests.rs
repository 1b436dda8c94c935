//! Segments: one chain over many files, begun under load, after crashes, on full disks, and taken away again.

use std::fs;

use uuid::Uuid;

use super::{
    OpenError, WriteError,
    rig::{Rig, rotate, write},
};
use crate::hatch::{
    Record, ScanError, pending,
    segment::{Deleted, Opened},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn segments_are_begun_under_load_without_a_gap() {
    let mut rig = Rig::new();
    rig.options.segment_bytes = 16 << 10;
    let journal = std::sync::Arc::new(rig.open().unwrap());
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

    let lines = rig.read().unwrap();
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line.sequence, format!("{:020}", at + 1), "a gap");
    }
    for actionid in told {
        assert_eq!(lines.iter().filter(|line| line.actionid == Some(actionid)).count(), 2, "what was told is there");
    }
    let segments = rig.segments();
    assert!(segments.len() > 20, "rotated by size and by command: {}", segments.len());
    let mut before: Option<(String, String)> = None;
    for name in segments {
        let text = fs::read_to_string(rig.folder.join(&name)).unwrap();
        let first: Record = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let opened: Opened = serde_json::from_str(first.data.get()).unwrap();
        assert_eq!(opened.previous, before.as_ref().map(|(name, _)| name.clone()));
        assert_eq!(opened.previous_hash, before.map_or("0".repeat(64), |(_, hash)| hash));
        let last: Record = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        before = Some((name, last.hash));
    }
    assert!(pending(&rig.folder).unwrap().is_empty());
}

#[tokio::test]
async fn an_action_stays_open_over_rotations_and_restarts() {
    let rig = Rig::new();
    let (open, done) = (Uuid::now_v7(), Uuid::now_v7());
    let journal = rig.open().unwrap();
    write(&journal, "a.started", Some(open)).await.unwrap();
    assert_eq!(rotate(&journal).await.unwrap(), "00000002.jsonl");
    write(&journal, "a.started", Some(done)).await.unwrap();
    rotate(&journal).await.unwrap();
    write(&journal, "a.done", Some(done)).await.unwrap();
    rotate(&journal).await.unwrap();
    journal.close();

    let journal = rig.open().unwrap();
    let [tombstone] = journal.tombstones() else { panic!("{:?}", journal.tombstones()) };
    assert_eq!((tombstone.actionid, tombstone.started.as_str()), (open, "a.started"));
    assert_eq!((tombstone.subject.as_deref(), tombstone.tenant.as_str()), (Some("acme"), "acme"));
    assert_eq!(tombstone.data.get(), r#"{"note":"as it was audited"}"#);
    assert_eq!(pending(&rig.folder).unwrap().len(), 1);
    rotate(&journal).await.unwrap();
    write(&journal, "a.done", Some(open)).await.unwrap();
    rotate(&journal).await.unwrap();
    journal.close();
    assert!(rig.open().unwrap().tombstones().is_empty());
    assert_eq!(rig.segments().len(), 6);
    rig.read().unwrap();
}

#[tokio::test]
async fn a_segment_that_cannot_be_begun_leaves_the_one_before_in_use() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    rig.hand.set(|faults| faults.begin = true);
    assert!(matches!(rotate(&journal).await, Err(WriteError::Io(_))));
    write(&journal, "a.one", None).await.unwrap();
    rig.hand.set(|faults| faults.begin = false);
    rig.hand.set(|faults| faults.room = Some(100));
    assert_eq!(rotate(&journal).await, Err(WriteError::NoSpace));
    rig.hand.set(|faults| faults.room = None);
    assert_eq!(rig.segments(), ["00000001.jsonl"]);
    rotate(&journal).await.unwrap();
    write(&journal, "a.two", None).await.unwrap();
    let kinds: Vec<_> = rig.read().unwrap().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.one", "segment.opened", "a.two"]);
}

#[tokio::test]
async fn a_segment_in_doubt_puts_the_journal_out_of_service() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    rig.hand.set(|faults| faults.sync = true);
    assert!(matches!(rotate(&journal).await, Err(WriteError::Poisoned(_))));
    rig.hand.set(|faults| faults.sync = false);
    assert!(matches!(write(&journal, "a.one", None).await, Err(WriteError::Poisoned(_))));
    assert!(journal.trouble().is_some());
    journal.close();
    // Nothing of the segment in doubt is believed, whatever of it is there.
    let line = r#"{"specversion":"1.0","id":"#;
    for there in [None, Some(line)] {
        if let Some(line) = there {
            fs::write(rig.folder.join("00000002.jsonl"), line).unwrap();
            let doubt = rig.folder.join("uncertain.json");
            fs::write(&doubt, r#"[{"segment":2,"offset":0}]"#).unwrap();
            for path in [doubt, rig.folder.join("00000002.jsonl")] {
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            }
        }
        let journal = rig.open().unwrap();
        write(&journal, "a.two", None).await.unwrap();
        journal.close();
        assert!(!rig.folder.join("uncertain.json").exists());
    }
    assert_eq!(rig.segments(), ["00000001.jsonl", "00000002.jsonl", "00000003.jsonl"]);
    let kinds: Vec<_> = rig.read().unwrap().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.two", "segment.opened", "a.two"]);
    write(&rig.open().unwrap(), "a.three", None).await.unwrap();
    assert_eq!(rig.segments().len(), 3, "once");
}

#[tokio::test]
async fn what_is_left_of_a_segment_that_was_not_begun_is_none() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    rig.hand.set(|faults| (faults.begin, faults.cut_back) = (true, true));
    assert!(matches!(rotate(&journal).await, Err(WriteError::Io(_))));
    assert!(rig.folder.join("00000002.next").exists(), "it could not be taken away");
    write(&journal, "a.one", None).await.unwrap();
    rig.hand.set(|faults| (faults.begin, faults.cut_back) = (false, false));
    assert_eq!(rotate(&journal).await.unwrap(), "00000002.jsonl");
    assert!(!rig.folder.join("00000002.next").exists());
    let kinds: Vec<_> = rig.read().unwrap().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.one", "segment.opened"]);
}

#[tokio::test]
async fn what_a_failed_sync_left_in_doubt_is_not_believed_and_stands_in_the_next_segment() {
    let rig = Rig::new();
    let (kept, doubted) = (Uuid::now_v7(), Uuid::now_v7());
    let journal = rig.open().unwrap();
    write(&journal, "a.started", Some(kept)).await.unwrap();
    let text = fs::read_to_string(rig.folder.join("00000001.jsonl")).unwrap();
    let durable = text.trim_end_matches(' ').len() as u64;
    rig.hand.set(|faults| faults.sync = true);
    assert!(matches!(write(&journal, "a.started", Some(doubted)).await, Err(WriteError::Poisoned(_))));
    rig.hand.set(|faults| faults.sync = false);
    assert!(matches!(rotate(&journal).await, Err(WriteError::Poisoned(_))), "it is not gone on with");
    assert!(journal.trouble().unwrap().contains("fdatasync"));
    let signed = rig.signed();
    // Beside the journal that is out of service, and behind it: the same is believed.
    assert_eq!(rig.read().unwrap().len(), 2);
    assert_eq!(pending(&rig.folder).unwrap().len(), 1);
    journal.close();

    let journal = rig.open().unwrap();
    let open: Vec<_> = journal.tombstones().iter().map(|tombstone| tombstone.actionid).collect();
    assert_eq!(open, [kept], "what nobody was told did not start");
    write(&journal, "a.done", Some(kept)).await.unwrap();
    let lines = rig.read().unwrap();
    assert_eq!(
        lines.iter().map(|line| line.kind.as_str()).collect::<Vec<_>>(),
        ["segment.opened", "a.started", "segment.opened", "a.done"]
    );
    let opened: Opened = serde_json::from_str(lines[2].data.get()).unwrap();
    let [uncertain] = &opened.uncertain[..] else { panic!("{opened:?}") };
    let size = fs::metadata(rig.folder.join("00000001.jsonl")).unwrap().len();
    assert_eq!((uncertain.offset, uncertain.bytes), (durable, size - durable));
    assert!(uncertain.bytes > 0, "it is not cut off: it is evidence");
    journal.close();
    // A crash before the new segment's first line was durable: what was in doubt still is.
    let (next, first) = (rig.folder.join("00000002.jsonl"), rig.folder.join("00000001.jsonl"));
    let (good, all_signed) = (fs::read(&next).unwrap(), rig.signed());
    for whole in [0, 40] {
        fs::write(&next, &good[..whole]).unwrap();
        rig.put_back(&signed);
        let doubt = rig.folder.join("uncertain.json");
        fs::write(&doubt, format!(r#"[{{"segment":1,"offset":{durable}}}]"#)).unwrap();
        fs::set_permissions(&doubt, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let journal = rig.open().unwrap();
        let open: Vec<_> = journal.tombstones().iter().map(|tombstone| tombstone.actionid).collect();
        assert_eq!(open, [kept], "{whole}");
        journal.close();
        assert_eq!(rig.segments().len(), 2);
        assert!(!doubt.exists());
        rig.read().unwrap();
    }
    fs::write(&next, &good).unwrap();
    rig.put_back(&all_signed);
    let journal = rig.open().unwrap();
    assert!(journal.tombstones().is_empty());
    journal.close();
    assert_eq!(fs::metadata(&first).unwrap().len(), size);
    // Later, the disk shows less of it than it did: that is no damage.
    fs::File::options().write(true).open(rig.folder.join("00000001.jsonl")).unwrap().set_len(durable).unwrap();
    assert!(rig.open().unwrap().tombstones().is_empty());
    assert_eq!(rig.read().unwrap().len(), 4);
}

#[tokio::test]
async fn a_crash_while_a_segment_is_begun_loses_nothing() {
    let open = Uuid::now_v7();
    let first_line = {
        let rig = Rig::new();
        let journal = rig.open().unwrap();
        write(&journal, "a.started", Some(open)).await.unwrap();
        rotate(&journal).await.unwrap();
        fs::read(rig.folder.join("00000002.jsonl")).unwrap()
    };
    let parts = [0, 1, first_line.len() / 2, first_line.len() - 1];
    for (name, whole) in ["00000002.next", "00000002.jsonl"].into_iter().flat_map(|name| parts.map(|part| (name, part)))
    {
        let rig = Rig::new();
        let journal = rig.open().unwrap();
        write(&journal, "a.started", Some(open)).await.unwrap();
        let signed = rig.signed();
        rotate(&journal).await.unwrap();
        journal.close();
        // The first name while the journal is open, the second while it is being opened.
        let line = fs::read(rig.folder.join("00000002.jsonl")).unwrap();
        fs::remove_file(rig.folder.join("00000002.jsonl")).unwrap();
        fs::write(rig.folder.join(name), &line[..whole]).unwrap();
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(rig.folder.join(name), closed).unwrap();
        rig.put_back(&signed);
        assert_eq!(pending(&rig.folder).unwrap().len(), 1, "{name} {whole}");
        let journal = rig.open().unwrap();
        assert_eq!(journal.tombstones().len(), 1, "{name} {whole}");
        write(&journal, "a.done", Some(open)).await.unwrap();
        journal.close();
        let journal = rig.open().unwrap();
        assert!(journal.tombstones().is_empty(), "{name} {whole}");
        let lines = rig.read().unwrap();
        assert_eq!(lines.last().unwrap().kind, "a.done", "{name} {whole}");
        rotate(&journal).await.unwrap();
        assert_eq!(rig.segments().len(), if name == "00000002.next" { 2 } else { 3 });
    }
}

#[tokio::test]
async fn opening_reads_the_active_segment_and_the_end_of_the_one_before() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    for kind in ["a.one", "a.two"] {
        write(&journal, kind, None).await.unwrap();
        rotate(&journal).await.unwrap();
    }
    journal.close();
    let sealed = rig.folder.join("00000001.jsonl");
    let good = fs::read_to_string(&sealed).unwrap();
    // A sealed segment's content is for whoever reads it all.
    fs::write(&sealed, good.replacen("segment.opened", "segment.erased", 1)).unwrap();
    rig.open().unwrap().close();
    let damaged = rig.read().unwrap_err();
    assert!(matches!(&damaged, ScanError::Damaged { path, line: 1, .. } if *path == sealed), "{damaged}");
    fs::write(&sealed, &good).unwrap();
    rig.read().unwrap();

    let previous = rig.folder.join("00000002.jsonl");
    let good = fs::read_to_string(&previous).unwrap();
    let without_its_last = good.split_inclusive('\n').next().unwrap();
    fs::write(&previous, without_its_last).unwrap();
    let refused = rig.open().unwrap_err();
    assert!(refused.to_string().contains("another line than the last one of 00000002.jsonl"), "{refused}");
    assert!(rig.read().is_err());
}

#[tokio::test]
async fn a_displaced_segment_is_noticed_after_a_rotation_too() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    rotate(&journal).await.unwrap();
    write(&journal, "a.one", None).await.unwrap();
    fs::rename(rig.folder.join("00000002.jsonl"), rig.folder.join("elsewhere")).unwrap();
    assert!(matches!(write(&journal, "a.two", None).await, Err(WriteError::Displaced(_))));
    assert!(matches!(rotate(&journal).await, Err(WriteError::Displaced(_))));
    assert!(journal.trouble().unwrap().contains("00000002.jsonl"));
    fs::rename(rig.folder.join("elsewhere"), rig.folder.join("00000002.jsonl")).unwrap();
    write(&journal, "a.three", None).await.unwrap();
}

#[tokio::test]
async fn old_segments_go_once_the_chain_says_so_and_no_open_action_needs_them() {
    let mut rig = Rig::new();
    rig.options.keep_segments = Some(2);
    let journal = rig.open().unwrap();
    let open = Uuid::now_v7();
    for at in 1..=3 {
        if at == 3 {
            write(&journal, "a.started", Some(open)).await.unwrap();
        }
        write(&journal, "a.fill", None).await.unwrap();
        rotate(&journal).await.unwrap();
    }
    assert_eq!(rig.segments(), ["00000002.jsonl", "00000003.jsonl", "00000004.jsonl"]);
    let hash_of_the_first = {
        let next = fs::read_to_string(rig.folder.join("00000002.jsonl")).unwrap();
        let record: Record = serde_json::from_str(next.lines().next().unwrap()).unwrap();
        record.prevhash
    };
    let lines = rig.read().unwrap();
    let deleted = lines.iter().find(|line| line.kind == "segment.deleted").unwrap();
    let deleted: Deleted = serde_json::from_str(deleted.data.get()).unwrap();
    assert_eq!((deleted.segment.as_str(), deleted.last_hash), ("00000001.jsonl", hash_of_the_first));

    // The one with the open action's start stays, and all behind it.
    for _ in 0..4 {
        rotate(&journal).await.unwrap();
    }
    assert_eq!(rig.segments()[0], "00000003.jsonl");
    journal.close();
    let journal = rig.open().unwrap();
    assert_eq!(journal.tombstones().len(), 1);
    write(&journal, "a.done", Some(open)).await.unwrap();
    rotate(&journal).await.unwrap();
    assert_eq!(rig.segments(), ["00000007.jsonl", "00000008.jsonl", "00000009.jsonl"]);
    journal.close();
    rig.open().unwrap();
    rig.read().unwrap();

    // A segment that somebody else took away from the middle is missed.
    fs::remove_file(rig.folder.join("00000008.jsonl")).unwrap();
    let missed = rig.read().unwrap_err();
    assert!(missed.to_string().contains("00000009.jsonl"), "{missed}");
}

/// The disk is bad at the next start too: what was in doubt still is, and so is what that start wrote.
#[tokio::test]
async fn a_second_failed_sync_leaves_both_in_doubt() {
    let rig = Rig::new();
    let (kept, doubted) = (Uuid::now_v7(), Uuid::now_v7());
    let journal = rig.open().unwrap();
    write(&journal, "a.started", Some(kept)).await.unwrap();
    rig.hand.set(|faults| faults.sync = true);
    assert!(write(&journal, "a.started", Some(doubted)).await.is_err());
    journal.close();
    assert!(matches!(rig.open(), Err(OpenError::Begin(_))));
    rig.hand.set(|faults| faults.sync = false);
    // The second segment's first line was lost with the cache.
    fs::write(rig.folder.join("00000002.jsonl"), "").unwrap();
    let journal = rig.open().unwrap();
    let open: Vec<_> = journal.tombstones().iter().map(|tombstone| tombstone.actionid).collect();
    assert_eq!(open, [kept]);
    write(&journal, "a.done", Some(kept)).await.unwrap();
    journal.close();
    let kinds: Vec<_> = rig.read().unwrap().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.started", "segment.opened", "a.done"]);
    assert_eq!(rig.segments(), ["00000001.jsonl", "00000002.jsonl", "00000003.jsonl"]);
    assert!(rig.open().unwrap().tombstones().is_empty());
}

#[tokio::test]
async fn a_copy_beside_the_segments_is_none_of_them() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    write(&journal, "a.one", None).await.unwrap();
    journal.close();
    fs::copy(rig.folder.join("00000001.jsonl"), rig.folder.join("backup.jsonl")).unwrap();
    fs::copy(rig.folder.join("00000001.jsonl"), rig.folder.join("00000009 (copy).jsonl")).unwrap();
    let journal = rig.open().unwrap();
    write(&journal, "a.two", None).await.unwrap();
    journal.close();
    let kinds: Vec<_> = rig.read().unwrap().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.one", "a.two"]);
}
