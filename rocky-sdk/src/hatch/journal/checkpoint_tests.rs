//! Checkpoints: when they are signed, and what is missed because of them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Wake, Waker},
    time::Duration,
};

use uuid::Uuid;

use super::{
    Journal, Kind, Line, OpenError, Ticket, WriteError,
    queue::LOOK,
    rig::{Rig, rotate, soon, write},
};
use crate::hatch::{
    CheckpointKey, Verifier,
    checkpoint::{Checkpoint, Signer},
    event::{Actor, Event},
    relay::durable,
};

const NEVER: Duration = Duration::from_secs(3600);

impl Rig {
    fn checkpoints(&self) -> Vec<Checkpoint> {
        let text = String::from_utf8(self.signed()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn signed_for(&self) -> Vec<u64> {
        self.checkpoints().iter().map(|checkpoint| checkpoint.sequence).collect()
    }

    fn refused(&self) -> String {
        match self.open() {
            Ok(_) => panic!("it was opened"),
            Err(refused) => refused.to_string(),
        }
    }
}

#[tokio::test]
async fn checkpoints_are_signed_by_number_by_time_on_rotation_and_at_shutdown() {
    let mut rig = Rig::new();
    (rig.options.checkpoint_events, rig.options.checkpoint_every) = (3, NEVER);
    let journal = rig.open().unwrap();
    assert_eq!(rig.signed_for(), [1], "at the start");
    let open = Uuid::now_v7();
    write(&journal, "a.started", Some(open)).await.unwrap();
    write(&journal, "a.two", None).await.unwrap();
    assert_eq!(rig.signed_for(), [1]);
    write(&journal, "a.three", None).await.unwrap();
    write(&journal, "a.four", None).await.unwrap(); // the third one's checkpoint is signed before this is written
    assert_eq!(rig.signed_for(), [1, 4], "by number");
    rotate(&journal).await.unwrap();
    assert_eq!(rig.signed_for(), [1, 4, 6], "on rotation");
    write(&journal, "a.five", None).await.unwrap();
    journal.close();
    assert_eq!(rig.signed_for(), [1, 4, 6, 7], "at shutdown");
    let last = rig.checkpoints().pop().unwrap();
    assert_eq!(last.segment, "00000002.jsonl");
    let signed = String::from_utf8(rig.signed()).unwrap();
    let still_open = format!(r#""open":[{{"actionid":"{open}","segment":"00000001.jsonl","offset":"#);
    assert!(signed.lines().last().unwrap().contains(&still_open), "{signed}");
    let line = rig.read().unwrap().pop().unwrap();
    assert_eq!((&last.source, &last.hash), (&line.source, &line.hash));
    assert_eq!(last.offset, fs::metadata(rig.folder.join("00000002.jsonl")).unwrap().len());

    let journal = rig.open().unwrap();
    journal.close();
    assert_eq!(rig.signed_for().len(), 4, "there is nothing new to be signed for");

    rig.options.checkpoint_every = Duration::from_millis(1);
    let journal = rig.open().unwrap();
    write(&journal, "a.six", None).await.unwrap();
    while rig.signed_for() != [1, 4, 6, 7, 8] {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(soon() > std::time::Instant::now(), "by time");
    }
}

#[tokio::test]
async fn lines_cut_off_at_the_end_are_missed_at_the_next_start() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    for kind in ["a.one", "a.two", "a.three"] {
        write(&journal, kind, None).await.unwrap();
    }
    journal.close();
    let segment = rig.folder.join("00000001.jsonl");
    let whole = fs::read_to_string(&segment).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for left in [0, 1, 3] {
        fs::write(&segment, lines[..left].concat()).unwrap();
        let before = fs::read(&segment).unwrap();
        let refused = rig.refused();
        assert!(
            refused.contains(&format!("ends at event {left}")) && refused.contains("event 4 was written"),
            "{refused}"
        );
        assert!(refused.contains("move checkpoints.signed elsewhere"), "it says what to do: {refused}");
        assert_eq!(fs::read(&segment).unwrap(), before, "nothing was changed");
    }
    // Another end, hashes and all.
    let mut forged = lines[..3].concat();
    let last = lines[3].replace("a.three", "a.threw");
    let before = last.split(",\"hash\":").next().unwrap();
    forged += &format!("{before},\"hash\":\"{}\"}}\n", crate::hatch::sealed(before));
    fs::write(&segment, forged).unwrap();
    assert!(rig.refused().contains("event 4 is another one"), "{}", rig.refused());
    // All of it.
    fs::remove_file(&segment).unwrap();
    assert!(rig.refused().contains("ends at event 0"), "{}", rig.refused());

    // The operator has no copy, and goes on with what is there: the journal says so for ever.
    fs::write(&segment, lines[..3].concat()).unwrap();
    fs::set_permissions(&segment, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(rig.folder.join("checkpoints.signed"), rig.folder.join("checkpoints.moved")).unwrap();
    rig.open().unwrap().close();
    let said = rig.read().unwrap().pop().unwrap();
    assert_eq!((said.kind.as_str(), said.data.get()), ("log.unsigned", r#"{"events":3}"#));
    rig.open().unwrap().close();
    assert_eq!(rig.read().unwrap().len(), 4, "once");
}

#[tokio::test]
async fn of_checkpoints_only_the_last_may_be_torn() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    write(&journal, "a.one", None).await.unwrap();
    journal.close();
    let good = rig.signed();
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    for torn in [1, 40, lines[1].len() - 1] {
        rig.put_back(&[lines[0], &lines[1][..torn]].concat());
        rig.open().unwrap().close();
        assert_eq!(rig.signed_for(), [1, 2], "it is cut off, and signed anew");
    }
    // Any part of the last one may be there.
    for at in (0..lines[1].len() - 1).step_by(7) {
        let mut changed = good.clone();
        changed[lines[0].len() + at] ^= 1;
        rig.put_back(&changed);
        rig.open().unwrap().close();
        assert_eq!(rig.signed_for(), [1, 2], "it is cut off, and signed anew: {at}");
        // But not of the one before, which was durable when the last one was begun.
        changed[at] ^= 1;
        rig.put_back(&changed);
        let refused = rig.refused();
        assert!(refused.contains("checkpoints.signed is damaged at line 1"), "{at}: {refused}");
    }
    rig.put_back(&good);
    let other = Rig::new();
    other.open().unwrap().close();
    rig.put_back(&[other.signed(), other.signed()].concat());
    assert!(rig.refused().contains("not signed by this journal's key"), "{}", rig.refused());
}

#[tokio::test]
async fn the_key_is_made_once_and_kept_closed() {
    let rig = Rig::new();
    rig.open().unwrap().close();
    let key = rig.folder.join("checkpoint.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let printed = CheckpointKey::of(&rig.folder).unwrap();
    rig.open().unwrap().close();
    assert_eq!(CheckpointKey::of(&rig.folder).unwrap(), printed);
    assert!(!fs::read_to_string(&key).unwrap().contains(&printed.to_string()), "the secret half");

    fs::rename(&key, rig.folder.join("key.moved")).unwrap();
    assert!(rig.refused().contains("the key that signed them is gone"), "{}", rig.refused());
    assert!(!key.exists(), "no other takes its place");
    fs::write(&key, "0123").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(rig.refused().contains("it is no key"), "{}", rig.refused());
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(rig.refused().contains("chmod 600"), "{}", rig.refused());
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_written_is_said_and_tried_again() {
    let mut rig = Rig::new();
    rig.options.checkpoint_events = 1;
    rig.options.keep_segments = Some(0);
    let journal = rig.open().unwrap();
    rig.hand.set(|faults| faults.unsigned = true);
    write(&journal, "a.one", None).await.unwrap();
    rotate(&journal).await.unwrap();
    assert!(journal.trouble().unwrap().contains("a checkpoint could not be written"), "{:?}", journal.trouble());
    write(&journal, "a.two", None).await.unwrap();
    assert_eq!(rig.segments(), ["00000001.jsonl", "00000002.jsonl"], "the last one that was signed for stays");
    rig.hand.set(|faults| faults.unsigned = false);
    let until = soon();
    while journal.trouble().is_some() {
        assert!(std::time::Instant::now() < until, "it comes back by itself");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rig.signed_for().last(), Some(&4));
    rotate(&journal).await.unwrap();
    assert_eq!(rig.segments(), ["00000003.jsonl"]);
    journal.close();
    rig.open().unwrap();
}

#[tokio::test]
async fn checkpoints_go_with_the_segments_that_they_speak_of() {
    let mut rig = Rig::new();
    rig.options.keep_segments = Some(1);
    let journal = rig.open().unwrap();
    for _ in 0..19 {
        rotate(&journal).await.unwrap();
    }
    assert_eq!(rig.segments(), ["00000019.jsonl", "00000020.jsonl"]);
    let of: Vec<_> = rig.checkpoints().into_iter().map(|checkpoint| checkpoint.segment).collect();
    let there = of.iter().filter(|of| *of >= &rig.segments()[0]).count();
    assert!(there == 4 && of.len() < 3 * there, "two each, and fewer than that of those that are gone: {of:?}");
    let verdicts = Verifier::new().verify(&rig.folder, &|_| {}).unwrap();
    assert!(verdicts.hold() && verdicts.unsigned_events == 0, "{verdicts:?}");

    // None is made up for those that another hand took away.
    fs::write(rig.folder.join("checkpoints.signed"), "").unwrap();
    write(&journal, "a.one", None).await.unwrap();
    rotate(&journal).await.unwrap();
    assert!(journal.trouble().unwrap().contains("another hand cut it"), "{:?}", journal.trouble());
    assert_eq!(rig.segments()[0], "00000019.jsonl", "what was not signed for stays");
}

#[tokio::test]
async fn a_journal_out_of_service_signs_for_nothing() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    write(&journal, "a.one", None).await.unwrap();
    rig.hand.set(|faults| faults.sync = true);
    assert!(matches!(write(&journal, "a.two", None).await, Err(WriteError::Poisoned(_))));
    journal.close();
    assert_eq!(rig.signed_for(), [1]);
    rig.hand.set(|faults| faults.sync = false);
    rig.open().unwrap().close();
    assert_eq!(rig.signed_for(), [1, 3]);
}

#[tokio::test]
async fn a_checkpoint_every_no_events_is_refused() {
    let mut rig = Rig::new();
    rig.options.checkpoint_events = 0;
    assert!(matches!(rig.open(), Err(OpenError::Options(_))));
}

/// Nobody signed for these: only what a crash can leave is taken for unfinished.
#[tokio::test]
async fn a_changed_line_before_a_later_batch_is_no_unfinished_one() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    let signed = rig.signed();
    for kind in ["a.one", "a.two", "a.three"] {
        write(&journal, kind, None).await.unwrap();
    }
    journal.close();
    let segment = rig.folder.join("00000001.jsonl");
    let good = fs::read(&segment).unwrap();
    let ends: Vec<usize> = (0..good.len()).filter(|at| good[*at] == b'\n').collect();
    // In the second line, at its end, and, in the last one, in a line that can be a crash's.
    for (at, is_damage) in [(ends[0] + 30, true), (ends[1], true), (ends[2] + 30, false)] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        fs::write(&segment, &changed).unwrap();
        rig.put_back(&signed);
        let broken = Verifier::new().verify(&rig.folder, &|_| {}).unwrap().chain.broken;
        assert_eq!(broken.map(|broken| broken.line), is_damage.then_some(2), "{at}");
        assert_eq!(rig.read().is_err(), is_damage, "{at}");
        if is_damage {
            assert!(rig.refused().contains("damaged at line 2"), "{}", rig.refused());
        } else {
            rig.open().unwrap().close();
            assert_eq!(rig.read().unwrap().pop().unwrap().kind, "log.recovered");
        }
    }
}

#[tokio::test]
async fn what_is_not_believed_cannot_have_been_signed_for() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    rig.hand.set(|faults| faults.sync = true);
    assert!(write(&journal, "a.doubted", None).await.is_err());
    journal.close();
    rig.hand.set(|faults| faults.sync = false);
    let segment = fs::read(rig.folder.join("00000001.jsonl")).unwrap();
    let doubted = segment.split(|byte| *byte == b'\n').nth(1).unwrap();
    let record: serde_json::Value = serde_json::from_slice(doubted).unwrap();
    rig.open().unwrap().close();
    let mut forged = rig.checkpoints().pop().unwrap();
    (forged.segment, forged.sequence) = ("00000001.jsonl".to_owned(), 2);
    forged.hash = record["hash"].as_str().unwrap().to_owned();
    forged.offset = segment.iter().rposition(|byte| *byte == b'\n').unwrap() as u64 + 1;
    let line = Signer::open(&rig.folder).unwrap().sign(&forged).unwrap();
    rig.put_back(&line);
    assert!(rig.refused().contains("event 2 is another one"), "{}", rig.refused());
    let broken = Verifier::new().verify(&rig.folder, &|_| {}).unwrap().checkpoints.broken.unwrap();
    assert!(broken.contains("event 2 is another one"), "{broken}");
}

/// Another hand is noticed, the journal is out of service, and then the lines are cut off: the writer had signed for them.
#[tokio::test]
async fn what_was_acknowledged_before_another_hand_was_noticed_is_signed_for() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    write(&journal, "a.one", None).await.unwrap();
    assert_eq!(rig.signed_for(), [1]);
    let segment = rig.folder.join("00000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, format!("{text}{{}}\n")).unwrap();
    assert!(matches!(write(&journal, "a.two", None).await, Err(WriteError::Poisoned(_))));
    assert_eq!(rig.signed_for(), [1, 2]);
    journal.close();
    fs::write(&segment, text.split_inclusive('\n').next().unwrap()).unwrap();
    assert!(rig.refused().contains("ends at event 1"), "{}", rig.refused());
}

async fn queued(journal: &Journal, kind: Kind) -> Ticket {
    let (who, data) = (Actor::default(), serde_json::json!({}));
    let event = Event { kind: "a.event", subject: None, who, actionid: None, requestid: None, traceparent: None, data };
    let line = Line { body: event.stamped(journal.source()).unwrap(), actionid: None };
    journal.append(line, kind, soon()).await.unwrap()
}

/// Whoever is woken by this finds out which thread did it.
#[derive(Default)]
struct WokenIn(OnceLock<PathBuf>);

impl Wake for WokenIn {
    fn wake(self: Arc<Self>) {
        self.0.get_or_init(|| Path::new("/proc").join(fs::read_link("/proc/thread-self").unwrap()));
    }
}

/// The journal's thread, among those of other tests that are called the same: who waits for an event is woken there.
async fn writer_of(rig: &Rig, journal: &Journal) -> PathBuf {
    rig.hand.set(|faults| faults.hang = true);
    let mut ticket = queued(journal, Kind::Other).await;
    let woken = Arc::new(WokenIn::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)).is_pending());
    rig.hand.set(|faults| faults.hang = false);
    let until = soon();
    while woken.0.get().is_none() {
        assert!(std::time::Instant::now() < until, "nobody is woken");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    durable(ticket, soon()).await.unwrap();
    woken.0.get().unwrap().clone()
}

/// The CPU that the thread had, in hundredths of a second.
fn spent(writer: &Path) -> u64 {
    let stat = fs::read_to_string(writer.join("stat")).unwrap();
    let (name, fields) = stat.rsplit_once(") ").unwrap();
    assert!(name.ends_with("(hatch-journal"), "{stat}");
    // For itself, and in the kernel.
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// One that spins takes its share of a core, however many others want it; one that waits takes nothing.
async fn rests(writer: &Path) {
    let before = spent(writer);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let spent = spent(writer) - before;
    assert!(spent < 5, "it took {spent} hundredths of a second, of 50");
}

#[tokio::test]
async fn a_journal_out_of_service_rests_though_a_checkpoint_is_due() {
    let mut rig = Rig::new();
    rig.options.checkpoint_events = 1;
    let journal = rig.open().unwrap();
    let writer = writer_of(&rig, &journal).await;
    rig.hand.set(|faults| faults.unsigned = true);
    write(&journal, "a.one", None).await.unwrap();
    rig.hand.set(|faults| faults.sync = true);
    assert!(matches!(write(&journal, "a.two", None).await, Err(WriteError::Poisoned(_))));
    // So long after it could not be written, the checkpoint is due again.
    tokio::time::sleep(LOOK).await;
    rests(&writer).await;
}

#[tokio::test]
async fn a_journal_without_room_rests_though_a_checkpoint_is_due_and_signs_once_there_is_room() {
    let mut rig = Rig::new();
    rig.options.checkpoint_events = 1;
    let journal = rig.open().unwrap();
    let writer = writer_of(&rig, &journal).await;
    rig.hand.set(|faults| faults.room = Some(10));
    durable(queued(&journal, Kind::Outcome).await, soon()).await.unwrap();
    rests(&writer).await;
    assert_eq!(rig.signed_for(), [1, 2], "what room there is, is for outcomes");
    rig.hand.set(|faults| faults.room = None);
    let until = soon();
    while rig.signed_for() != [1, 2, 3] {
        assert!(std::time::Instant::now() < until, "{:?}", rig.signed_for());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
