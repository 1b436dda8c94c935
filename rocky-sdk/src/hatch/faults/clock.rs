//! Time: a clock that jumps, two events in one microsecond, an action that stays open for long.

use uuid::Uuid;

use super::{held, times};
use crate::hatch::{
    Verifier,
    journal::rig::{Rig, rotate, soon, write},
    journal::{Kind, Line},
    relay::durable,
};

/// The chain's order is the writer's: neither `time` nor the ids say what came first.
#[tokio::test]
async fn the_clock_jumps_and_stands_still() {
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    let clocks = [
        "2026-01-02T03:04:05.000001Z",
        "2026-01-02T03:04:05.000001Z", // the same microsecond
        "1970-01-01T00:00:00.000000Z",
        "2999-12-31T23:59:59.999999Z",
        "2026-01-02T03:04:05.000001Z",
    ];
    let rounds = times(5, 200);
    for at in 0..rounds {
        let time = clocks[at % clocks.len()];
        // An id of a clock that went back sorts before the others.
        let id = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 1_000_000 - at as u64, 0));
        let body = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"{}","type":"a.tick","time":"{time}","datacontenttype":"application/json","dataschema":"urn:rocky:hatch:1","data":{{}}"#,
            journal.source()
        );
        let line = Line { body: body.into_bytes(), actionid: None };
        durable(journal.append(line, Kind::Other, soon()).await.unwrap(), soon()).await.unwrap();
    }
    // The later action has the smaller id.
    let (first, second) = (one.max(two), one.min(two));
    write(&journal, "a.started", Some(first)).await.unwrap();
    write(&journal, "a.started", Some(second)).await.unwrap();
    rotate(&journal).await.unwrap();
    write(&journal, "a.done", Some(first)).await.unwrap();
    journal.close();
    let verdicts = Verifier::new().verify(&rig.folder, &|_| {}).unwrap();
    assert!(verdicts.hold(), "{verdicts:?}");
    assert_eq!(verdicts.tombstones.iter().map(|left| left.actionid).collect::<Vec<_>>(), [second]);
    let journal = rig.open().unwrap();
    assert_eq!(journal.tombstones().len(), 1);
    let lines = rig.read().unwrap();
    let sequences: Vec<u64> = lines.iter().map(|line| line.sequence.parse().unwrap()).collect();
    assert!(sequences.windows(2).all(|two| two[0] + 1 == two[1]), "the order is the chain's");
    held("events under a clock that jumps, and two in one microsecond: one order, pairs found", rounds + 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_open_over_many_events_and_rotations() {
    let mut rig = Rig::new();
    rig.options.segment_bytes = 64 << 20;
    rig.options.waiting_bytes = 4 << 20;
    let journal = std::sync::Arc::new(rig.open().unwrap());
    let open = Uuid::now_v7();
    write(&journal, "a.started", Some(open)).await.unwrap();
    let others = times(2_000, 100_000);
    for part in 0..4 {
        let writers: Vec<_> = (0..100)
            .map(|_| {
                let journal = std::sync::Arc::clone(&journal);
                tokio::spawn(async move {
                    for _ in 0..others / 400 {
                        let id = Uuid::now_v7();
                        write(&journal, "a.started", Some(id)).await.unwrap();
                        write(&journal, "a.done", Some(id)).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        if part < 3 {
            rotate(&journal).await.unwrap();
        }
    }
    journal.close();
    let journal = rig.open().unwrap();
    let [tombstone] = journal.tombstones() else { panic!("{:?}", journal.tombstones()) };
    assert_eq!((tombstone.actionid, tombstone.data.get()), (open, r#"{"note":"as it was audited"}"#));
    assert_eq!(rig.segments().len(), 4);
    write(&journal, "a.done", Some(open)).await.unwrap();
    journal.close();
    assert!(rig.open().unwrap().tombstones().is_empty());
    let verdicts = Verifier::new().verify(&rig.folder, &|_| {}).unwrap();
    assert!(verdicts.hold() && verdicts.tombstones.is_empty());
    held("an action open over others' events and 3 rotations: found at the start, settled", others * 2);
}
