//! Hanging up, dropping, shutting down: nothing is left half run without an outcome.

use std::time::Duration;

use super::house::{House, provision};
use crate::{Admin, Credentials, Tier, hearth::Provision};

#[tokio::test]
async fn a_client_that_hangs_up_still_gets_its_outcome_written() {
    let house = House::new().await;
    let gate = house.script.close_the_gate();
    let request = tokio::spawn({
        let house = house.share();
        async move { house.send(provision("acme", "solo")).await }
    });
    house.until("the driver call", |house| house.script.calls() == 1).await;
    request.abort();
    assert!(request.await.is_err_and(|error| error.is_cancelled()));
    gate.add_permits(1);
    house.until("the outcome", |house| house.events().len() == 2).await;
    assert_eq!(house.story(0), ["hearth.provisioning_started", "hearth.provisioned succeeded"]);
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_action_abandons_it() {
    let house = House::new().await;
    house.hand.set(|faults| faults.hang = true);
    let request = tokio::spawn({
        let house = house.share();
        async move { house.send(provision("acme", "solo")).await }
    });
    house.until("the started line", |house| house.events().len() == 1).await;
    request.abort();
    assert!(request.await.is_err_and(|error| error.is_cancelled()));
    house.hand.set(|faults| faults.hang = false);
    house.until("the outcome", |house| house.events().len() == 2).await;
    assert_eq!(house.story(0), ["hearth.provisioning_started", "hearth.failed abandoned"]);
    assert_eq!(house.script.calls(), 0);
}

#[tokio::test]
async fn an_audited_action_that_is_dropped_is_abandoned() {
    let house = House::new().await;
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let action = Provision { slug: "acme".parse().unwrap(), tier: Tier::Solo };
    let audited = authenticated.idempotency_key("k1").audit(action.clone()).await.unwrap();
    drop(audited);
    house.until("the outcome", |house| house.events().len() == 2).await;
    assert_eq!(house.story(0), ["hearth.provisioning_started", "hearth.failed abandoned"]);
    house.until("the end", |house| house.doors.pending().is_empty()).await;
    // A future that is never polled is dropped with what it owns.
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(action).await.unwrap();
    let hearth = house.hearth.clone();
    drop(audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))));
    house.until("the outcome", |house| house.events().len() == 4).await;
    assert_eq!(house.story(3), ["hearth.failed abandoned"]);
    assert_eq!(house.script.calls(), 0);
}

#[tokio::test]
async fn shutdown_waits_for_what_runs_and_lets_nothing_start() {
    let house = House::new().await;
    let gate = house.script.close_the_gate();
    let running = tokio::spawn({
        let house = house.share();
        async move { house.send(provision("acme", "solo")).await }
    });
    house.until("the driver call", |house| house.script.calls() == 1).await;
    let down = tokio::spawn({
        let doors = house.doors.clone();
        async move { doors.shutdown(Duration::from_secs(20)).await }
    });
    house.until("the closing", |house| house.doors.closing()).await;
    assert_eq!(house.send(provision("late", "solo")).await.is(), (503, "shutting-down".to_owned()));
    assert!(!down.is_finished());
    gate.add_permits(1);
    assert!(down.await.unwrap().is_ok());
    assert_eq!(running.await.unwrap().status, 200);
    assert_eq!(house.story(0), ["hearth.provisioning_started", "hearth.provisioned succeeded"]);
}

#[tokio::test]
async fn a_drain_that_ends_too_soon_names_what_is_left() {
    let house = House::new().await;
    house.script.close_the_gate();
    let running = tokio::spawn({
        let house = house.share();
        async move { house.send(provision("acme", "solo")).await }
    });
    house.until("the driver call", |house| house.script.calls() == 1).await;
    let left = house.doors.shutdown(Duration::from_millis(100)).await.unwrap_err().0;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].subject.as_deref(), Some("acme"));
    running.abort();
    assert_eq!(house.unsettled(), 1);
}
