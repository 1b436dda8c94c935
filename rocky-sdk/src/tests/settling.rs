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

/// An audited action holds the drain: HATCH is there for its outcome.
#[tokio::test]
async fn shutdown_waits_for_what_is_audited() {
    let house = House::new().await;
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(Provision { slug: "acme".parse().unwrap(), tier: Tier::Solo }).await.unwrap();
    let down = tokio::spawn({
        let doors = house.doors.clone();
        async move { doors.shutdown(Duration::from_secs(20)).await }
    });
    house.until("the closing", |house| house.doors.closing()).await;
    assert!(!down.is_finished());
    let hearth = house.hearth.clone();
    let completed = audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await;
    assert!(completed.is_ok(), "{completed:?}");
    assert!(down.await.unwrap().is_ok());
    assert_eq!(house.story(0), ["hearth.provisioning_started", "hearth.provisioned succeeded"]);
}

#[tokio::test]
async fn what_is_audited_and_not_performed_in_the_drain_calls_no_driver() {
    let house = House::new().await;
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(Provision { slug: "acme".parse().unwrap(), tier: Tier::Solo }).await.unwrap();
    assert_eq!(house.doors.shutdown(Duration::from_millis(100)).await.unwrap_err().0.len(), 1);
    let hearth = house.hearth.clone();
    let refused = audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await;
    assert!(refused.is_err());
    assert_eq!((house.script.calls(), house.unsettled()), (0, 1));
}

/// A driver that blocks its thread past its time is still at work: nobody takes its action up beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_action_that_cannot_be_stopped_is_not_settled_while_it_runs() {
    let house = House::with(|limits| limits.driver = Duration::from_millis(500)).await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    *house.script.when_called.lock().unwrap() = Some(Box::new(move || {
        // Ends when the test lets go, or is over.
        if held.lock().unwrap().recv().is_err() {
            tracing::debug!("the test is over");
        }
    }));
    assert_eq!(house.send(provision("acme", "solo")).await.is(), (502, "driver-failed".to_owned()));
    assert_eq!(house.unsettled(), 1);
    assert!(house.doors.pending().is_empty(), "it is at work");
    assert!(house.keeper.reconcile(None, "x").await.is_empty());
    release.send(()).unwrap();
    house.until("its end", |house| house.doors.pending().len() == 1).await;
    let settled = house.keeper.reconcile(None, "x").await;
    assert_eq!(settled.len(), 1);
    assert_eq!(house.unsettled(), 0);
    house.all_closed();
}

/// The same for a decommission: it is tried again when the thread is done with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_decommission_that_cannot_be_stopped_is_pending() {
    let house = House::with(|limits| limits.driver = Duration::from_millis(500)).await;
    house.made("acme", "solo").await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    *house.script.when_called.lock().unwrap() = Some(Box::new(move || {
        if held.lock().unwrap().recv().is_err() {
            tracing::debug!("the test is over");
        }
    }));
    let answer = house.send(super::house::decommission("acme")).await;
    assert_eq!(answer.is(), (502, "decommission-pending".to_owned()));
    release.send(()).unwrap();
    house.until("its end", |house| house.doors.pending().len() == 1).await;
}

/// An error whose text panics is a panic of the action, and no more.
#[tokio::test]
async fn an_error_that_panics_still_gets_its_outcome() {
    #[derive(Debug)]
    struct Faulty;
    impl std::fmt::Display for Faulty {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("the error's text panicked on purpose")
        }
    }
    impl std::error::Error for Faulty {}
    impl crate::ActionError for Faulty {}
    let house = House::new().await;
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(Provision { slug: "acme".parse().unwrap(), tier: Tier::Solo }).await.unwrap();
    let refusal = audited.perform((), |_, ()| Box::pin(async { Err::<(), _>(Faulty) })).await.unwrap_err();
    assert_eq!((refusal.status(), refusal.code()), (502, "driver-failed"));
    assert_eq!(house.story(0), ["hearth.provisioning_started", "hearth.failed panicked"]);
}
