//! What verify says of a journal that is whole, and of one that is not.

use std::{
    fs,
    num::NonZero,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{Progress, Signed, Verdicts, Verifier, read_all};
use crate::hatch::{
    CheckpointKey, ScanError,
    checkpoint::{Checkpoint, Signer},
    journal::rig::{Rig, rotate, soon, write},
    pending, records, tail,
};

fn verified(folder: &Path) -> Verdicts {
    Verifier::new().verify(folder, &|_| {}).unwrap()
}

/// The same on one thread; this is done once, when the oldest segment was read, and no other.
fn verified_while(folder: &Path, done: impl Fn() + Sync) -> Verdicts {
    let begun = AtomicBool::new(false);
    let progress = |_: Progress| {
        if !begun.swap(true, Ordering::Relaxed) {
            done();
        }
    };
    Verifier::new().threads(NonZero::<usize>::MIN).verify(folder, &progress).unwrap()
}

#[tokio::test]
async fn a_whole_journal_is_whole_beside_its_writer_too() {
    let mut rig = Rig::new();
    rig.options.segment_bytes = 32 << 10;
    let journal = rig.open().unwrap();
    let open = Uuid::now_v7();
    write(&journal, "a.started", Some(open)).await.unwrap();
    for at in 0..300 {
        let id = Uuid::now_v7();
        write(&journal, "a.started", Some(id)).await.unwrap();
        if at == 150 {
            rotate(&journal).await.unwrap();
        }
        write(&journal, "a.done", Some(id)).await.unwrap();
    }
    let most = AtomicU64::new(0);
    let progress = |progress: Progress| {
        assert!(progress.bytes <= progress.of);
        most.fetch_max(progress.bytes, Ordering::Relaxed);
    };
    let lines = rig.read().unwrap();
    for threads in [1, 2, 7] {
        let threads = NonZero::new(threads).unwrap();
        let verdicts = Verifier::new().threads(threads).verify(&rig.folder, &progress).unwrap();
        assert!(verdicts.hold(), "{verdicts:?}");
        let chain = &verdicts.chain;
        assert_eq!((chain.events, chain.segments), (lines.len() as u64, rig.segments().len() as u64));
        assert_eq!((chain.first_sequence, chain.last_sequence), (1, chain.events));
        assert_eq!((chain.source.as_ref(), &chain.last_hash), (Some(&lines[0].source), &lines.last().unwrap().hash));
        let [tombstone] = &verdicts.tombstones[..] else { panic!("{verdicts:?}") };
        assert_eq!((tombstone.actionid, tombstone.started.as_str()), (open, "a.started"));
        assert_eq!(verdicts.checkpoints.key, Some(CheckpointKey::of(&rig.folder).unwrap()));
        assert!(verdicts.checkpoints.key_was_known && verdicts.checkpoints.good > 3);
        assert_eq!(verdicts.unsigned_events, chain.events - verdicts.checkpoints.last_sequence.unwrap());
    }
    let bytes: u64 = rig.segments().iter().map(|name| fs::metadata(rig.folder.join(name)).unwrap().len()).sum();
    assert_eq!(most.into_inner(), bytes);
    journal.close();
    assert_eq!(verified(&rig.folder).unsigned_events, 0);
}

#[tokio::test]
async fn what_was_taken_away_by_the_journal_is_vouched_for_and_by_another_hand_is_not() {
    let mut rig = Rig::new();
    rig.options.keep_segments = Some(1);
    let journal = rig.open().unwrap();
    let (open, over) = (Uuid::now_v7(), Uuid::now_v7());
    write(&journal, "a.started", Some(over)).await.unwrap();
    rotate(&journal).await.unwrap();
    write(&journal, "a.done", Some(over)).await.unwrap();
    write(&journal, "a.started", Some(open)).await.unwrap();
    rotate(&journal).await.unwrap();
    assert_eq!(rig.segments().len(), 2);
    let verdicts = verified(&rig.folder);
    assert!(verdicts.hold(), "at once: {verdicts:?}");
    write(&journal, "a.more", None).await.unwrap();
    rotate(&journal).await.unwrap();
    assert_eq!(rig.segments()[0], "00000002.jsonl");
    let verdicts = verified(&rig.folder);
    assert!(verdicts.hold(), "{verdicts:?}");
    assert_eq!(verdicts.chain.first_sequence, 3);
    let ids: Vec<_> = verdicts.tombstones.iter().map(|tombstone| tombstone.actionid).collect();
    assert_eq!(ids, [open], "the outcome of one whose start is gone opens nothing");

    write(&journal, "a.done", Some(open)).await.unwrap();
    journal.close();
    fs::remove_file(rig.folder.join("00000002.jsonl")).unwrap();
    let broken = verified(&rig.folder).chain.broken.unwrap();
    assert_eq!((broken.segment.as_str(), broken.line), ("00000003.jsonl", 1));
    assert!(broken.reason.contains("00000002.jsonl is gone"), "{}", broken.reason);
}

/// The first segment taken away was read, the others were not.
#[test]
fn segments_that_the_journal_takes_away_meanwhile_are_not_missed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (taken_away, first_sequence) in [(1, 1), (2, 3), (3, 4)] {
        let mut rig = Rig::new();
        rig.options.keep_segments = Some(3);
        let journal = rig.open().unwrap();
        let begin = || runtime.block_on(rotate(&journal)).unwrap();
        for number in 2..=4 {
            assert_eq!(begin(), format!("{number:08}.jsonl"), "each has one event, which is signed for");
        }
        let verdicts = verified_while(&rig.folder, || (0..taken_away).for_each(|_| drop(begin())));
        assert_eq!(rig.segments()[0], format!("{:08}.jsonl", taken_away + 1));
        assert!(verdicts.hold(), "{taken_away}: {verdicts:?}");
        assert_eq!(verdicts.chain.first_sequence, first_sequence, "read again only where one could not be read");
    }
}

#[tokio::test]
async fn a_segment_that_another_hand_takes_away_meanwhile_is_missed() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    for _ in 0..2 {
        rotate(&journal).await.unwrap();
    }
    journal.close();
    let second = rig.folder.join("00000002.jsonl");
    let verdicts = verified_while(&rig.folder, || fs::remove_file(&second).unwrap());
    let broken = verdicts.chain.broken.unwrap();
    assert_eq!((broken.segment.as_str(), broken.line), ("00000003.jsonl", 1), "{}", broken.reason);
}

#[test]
fn segments_that_go_faster_than_they_are_read_are_an_error_and_no_verdict() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut rig = Rig::new();
    rig.options.keep_segments = Some(3);
    let journal = rig.open().unwrap();
    let begin_two = || (0..2).for_each(|_| drop(runtime.block_on(rotate(&journal)).unwrap()));
    (0..2).for_each(|_| begin_two());
    let pieces = AtomicU64::new(0);
    // With each that is read, the next one goes.
    let progress = |_: Progress| {
        pieces.fetch_add(1, Ordering::Relaxed);
        begin_two();
    };
    let error = Verifier::new().threads(NonZero::<usize>::MIN).verify(&rig.folder, &progress).unwrap_err();
    assert!(matches!(error, ScanError::File(_)), "{error}");
    assert!((5..=20).contains(&pieces.into_inner()), "four segments at most, and five times");
}

/// A segment is taken away after the checkpoints were read, and before the segments are listed.
#[tokio::test]
async fn a_segment_that_was_signed_away_since_the_checkpoints_were_read_is_vouched_for() {
    let mut rig = Rig::new();
    rig.options.keep_segments = Some(1);
    let journal = rig.open().unwrap();
    rotate(&journal).await.unwrap();
    let read = || Signed::read(&rig.folder, None, 2).unwrap();
    let (signed, before) = (read(), rig.signed());
    rotate(&journal).await.unwrap();
    assert_eq!(rig.segments()[0], "00000002.jsonl");
    journal.close();

    let found = read_all(&rig.folder, 1, &|_| {}).unwrap();
    let verdict = found.witnessed(&rig.folder, signed, true).unwrap();
    assert_eq!((verdict.good, verdict.broken), (2, None));
    // Where that checkpoint never was, somebody else can have said so.
    rig.put_back(&before);
    let broken = found.witnessed(&rig.folder, read(), true).unwrap().broken.unwrap();
    assert!(broken.contains("nobody signed for it"), "{broken}");
}

#[tokio::test]
async fn a_checkpoint_of_a_segment_that_never_was_does_not_hold() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    write(&journal, "a.one", None).await.unwrap();
    journal.close();
    let signed = rig.signed();
    let last = signed.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap();
    let mut other: Checkpoint = serde_json::from_slice(last).unwrap();
    assert_eq!((other.sequence, other.segment.as_str()), (2, "00000001.jsonl"));
    other.segment = "00000002.jsonl".to_owned();
    rig.put_back(&Signer::open(&rig.folder).unwrap().sign(&other).unwrap());
    let verdicts = verified(&rig.folder);
    assert!(verdicts.chain.broken.is_none());
    assert!(verdicts.checkpoints.broken.unwrap().contains("event 2 is another one"));
}

#[tokio::test]
async fn a_start_that_found_no_checkpoint_is_told_from_then_on() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    write(&journal, "a.one", None).await.unwrap();
    journal.close();
    let take_away = || fs::remove_file(rig.folder.join("checkpoints.signed")).unwrap();
    let starts = || {
        let verdicts = verified(&rig.folder);
        (verdicts.hold(), verdicts.checkpoints.unsigned_starts)
    };
    assert_eq!(starts(), (true, vec![]));
    take_away();
    assert_eq!(starts(), (false, vec![]), "until then, that there is no checkpoint says it");
    let journal = rig.open().unwrap();
    assert_eq!(starts(), (true, vec![3]));
    rotate(&journal).await.unwrap();
    journal.close();
    rig.open().unwrap().close();
    assert_eq!(starts(), (true, vec![3]), "in whichever segment");
    take_away();
    rig.open().unwrap().close();
    assert_eq!(starts(), (true, vec![3, 5]));

    // Behind a break nothing is believed.
    let second = rig.folder.join("00000002.jsonl");
    fs::write(&second, fs::read_to_string(&second).unwrap().replace("opened", "erased")).unwrap();
    assert_eq!(starts(), (false, vec![3]));
}

#[tokio::test]
async fn what_is_missing_or_changed_has_its_own_verdict() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    write(&journal, "a.one", None).await.unwrap();
    rotate(&journal).await.unwrap();
    write(&journal, "a.two", None).await.unwrap();
    journal.close();
    let (first, second) = (rig.folder.join("00000001.jsonl"), rig.folder.join("00000002.jsonl"));
    let good = [fs::read(&first).unwrap(), fs::read(&second).unwrap(), rig.signed()];
    let restore = || {
        fs::write(&first, &good[0]).unwrap();
        fs::write(&second, &good[1]).unwrap();
        fs::write(rig.folder.join("checkpoints.signed"), &good[2]).unwrap();
        fs::set_permissions(rig.folder.join("checkpoints.signed"), fs::Permissions::from_mode(0o600)).unwrap();
    };

    // A changed byte.
    let mut changed = good[0].clone();
    let at = changed.iter().position(|byte| *byte == b'\n').unwrap() + 100;
    changed[at] ^= 4;
    fs::write(&first, &changed).unwrap();
    let verdicts = verified(&rig.folder);
    let broken = verdicts.chain.broken.unwrap();
    assert_eq!(
        (broken.segment.as_str(), broken.line, broken.reason.as_str()),
        ("00000001.jsonl", 2, "its hash does not match its content")
    );
    assert!(verdicts.checkpoints.broken.is_none(), "what is signed for and behind it is nobody's word");
    restore();

    // The last line.
    let end = good[1].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    fs::write(&second, &good[1][..end]).unwrap();
    let verdicts = verified(&rig.folder);
    assert!(verdicts.chain.broken.is_none());
    let broken = verdicts.checkpoints.broken.unwrap();
    assert!(broken.contains("1 event is missing at the end: the journal ends at event 3, and event 4"), "{broken}");
    // With its checkpoint, nobody can know: that is said.
    let lines: Vec<&[u8]> = good[2].split_inclusive(|byte| *byte == b'\n').collect();
    rig.put_back(&lines[..lines.len() - 1].concat());
    let verdicts = verified(&rig.folder);
    assert!(verdicts.hold());
    assert_eq!((verdicts.chain.last_sequence, verdicts.checkpoints.last_sequence), (3, Some(3)));
    restore();

    // The checkpoints.
    fs::remove_file(rig.folder.join("checkpoints.signed")).unwrap();
    let verdicts = verified(&rig.folder);
    assert!(verdicts.chain.broken.is_none() && verdicts.checkpoints.broken.unwrap().contains("cannot be known"));
    assert_eq!(verdicts.unsigned_events, 4);
    restore();
    rig.put_back(b"");
    assert!(verified(&rig.folder).checkpoints.broken.unwrap().contains("has no checkpoint"));
    let [one, two] = [lines[0], lines[1]];
    rig.put_back(&[two, one].concat());
    assert!(verified(&rig.folder).checkpoints.broken.unwrap().contains("line 2: it goes back"));
    restore();

    // A copy elsewhere, which has no key.
    let key = CheckpointKey::of(&rig.folder).unwrap();
    fs::remove_file(rig.folder.join("checkpoint.key")).unwrap();
    let verdicts = verified(&rig.folder);
    assert!(verdicts.hold() && !verdicts.checkpoints.key_was_known);
    assert_eq!(verdicts.checkpoints.key, Some(key));
    let with = |key| Verifier::new().key(key).verify(&rig.folder, &|_| {}).unwrap().checkpoints;
    assert!(with(key).broken.is_none() && with(key).key_was_known);
    let other = Rig::new();
    other.open().unwrap().close();
    let broken = with(CheckpointKey::of(&other.folder).unwrap()).broken.unwrap();
    assert!(broken.contains("line 1: it is not signed by this journal's key"), "{broken}");

    // A file that cannot be trusted is no verdict.
    fs::set_permissions(&first, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(Verifier::new().verify(&rig.folder, &|_| {}), Err(ScanError::File(_))));
}

/// Lines of all lengths over the borders of pieces and of what is read at once.
#[tokio::test]
async fn a_line_is_read_whole_wherever_it_stands() {
    let mut rig = Rig::new();
    rig.options.event_bytes = 600 << 10;
    rig.options.waiting_bytes = 2 << 20;
    rig.options.segment_bytes = 64 << 20;
    let journal = rig.open().unwrap();
    let mut long = 100usize;
    for at in 0..120 {
        long = long * 7 % 550_001 + 1;
        let kind = format!("a.{}", "x".repeat(if at % 3 == 0 { long } else { at }));
        write(&journal, &kind, None).await.unwrap();
    }
    journal.close();
    let size = fs::metadata(rig.folder.join("00000001.jsonl")).unwrap().len();
    assert!(size > 9 << 20, "{size}");
    let verdicts = verified(&rig.folder);
    assert!(verdicts.hold(), "{verdicts:?}");
    assert_eq!(verdicts.chain.events, 121);
    // Cut anywhere, what is whole is counted.
    for cut in [size - 1, size / 2, (4 << 20) + 1, 4 << 20, 8 << 20] {
        let text = fs::read(rig.folder.join("00000001.jsonl")).unwrap();
        fs::write(rig.folder.join("00000001.jsonl"), &text[..cut as usize]).unwrap();
        let verdicts = verified(&rig.folder);
        let whole = text[..cut as usize].iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!((verdicts.chain.events, verdicts.chain.broken), (whole, None), "{cut}");
        assert!(verdicts.chain.unfinished_bytes > 0 && verdicts.checkpoints.broken.is_some(), "{cut}");
        fs::write(rig.folder.join("00000001.jsonl"), text).unwrap();
    }
}

/// What is read, on a thread of its own, while sixteen write.
async fn beside_writers<T: Send + 'static>(rig: &Rig, read: impl FnOnce(&Path) -> T + Send + 'static) -> T {
    let journal = Arc::new(rig.open().unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..16)
        .map(|_| {
            let (journal, over) = (Arc::clone(&journal), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    let id = Uuid::now_v7();
                    write(&journal, "a.started", Some(id)).await.unwrap();
                    write(&journal, "a.done", Some(id)).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        })
        .collect();
    let folder = rig.folder.clone();
    let reader = std::thread::spawn(move || read(&folder));
    while !reader.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    reader.join().unwrap()
}

/// Whoever reads beside a writer at work sees lines that are half written, segments that are begun and, of one write, the end
/// before the beginning: none of it is damage.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_writer_nothing_looks_damaged() {
    let mut rig = Rig::new();
    (rig.options.segment_bytes, rig.options.checkpoint_events) = (256 << 10, 200);
    let read = |folder: &Path| {
        let (_, mut follower) = tail(folder, 0).unwrap();
        let mut followed = 0;
        for _ in 0..20 {
            let verdicts = verified(folder);
            assert!(verdicts.hold(), "{verdicts:?}");
            for line in records(folder).unwrap().take(2000).chain(tail(folder, 20).unwrap().1) {
                line.unwrap();
            }
            assert!(pending(folder).unwrap().len() <= 16);
            // No more than that: the writers may be quicker.
            while followed % 200 != 199 && follower.more().unwrap().is_some() {
                followed += 1;
            }
            followed += 1;
        }
        followed
    };
    assert!(beside_writers(&rig, read).await > 100);
}

/// Nor is it that the oldest segments go, before they are read, while others are, and before the checkpoints are looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_writer_that_takes_segments_away_nothing_is_missed() {
    let mut rig = Rig::new();
    (rig.options.segment_bytes, rig.options.checkpoint_events) = (64 << 10, 50);
    rig.options.keep_segments = Some(4);
    let read = |folder: &Path| {
        let until = soon();
        loop {
            let verdicts = verified(folder);
            assert!(verdicts.hold(), "{verdicts:?}");
            // Of some twenty segments that went, most went during a look.
            if verdicts.chain.first_sequence > 2000 {
                break;
            }
            assert!(Instant::now() < until, "the writers are too slow: {verdicts:?}");
        }
    };
    beside_writers(&rig, read).await;
}
