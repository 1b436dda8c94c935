//! The design's table of every answer, row by row.

use std::time::Duration;

use super::house::{Act, Ask, House, decommission, get, provision, upgrade};
use crate::{
    Admin, Credentials, Tier,
    hearth::{Inspection, Provision},
};

/// The answer, and what it leaves in the journal.
async fn case(house: &House, ask: Ask, status: u16, code: &str, story: &[&str]) {
    let before = house.events().len();
    let answer = house.send(ask).await;
    assert_eq!(answer.is(), (status, code.to_owned()), "{}", answer.text);
    assert_eq!(house.story(before), story);
    if status != 200 {
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.json()["status"], status);
        assert_eq!(answer.json()["type"], format!("urn:rocky:problem:{code}"));
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    }
}

const PROVISIONED: [&str; 2] = ["hearth.provisioning_started", "hearth.provisioned succeeded"];
const NOT_PROVISIONED: [&str; 2] = ["hearth.provisioning_started", "hearth.failed refused"];

#[tokio::test]
async fn all_doors_held() {
    let house = House::new().await;
    case(&house, provision("acme", "solo"), 200, "", &PROVISIONED).await;
    let one = house.send(get("acme")).await;
    assert_eq!((one.status, one.json()["state"].as_str()), (200, Some("active")));
    case(&house, upgrade("acme", "team"), 200, "", &["hearth.upgrade_started", "hearth.upgraded succeeded"]).await;
    assert_eq!(house.send(get("acme")).await.json()["tier"], "team");
    let gone = ["hearth.decommission_started", "hearth.decommissioned succeeded"];
    case(&house, decommission("acme"), 200, "", &gone).await;
    assert_eq!(house.send(get("acme")).await.is(), (404, "unknown-workspace".to_owned()));
    house.all_closed();
}

#[tokio::test]
async fn the_answer_is_the_row_that_others_then_read() {
    let house = House::new().await;
    let made = house.send(provision("acme", "team")).await;
    let read = house.send(get("acme")).await;
    assert_eq!(made.json(), read.json());
    let fields: Vec<_> = read.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["created_at", "driver", "slug", "state", "tenant", "tier", "updated_at", "url"]);
}

#[tokio::test]
async fn a_started_event_holds_the_action_and_its_outcome_joins_it() {
    let house = House::new().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let ask = provision("acme", "team").header("x-request-id", "req-1").header("traceparent", trace);
    let answer = house.send(ask).await;
    assert_eq!(answer.headers["x-request-id"], "req-1");
    let [started, succeeded] = &house.events()[..] else { panic!() };
    assert_eq!(started.data.get(), r#"{"slug":"acme","tier":"team"}"#);
    for event in [started, succeeded] {
        assert_eq!(event.subject.as_deref(), Some("acme"));
        assert_eq!(event.tenant.as_deref(), Some("acme"));
        assert_eq!((event.actor.as_deref(), event.role.as_deref()), (Some("ada"), Some("admin")));
        assert_eq!((event.requestid.as_deref(), event.traceparent.as_deref()), (Some("req-1"), Some(trace)));
        assert_eq!(event.actionid, started.actionid);
    }
    assert!(succeeded.data.get().contains("\"duration_us\":"));
}

#[tokio::test]
async fn airlock_unreachable() {
    let house = House::with(|limits| limits.airlock = Duration::from_millis(50)).await;
    case(&house, provision("acme", "solo").by("down"), 503, "airlock-unavailable", &[]).await;
    case(&house, provision("acme", "solo").by("slow"), 503, "airlock-unavailable", &[]).await;
    case(&house, provision("acme", "solo").by("mad"), 503, "airlock-unavailable", &[]).await;
    assert_eq!(house.script.calls(), 0);
}

#[tokio::test]
async fn an_unknown_or_gone_slug() {
    let house = House::new().await;
    case(&house, upgrade("acme", "team"), 404, "unknown-workspace", &[]).await;
    case(&house, decommission("acme"), 404, "unknown-workspace", &[]).await;
    house.made("acme", "solo").await;
    assert_eq!(house.send(decommission("acme")).await.status, 200);
    case(&house, upgrade("acme", "team"), 404, "unknown-workspace", &[]).await;
    case(&house, decommission("acme"), 404, "unknown-workspace", &[]).await;
}

#[tokio::test]
async fn a_slug_that_is_taken_by_anyone() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    case(&house, provision("acme", "solo"), 409, "slug-taken", &NOT_PROVISIONED).await;
    case(&house, provision("acme", "solo").by("mallory"), 409, "slug-taken", &NOT_PROVISIONED).await;
    assert_eq!(house.script.calls(), 1);
}

#[tokio::test]
async fn a_gone_slug_is_its_tenants_for_seven_days() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    assert_eq!(house.send(decommission("acme")).await.status, 200);
    case(&house, provision("acme", "solo").by("mallory"), 409, "slug-taken", &NOT_PROVISIONED).await;
    case(&house, provision("acme", "team"), 200, "", &PROVISIONED).await;
    assert_eq!(house.send(decommission("acme")).await.status, 200);
    house.tamper("UPDATE workspaces SET gone_at = '2020-01-01T00:00:00.000000Z'").await;
    // A provision that fails leaves the name as it was.
    house.script.next(Act::Fail);
    assert_eq!(house.send(provision("acme", "solo").by("mallory")).await.status, 502);
    house.script.next(Act::Work);
    case(&house, provision("acme", "solo").by("mallory"), 200, "", &PROVISIONED).await;
    assert_eq!(house.send(get("acme").by("mallory")).await.json()["tenant"], "umbrella");
}

#[tokio::test]
async fn a_workspace_that_another_action_has() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    let gate = house.script.close_the_gate();
    let first = tokio::spawn({
        let house = house.share();
        async move { house.send(upgrade("acme", "team")).await }
    });
    house.until("the first driver call", |house| house.script.calls() == 2).await;
    let refused = ["hearth.upgrade_started", "hearth.failed refused"];
    case(&house, upgrade("acme", "business"), 409, "busy", &refused).await;
    case(&house, decommission("acme"), 409, "busy", &["hearth.decommission_started", "hearth.failed refused"]).await;
    gate.add_permits(1);
    assert_eq!(first.await.unwrap().status, 200);
    house.all_closed();
}

#[tokio::test]
async fn no_upgrade_to_the_same_or_a_lower_tier() {
    let house = House::new().await;
    house.made("acme", "team").await;
    let refused = ["hearth.upgrade_started", "hearth.failed refused"];
    case(&house, upgrade("acme", "team"), 422, "not-an-upgrade", &refused).await;
    case(&house, upgrade("acme", "solo"), 422, "not-an-upgrade", &refused).await;
    let read = house.send(get("acme")).await.json();
    assert_eq!((read["state"].as_str(), read["tier"].as_str()), (Some("active"), Some("team")));
}

#[tokio::test]
async fn a_read_only_workspace() {
    let house = House::new().await;
    house.made("acme", "team").await;
    house.tamper("UPDATE workspaces SET state = 'read_only', read_only_until = '2030-01-01T00:00:00Z'").await;
    case(&house, upgrade("acme", "business"), 423, "read-only", &["hearth.upgrade_started", "hearth.failed refused"])
        .await;
    let answer = house.send(decommission("acme")).await;
    assert_eq!(answer.is(), (423, "read-only".to_owned()));
    assert_eq!(answer.json()["until"], "2030-01-01T00:00:00Z");
    assert_eq!(house.send(get("acme")).await.json()["state"], "read_only");
    assert_eq!(house.script.calls(), 1);
}

#[tokio::test]
async fn a_row_of_another_driver() {
    let house = House::new().await;
    house.made("acme", "team").await;
    house.tamper("UPDATE workspaces SET driver = 'docker'").await;
    case(&house, decommission("acme"), 409, "other-driver", &["hearth.decommission_started", "hearth.failed refused"])
        .await;
}

#[tokio::test]
async fn a_token_whose_time_was_over() {
    let house = House::with(|limits| limits.token = Duration::from_secs(1)).await;
    let action = || Provision { slug: "acme".parse().unwrap(), tier: Tier::Solo };
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let forgotten = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(action()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let hearth = house.hearth.clone();
    let refusal = audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await.unwrap_err();
    assert_eq!((refusal.status(), refusal.code()), (503, "too-late"));
    assert_eq!(house.story(0), NOT_PROVISIONED);
    // Door 1 does not stay open either: nothing is started for somebody who was recognised long ago.
    let denied = forgotten.audit(action()).await.unwrap_err();
    assert_eq!((denied.status(), denied.code()), (503, "too-late"));
    assert_eq!(house.events().len(), 2);
    assert_eq!(house.script.calls(), 0);
    assert_eq!(house.send(get("acme")).await.status, 404);
}

#[tokio::test]
async fn a_driver_that_fails_panics_or_hangs() {
    let house = House::with(|limits| limits.driver = Duration::from_secs(3)).await;
    for (act, status, code, outcome) in [
        (Act::Fail, 502, "driver-failed", "hearth.failed failed"),
        (Act::Conflict, 409, "name-in-use", "hearth.failed failed"),
        (Act::Panic, 502, "driver-failed", "hearth.failed panicked"),
        (Act::PanicAtOnce, 502, "driver-failed", "hearth.failed panicked"),
        (Act::WorkThenPanic, 502, "driver-failed", "hearth.failed panicked"),
        (Act::Hang, 502, "driver-failed", "hearth.failed failed"),
    ] {
        house.script.next(act);
        case(&house, provision("acme", "solo"), status, code, &["hearth.provisioning_started", outcome]).await;
        assert_eq!(house.send(get("acme")).await.status, 404, "{act:?} left a row");
        assert!(house.script.made.lock().unwrap().is_empty(), "{act:?} left a workspace");
    }
    let error = house.events()[1].data_text("error").unwrap();
    assert_eq!(error, "the driver failed: the disk is on fire");
    house.script.next(Act::Work);
    case(&house, provision("acme", "solo"), 200, "", &PROVISIONED).await;
    house.script.next(Act::Fail);
    case(&house, upgrade("acme", "team"), 502, "driver-failed", &["hearth.upgrade_started", "hearth.failed failed"])
        .await;
    let read = house.send(get("acme")).await.json();
    assert_eq!((read["state"].as_str(), read["tier"].as_str()), (Some("active"), Some("solo")));
    house.all_closed();
}

#[tokio::test]
async fn a_decommission_whose_driver_fails_is_tried_until_it_succeeds() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    house.script.next(Act::Fail);
    case(&house, decommission("acme"), 502, "decommission-pending", &["hearth.decommission_started"]).await;
    assert_eq!(house.send(get("acme")).await.json()["state"], "decommissioning");
    case(&house, decommission("acme"), 409, "unsettled", &["hearth.decommission_started", "hearth.failed refused"])
        .await;
    house.script.next(Act::Work);
    let retries = tokio::spawn({
        let keeper = std::sync::Arc::clone(&house.keeper);
        async move { keeper.retry_decommissions().await }
    });
    house.until("the retry", |house| house.unsettled() == 0).await;
    retries.abort();
    let last = house.events().pop().unwrap();
    assert_eq!(
        (last.kind.as_str(), last.data_text("status").as_deref()),
        ("hearth.decommissioned", Some("reconciled"))
    );
    assert_eq!(last.data_text("settled_by").as_deref(), Some("serve"));
    house.until("the row", |house| house.doors.pending().is_empty()).await;
    assert_eq!(house.send(get("acme")).await.status, 404);
    house.all_closed();
}

#[tokio::test]
async fn a_success_without_the_driver_is_none() {
    let house = House::new().await;
    let lazy = Ask { path: "/lazy".to_owned(), ..provision("acme", "solo") };
    case(&house, lazy, 502, "driver-not-called", &["hearth.provisioning_started", "hearth.failed failed"]).await;
    assert_eq!(house.send(get("acme")).await.status, 404);
}

#[tokio::test]
async fn a_route_that_fails_after_its_driver_worked_is_settled_by_a_look() {
    let house = House::new().await;
    let clumsy = Ask { path: "/clumsy".to_owned(), ..provision("acme", "solo") };
    case(&house, clumsy, 502, "driver-failed", &["hearth.provisioning_started"]).await;
    assert_eq!(house.send(get("acme")).await.json()["state"], "unsettled");
    case(&house, decommission("acme"), 409, "unsettled", &["hearth.decommission_started", "hearth.failed refused"])
        .await;
    assert!(matches!(house.script.made.lock().unwrap()["acme"], Inspection::Serving(_)));
    house.keeper.reconcile(None, "a test").await;
    assert_eq!(house.send(get("acme")).await.json()["state"], "active");
    house.all_closed();
}
