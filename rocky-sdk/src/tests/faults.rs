//! HATCH fails while an action is on its way: nothing runs without its started event, nothing is answered as done without
//! its outcome.

use super::house::{House, decommission, get, provision, upgrade};

#[tokio::test]
async fn a_started_event_that_is_late_is_abandoned_when_it_lands() {
    let house = House::new().await;
    house.hand.set(|faults| faults.hang = true);
    let answer = house.send(provision("acme", "solo")).await;
    assert_eq!(answer.is(), (503, "hatch-unavailable".to_owned()));
    assert_eq!(answer.headers["retry-after"], "1");
    house.hand.set(|faults| faults.hang = false);
    house.until("the abandoned outcome", |house| house.events().len() == 2).await;
    assert_eq!(house.story(0), ["hearth.provisioning_started", "hearth.failed abandoned"]);
    assert_eq!(house.script.calls(), 0);
    house.all_closed();
    house.made("acme", "solo").await;
}

#[tokio::test]
async fn a_started_event_that_is_refused_leaves_nothing() {
    let house = House::new().await;
    house.hand.set(|faults| faults.append = Some((50, std::io::ErrorKind::Other)));
    let answer = house.send(provision("acme", "solo")).await;
    assert_eq!(answer.is(), (503, "hatch-unavailable".to_owned()));
    assert!(house.doors.ready().is_err());
    house.hand.set(|faults| faults.append = None);
    assert!(house.events().is_empty());
    assert_eq!(house.script.calls(), 0);
    assert!(house.doors.pending().is_empty());
    house.made("acme", "solo").await;
}

#[tokio::test]
async fn a_poisoned_journal_refuses_until_it_is_opened_again() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    house.hand.set(|faults| faults.sync = true);
    assert_eq!(house.send(upgrade("acme", "team")).await.status, 503);
    house.hand.set(|faults| faults.sync = false);
    assert_eq!(house.send(upgrade("acme", "team")).await.is(), (503, "hatch-unavailable".to_owned()));
    assert!(house.doors.ready().unwrap_err()[0].contains("out of service"));
    assert_eq!(house.send(get("acme")).await.status, 200, "reads go on");
    assert_eq!(house.script.calls(), 1);
}

#[tokio::test]
async fn a_moved_journal_calls_no_driver() {
    let house = House::new().await;
    let (here, away) = (house.home.join("hatch"), house.home.join("away"));
    std::fs::rename(&here, &away).unwrap();
    assert_eq!(house.send(provision("acme", "solo")).await.is(), (503, "hatch-unavailable".to_owned()));
    assert!(house.doors.ready().is_err());
    std::fs::rename(&away, &here).unwrap();
    assert!(house.doors.ready().is_ok());
    assert_eq!(house.script.calls(), 0);
    assert!(house.events().is_empty());
}

/// The outcome cannot be written in time: the caller is not told that it succeeded, and the workspace is unsettled until
/// HATCH is back.
async fn an_outcome_that_waits(
    break_it: fn(&super::super::hatch::journal::faults::Hand),
    mend: fn(&super::super::hatch::journal::faults::Hand),
) {
    let house = House::new().await;
    let hand = house.hand.clone();
    *house.script.when_called.lock().unwrap() = Some(Box::new(move || break_it(&hand)));
    let keyed = || provision("acme", "solo").header("idempotency-key", "k1");
    let answer = house.send(keyed()).await;
    assert_eq!(answer.is(), (500, "outcome-unrecorded".to_owned()), "{}", answer.text);
    assert_eq!(house.send(keyed()).await.is(), (409, "idempotency-in-flight".to_owned()));
    *house.script.when_called.lock().unwrap() = None;
    assert_eq!(house.send(get("acme")).await.json()["state"], "unsettled");
    mend(&house.hand);
    house.until("the outcome", |house| house.unsettled() == 0 && house.events().len() >= 2).await;
    assert_eq!(house.story(0)[..2], ["hearth.provisioning_started", "hearth.provisioned succeeded"]);
    let patience = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while house.send(get("acme")).await.json()["state"] != "active" {
        assert!(tokio::time::Instant::now() < patience);
        tokio::task::yield_now().await;
    }
    assert_eq!(house.send(keyed()).await.status, 200, "the answer is given once its outcome is durable");
    assert_eq!(house.send(decommission("acme")).await.status, 200);
    house.all_closed();
}

#[tokio::test]
async fn an_outcome_that_hangs_is_settled_when_it_lands() {
    an_outcome_that_waits(|hand| hand.set(|faults| faults.hang = true), |hand| hand.set(|faults| faults.hang = false))
        .await;
}

#[tokio::test]
async fn an_outcome_that_is_refused_is_written_again() {
    an_outcome_that_waits(
        |hand| hand.set(|faults| faults.append = Some((9, std::io::ErrorKind::Other))),
        |hand| hand.set(|faults| faults.append = None),
    )
    .await;
}

#[tokio::test]
async fn an_outcome_finds_room_on_a_full_disk() {
    let house = House::new().await;
    let hand = house.hand.clone();
    *house.script.when_called.lock().unwrap() = Some(Box::new(move || hand.set(|faults| faults.room = Some(0))));
    let answer = house.send(provision("acme", "solo")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(house.send(provision("other", "solo")).await.is(), (503, "hatch-unavailable".to_owned()));
    house.hand.set(|faults| faults.room = None);
    *house.script.when_called.lock().unwrap() = None;
    house.made("other", "solo").await;
    house.all_closed();
}

#[tokio::test]
async fn rows_that_cannot_be_written_refuse_before_and_leave_a_tombstone_after() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    let rows = std::sync::Arc::clone(&house.rows);
    // The rows go away while the driver works.
    let runtime = tokio::runtime::Handle::current();
    *house.script.when_called.lock().unwrap() = Some(Box::new(move || {
        let rows = std::sync::Arc::clone(&rows);
        runtime.spawn(async move { rows.close().await });
    }));
    let gate = house.script.close_the_gate();
    let sent = tokio::spawn({
        let house = house.share();
        async move { house.send(upgrade("acme", "team")).await }
    });
    house.until("the driver call", |house| house.script.calls() == 2).await;
    house.rows.close().await;
    gate.add_permits(1);
    assert_eq!(sent.await.unwrap().is(), (500, "outcome-unrecorded".to_owned()));
    assert_eq!(house.unsettled(), 1);
    let before = house.events().len();
    assert_eq!(house.send(decommission("acme")).await.is(), (503, "ledger-unavailable".to_owned()));
    assert_eq!(house.events().len(), before, "nothing is started on doubt");
}

/// A decommissioned name is not given away before its decommission is recorded.
#[tokio::test]
async fn a_name_is_not_taken_again_before_its_outcome() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    let hand = house.hand.clone();
    *house.script.when_called.lock().unwrap() = Some(Box::new(move || hand.set(|faults| faults.hang = true)));
    assert_eq!(house.send(decommission("acme")).await.is(), (500, "outcome-unrecorded".to_owned()));
    *house.script.when_called.lock().unwrap() = None;
    let claim = {
        let house = house.share();
        let audited = async move {
            use crate::{Admin, Credentials, Tier, hearth::Provision};
            let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
            let intent = Provision { slug: "acme".parse().unwrap(), tier: Tier::Solo };
            let intent = crate::doors::Intent::of(&intent, authenticated.session().clone(), uuid::Uuid::now_v7());
            crate::Ledger::claim(&*house.rows, &intent).await
        };
        audited.await
    };
    assert_eq!(claim.unwrap_err(), crate::doors::Obstacle::Unsettled);
    // It is still its tenant's to ask for: HATCH refuses, and nobody says that there is no such workspace.
    assert_eq!(house.send(decommission("acme")).await.is(), (503, "hatch-unavailable".to_owned()));
    house.hand.set(|faults| faults.hang = false);
    // Of the workspace, of its decommission, and of the one that was asked for in vain.
    house.until("the outcomes", |house| house.events().len() == 6 && house.unsettled() == 0).await;
    house.all_closed();
}

#[tokio::test]
async fn a_denial_that_is_late_is_written_once() {
    let house = House::new().await;
    house.hand.set(|faults| faults.hang = true);
    assert_eq!(house.send(provision("x", "solo").by("otto")).await.status, 403);
    assert!(house.doors.ready().is_err());
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    house.hand.set(|faults| faults.hang = false);
    house.until("the denial", |house| house.doors.ready().is_ok()).await;
    house.doors.shutdown(std::time::Duration::from_secs(5)).await.unwrap();
    assert_eq!(house.story(0), ["auth.denied"]);
}
