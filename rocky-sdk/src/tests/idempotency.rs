//! `Idempotency-Key`: the same action under the same key is done once and answered twice.

use super::house::{Act, Ask, House, decommission, provision, upgrade};

fn keyed(ask: Ask, key: &str) -> Ask {
    ask.header("idempotency-key", key)
}

#[tokio::test]
async fn a_hit_answers_what_was_answered_and_does_nothing() {
    let house = House::new().await;
    let first = house.send(keyed(provision("acme", "solo"), "k1")).await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let before = house.events().len();
    let again = house.send(keyed(provision("acme", "solo"), "k1")).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!((house.events().len(), house.script.calls()), (before, 1));
    // Another key, another actor, another tenant: another action.
    assert_eq!(house.send(keyed(provision("acme", "solo"), "k2")).await.status, 409);
    assert_eq!(house.send(keyed(provision("acme", "solo"), "k1").by("mallory")).await.status, 409);
}

#[tokio::test]
async fn a_decommission_that_is_sent_again_is_answered_again() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    let first = house.send(keyed(decommission("acme"), "k1")).await;
    assert_eq!(first.status, 200);
    let before = house.events().len();
    let again = house.send(keyed(decommission("acme"), "k1")).await;
    assert_eq!((again.status, again.text), (200, first.text));
    assert_eq!(house.events().len(), before);
    // A look takes no key: it is free for when there is something to do.
    assert_eq!(house.send(keyed(decommission("acme"), "k2")).await.status, 404);
    house.made("acme", "solo").await;
    assert_eq!(house.send(keyed(decommission("acme"), "k2")).await.status, 200);
}

#[tokio::test]
async fn another_action_under_the_same_key_is_refused() {
    let house = House::new().await;
    house.send(keyed(provision("acme", "solo"), "k1")).await;
    let before = house.events().len();
    let other = house.send(keyed(provision("acme", "team"), "k1")).await;
    assert_eq!(other.is(), (422, "idempotency-mismatch".to_owned()));
    assert_eq!(house.events().len(), before);
    // The key belongs to the action's type too: an upgrade may use it.
    assert_eq!(house.send(keyed(upgrade("acme", "team"), "k1")).await.status, 200);
}

#[tokio::test]
async fn a_key_whose_action_is_at_work_is_refused() {
    let house = House::new().await;
    let gate = house.script.close_the_gate();
    let first = tokio::spawn({
        let house = house.share();
        async move { house.send(keyed(provision("acme", "solo"), "k1")).await }
    });
    house.until("the driver call", |house| house.script.calls() == 1).await;
    let second = house.send(keyed(provision("acme", "solo"), "k1")).await;
    assert_eq!(second.is(), (409, "idempotency-in-flight".to_owned()));
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_failure_is_answered_again_and_a_refusal_is_forgotten() {
    let house = House::new().await;
    house.script.next(Act::Conflict);
    let failed = house.send(keyed(provision("acme", "solo"), "k1")).await;
    assert_eq!(failed.is(), (409, "name-in-use".to_owned()));
    house.script.next(Act::Work);
    let again = house.send(keyed(provision("acme", "solo"), "k1")).await;
    assert_eq!(again.is(), failed.is());
    assert_eq!(house.script.calls(), 1);
    // Refused before its driver: nothing was done, so the key is free.
    house.made("taken", "solo").await;
    assert_eq!(house.send(keyed(provision("taken", "solo"), "k2")).await.status, 409);
    assert_eq!(house.send(decommission("taken")).await.status, 200);
    assert_eq!(house.send(keyed(provision("taken", "solo"), "k2")).await.status, 200);
}

#[tokio::test]
async fn answers_outlive_a_restart_and_end_after_a_day() {
    let house = House::new().await;
    let first = house.send(keyed(provision("acme", "solo"), "k1")).await;
    let (keep, script) = house.what_outlives_a_crash();
    house.doors.shutdown(std::time::Duration::from_secs(5)).await.unwrap();
    house.rows.close().await;
    drop(house);
    let house = House::open(keep, script, |_| {}, |_| {}).await;
    let again = house.send(keyed(provision("acme", "solo"), "k1")).await;
    assert_eq!((again.status, again.text), (200, first.text));
    house.tamper("UPDATE answers SET created_at = '2020-01-01T00:00:00.000000Z'").await;
    let later = house.send(keyed(provision("acme", "solo"), "k1")).await;
    assert_eq!(later.is(), (409, "slug-taken".to_owned()));
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_before_anything_starts() {
    let house = House::new().await;
    for bad in ["", "a b", &"x".repeat(129)] {
        let answer = house.send(keyed(provision("acme", "solo"), bad)).await;
        assert_eq!(answer.is(), (400, "invalid-idempotency-key".to_owned()), "{bad:?}");
    }
    let twice = keyed(keyed(provision("acme", "solo"), "k1"), "k2");
    assert_eq!(house.send(twice).await.is(), (400, "invalid-idempotency-key".to_owned()));
    assert!(house.events().is_empty());
}

/// The rows are locked by another hand when a key is to be given back: it is given back when they are free again.
#[tokio::test]
async fn a_key_that_could_not_be_released_is_released_later() {
    use sqlx::Connection;
    let house = House::new().await;
    house.hand.set(|faults| faults.hang = true);
    let sent = tokio::spawn({
        let house = house.share();
        async move { house.send(keyed(provision("acme", "solo"), "k1")).await }
    });
    house.until("the started line", |house| house.events().len() == 1).await;
    let path = format!("sqlite://{}", house.home.join("rocky.db").display());
    let mut other = sqlx::SqliteConnection::connect(&path).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let (here, away) = (house.home.join("hatch"), house.home.join("away"));
    std::fs::rename(&here, &away).unwrap();
    house.hand.set(|faults| faults.hang = false);
    assert_eq!(sent.await.unwrap().is(), (503, "hatch-unavailable".to_owned()));
    std::fs::rename(&away, &here).unwrap();
    lock.rollback().await.unwrap();
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(15);
    let done = loop {
        let answer = house.send(keyed(provision("acme", "solo"), "k1")).await;
        if answer.status == 200 {
            break answer;
        }
        assert_eq!(answer.is(), (409, "idempotency-in-flight".to_owned()));
        assert!(tokio::time::Instant::now() < patience, "the key was never given back");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(!done.headers.contains_key("idempotency-replayed"));
    house.all_closed();
}
