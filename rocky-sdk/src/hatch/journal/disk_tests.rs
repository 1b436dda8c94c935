//! A disk that fails or is full, and another hand on the files: what is acknowledged is there, what is not is never
//! believed.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    Kind, WriteError,
    small_journal::{Bench, body, body_of, put, soon, written},
};

#[tokio::test]
async fn a_failed_write_is_taken_back_and_the_next_one_works() {
    let bench = Bench::new();
    let journal = bench.open();
    let before = bench.written();
    bench.hand.set(|faults| faults.append = Some((100, std::io::ErrorKind::Other)));
    let refused = written(put(&journal, "a.lost").await).await;
    assert!(matches!(refused, Err(WriteError::Io(_))), "{refused:?}");
    assert_eq!(bench.written(), before);
    assert!(journal.trouble().is_some());
    bench.hand.set(|faults| faults.append = None);
    written(put(&journal, "a.kept").await).await.unwrap();
    assert_eq!(journal.trouble(), None);
    assert_eq!(bench.lines().last().unwrap().kind, "a.kept");
}

#[tokio::test]
async fn a_full_disk_refuses_at_once_leaves_no_ghosts_and_keeps_room_for_outcomes() {
    let bench = Bench::new();
    let journal = bench.open();
    let place = journal.reserve(soon()).await.unwrap();
    let actionid = Uuid::now_v7();
    let started = body_of(&journal, "a.started", actionid, 10);
    written(journal.append(started, Kind::Other, soon()).await.unwrap()).await.unwrap();
    let before = bench.lines_written();

    bench.hand.set(|faults| faults.room = Some(700));
    bench.hand.set(|faults| faults.hang = true);
    let head = put(&journal, "a.head").await;
    while bench.lines_written() == before {
        tokio::task::yield_now().await;
    }
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(put(&journal, "a.ghost").await);
    }
    let outcome = body_of(&journal, "a.succeeded", actionid, 10);
    let outcome = journal.append_reserved(outcome, &place).unwrap();
    bench.hand.set(|faults| faults.hang = false);
    written(head).await.unwrap();
    for ticket in waiting {
        assert_eq!(written(ticket).await, Err(WriteError::NoSpace));
    }
    written(outcome).await.unwrap();
    assert_eq!(written(put(&journal, "a.ghost").await).await, Err(WriteError::NoSpace));
    assert!(journal.trouble().unwrap().contains("disk is full"));
    let kinds: Vec<_> = bench.lines().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.started", "a.head", "a.succeeded"]);

    // Nobody has to come for the journal to see that there is room again.
    bench.hand.set(|faults| faults.room = None);
    let patience = Instant::now() + Duration::from_secs(10);
    while journal.trouble().is_some() {
        assert!(Instant::now() < patience);
        tokio::task::yield_now().await;
    }
    written(put(&journal, "a.again").await).await.unwrap();
}

#[tokio::test]
async fn a_failed_sync_poisons_for_good() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| faults.sync = true);
    let doomed = written(put(&journal, "a.uncertain").await).await;
    assert!(matches!(doomed, Err(WriteError::Poisoned(_))));
    bench.hand.set(|faults| faults.sync = false);
    let after = journal.append(body("a.after", None, 1), Kind::Other, soon()).await;
    assert!(matches!(after, Err(WriteError::Poisoned(_))));
    assert!(journal.trouble().unwrap().contains("fdatasync failed"));
    // What was written is left as it is: nobody knows what the disk has of it.
    assert_eq!(bench.lines_written(), 2);
}

#[tokio::test]
async fn a_batch_that_cannot_be_taken_back_poisons() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| {
        faults.append = Some((100, std::io::ErrorKind::Other));
        faults.cut_back = true;
    });
    assert!(matches!(written(put(&journal, "a.lost").await).await, Err(WriteError::Poisoned(_))));
}

#[tokio::test]
async fn a_journal_that_was_moved_away_refuses_and_goes_on_when_it_is_back() {
    let bench = Bench::new();
    let journal = bench.open();
    let away = bench.folder.with_extension("away");
    fs::rename(&bench.folder, &away).unwrap();
    assert!(matches!(written(put(&journal, "a.lost").await).await, Err(WriteError::Displaced(_))));
    assert!(journal.trouble().is_some());
    fs::rename(&away, &bench.folder).unwrap();
    assert_eq!(journal.trouble(), None);
    written(put(&journal, "a.kept").await).await.unwrap();
    assert_eq!(bench.lines().last().unwrap().kind, "a.kept");
    assert_eq!(bench.lines().len(), 2);
}

#[tokio::test]
async fn a_journal_moved_away_in_the_middle_of_a_write_acknowledges_nothing() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| faults.hang = true);
    let ticket = put(&journal, "a.lost").await;
    while bench.lines_written() < 2 {
        tokio::task::yield_now().await;
    }
    let away = bench.folder.with_extension("away");
    fs::rename(&bench.folder, &away).unwrap();
    bench.hand.set(|faults| faults.hang = false);
    assert!(matches!(written(ticket).await, Err(WriteError::Displaced(_))));
    fs::rename(&away, &bench.folder).unwrap();
    assert_eq!(bench.lines().len(), 1, "the refused line was taken back");
}

#[tokio::test]
async fn a_deleted_replaced_or_cut_journal_is_noticed_before_the_next_acknowledgement() {
    let changes: [fn(&Path); 4] = [
        |path| fs::remove_file(path).unwrap(),
        |path| {
            let content = fs::read(path).unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path, content).unwrap();
        },
        |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(10).unwrap(),
        |path| {
            use std::io::Write;
            fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"{}\n").unwrap();
        },
    ];
    for change in changes {
        let bench = Bench::new();
        let journal = bench.open();
        written(put(&journal, "a.one").await).await.unwrap();
        change(&bench.segment());
        let changed = fs::read(bench.segment()).ok();
        let refused = written(put(&journal, "a.two").await).await;
        assert!(matches!(refused, Err(WriteError::Displaced(_) | WriteError::Poisoned(_))), "{refused:?}");
        assert_eq!(fs::read(bench.segment()).ok(), changed, "what another hand did is left as evidence");
    }
}
