//! Callers who wait: served together, each told the truth, and no more of them than there is room for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    Kind, WriteError,
    small_journal::{Bench, body, body_of, put, soon, written},
};
use crate::hatch::relay::durable;

#[tokio::test]
async fn nobody_is_told_before_the_sync() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| faults.hang = true);
    let ticket = put(&journal, "a.one").await;
    while bench.lines_written() < 2 {
        tokio::task::yield_now().await;
    }
    let early = durable(ticket, Instant::now() + Duration::from_millis(100)).await;
    assert_eq!(early, Err(WriteError::Late));
    bench.hand.set(|faults| faults.hang = false);
}

#[tokio::test]
async fn one_sync_serves_all_that_wait() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| faults.hang = true);
    let mut tickets = vec![put(&journal, "a.first").await];
    // The writer is at its sync with the first; the rest wait together.
    while bench.lines_written() < 2 {
        tokio::task::yield_now().await;
    }
    let before = bench.hand.now().syncs;
    for _ in 0..50 {
        tickets.push(put(&journal, "a.more").await);
    }
    bench.hand.set(|faults| faults.hang = false);
    for ticket in tickets {
        written(ticket).await.unwrap();
    }
    assert_eq!(bench.hand.now().syncs - before, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_writers_were_told_is_what_is_there() {
    let bench = Bench::new();
    let journal = Arc::new(bench.open());
    let writers: Vec<_> = (0..64)
        .map(|_| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                for _ in 0..20 {
                    written(put(&journal, "a.line").await).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(bench.lines().len(), 1 + 64 * 20);
}

#[tokio::test]
async fn what_waits_is_bounded_and_an_outcome_has_its_place() {
    let bench = Bench::new();
    let journal = bench.open();
    let place = journal.reserve(soon()).await.unwrap();
    bench.hand.set(|faults| faults.hang = true);
    let mut waiting = Vec::new();
    let full = loop {
        assert!(waiting.len() < 100, "nothing bounds what waits");
        let limit = Instant::now() + Duration::from_millis(50);
        match journal.append(body("a.fill", None, 3000), Kind::Other, limit).await {
            Ok(ticket) => waiting.push(ticket),
            Err(error) => break error,
        }
    };
    assert_eq!(full, WriteError::Full);
    assert!((10..30).contains(&waiting.len()), "{}", waiting.len());
    let outcome = journal.append_reserved(body_of(&journal, "a.done", Uuid::now_v7(), 3000), &place).unwrap();
    bench.hand.set(|faults| faults.hang = false);
    written(outcome).await.unwrap();
    for ticket in waiting {
        written(ticket).await.unwrap();
    }
}

#[tokio::test]
async fn more_open_actions_than_places_are_refused_in_time() {
    let bench = Bench::new();
    let journal = bench.open();
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(journal.reserve(soon()).await.unwrap());
    }
    let refused = journal.reserve(Instant::now() + Duration::from_millis(50)).await;
    assert!(matches!(refused, Err(WriteError::Full)));
    places.pop();
    assert!(journal.reserve(soon()).await.is_ok());
}

#[tokio::test]
async fn an_event_over_the_limit_is_refused() {
    let bench = Bench::new();
    let journal = bench.open();
    let refused = journal.append(body("a.large", None, 5000), Kind::Other, soon()).await;
    assert!(matches!(refused, Err(WriteError::TooLarge(_))));
}
