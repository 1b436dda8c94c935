//! Drift: what somebody stopped, changed or removed by hand shows in a look, and a repair mends it, with its events.

use std::time::Duration;

use super::house::{Act, House, ask, decommission, get, look, provision, repair, upgrade};
use crate::{
    Admin, Credentials, Tier,
    hearth::{Inspection, Placement, Repair, Verdict},
};

const REPAIRED: [&str; 2] = ["hearth.repair_started", "hearth.repaired succeeded"];
const NOT_REPAIRED: [&str; 2] = ["hearth.repair_started", "hearth.failed failed"];

fn serving(tier: Tier, url: &str) -> Inspection {
    Inspection::Serving(Placement { tier, url: url.to_owned(), made_by: None })
}

/// What a look finds, as the answer says it.
async fn found(house: &House) -> serde_json::Value {
    let answer = house.send(look("acme")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["found"].clone()
}

#[tokio::test]
async fn a_look_says_whether_what_is_there_is_what_the_row_says() {
    let house = House::new().await;
    house.made("acme", "team").await;
    for (there, says) in [
        (serving(Tier::Team, "http://acme.test/"), "serving"),
        (serving(Tier::Solo, "http://acme.test/"), "different"),
        (serving(Tier::Business, "http://acme.test/"), "different"),
        (serving(Tier::Team, "http://elsewhere.test/"), "different"),
        (Inspection::Broken { tier: Some(Tier::Team) }, "broken"),
        (Inspection::Broken { tier: None }, "broken"),
        (Inspection::Absent, "absent"),
    ] {
        house.script.there("acme", there.clone());
        let row = house.send(get("acme")).await.json();
        let mut looked = house.send(look("acme")).await.json();
        assert_eq!(looked.as_object_mut().unwrap().remove("found").unwrap(), says, "{there:?}");
        assert_eq!(looked, row, "the rest is the row, as it was");
    }
    // Whoever may read may look, and nobody is told of it.
    assert_eq!(house.send(look("acme").by("oona")).await.status, 200);
    assert!(house.story(2).is_empty());
    assert!(!house.send(ask("GET", "/w")).await.text.contains("found"), "the list holds rows only");
    assert_eq!(house.send(look("nowhere")).await.is(), (404, "unknown-workspace".to_owned()));
}

#[tokio::test]
async fn a_look_that_fails_panics_or_hangs_is_unknown() {
    let house = House::new().await;
    house.made("acme", "team").await;
    for act in [Act::Fail, Act::Panic, Act::PanicAtOnce, Act::Hang] {
        *house.script.look.lock().unwrap() = act;
        let began = std::time::Instant::now();
        assert_eq!(found(&house).await, "unknown", "{act:?}");
        assert!(began.elapsed() < Duration::from_secs(8), "{act:?} took {:?}", began.elapsed());
    }
    *house.script.look.lock().unwrap() = Act::Work;
    assert_eq!(found(&house).await, "serving");
}

/// It blocks its thread, where no clock is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_look_that_blocks_its_thread_keeps_no_caller_waiting() {
    let house = House::new().await;
    house.made("acme", "team").await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(held);
    *house.script.when_looking.lock().unwrap() = Some(Box::new(move || {
        // Ends when the test lets go, or is over.
        if held.lock().unwrap().recv().is_err() {
            tracing::debug!("the test is over");
        }
    }));
    let asked = tokio::time::timeout(Duration::from_secs(20), found(&house)).await;
    release.send(()).unwrap();
    assert_eq!(asked.unwrap(), "unknown");
}

#[tokio::test]
async fn what_an_action_has_is_not_looked_at() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    for (ask, state) in [(upgrade("acme", "team"), "upgrading"), (repair("acme"), "upgrading")] {
        let calls = house.script.calls();
        let gate = house.script.close_the_gate();
        let running = tokio::spawn({
            let house = house.share();
            async move { house.send(ask).await.status }
        });
        house.until("the driver call", |house| house.script.calls() == calls + 1).await;
        let looked = house.send(look("acme")).await.json();
        assert_eq!((looked["state"].as_str(), looked["found"].is_null()), (Some(state), true));
        assert!(looked.as_object().unwrap().contains_key("found"));
        gate.add_permits(1);
        assert_eq!(running.await.unwrap(), 200);
    }
    assert_eq!(house.script.looks(), 0);
    *house.script.gate.lock().unwrap() = None;
    house.tamper("UPDATE workspaces SET state = 'read_only', read_only_until = '2030-01-01T00:00:00Z'").await;
    assert_eq!(found(&house).await, "serving", "what is read-only runs");
}

/// The look saw the workspace before the upgrade, and its answer is read after it.
#[tokio::test]
async fn what_an_action_changes_meanwhile_is_not_drift() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    *house.script.look_gate.lock().unwrap() = Some(std::sync::Arc::clone(&gate));
    let looking = tokio::spawn({
        let house = house.share();
        async move { house.send(look("acme")).await.json() }
    });
    house.until("the look", |house| house.script.looks() == 1).await;
    assert_eq!(house.send(upgrade("acme", "team")).await.status, 200);
    gate.add_permits(1);
    let looked = looking.await.unwrap();
    assert_eq!((looked["tier"].as_str(), looked["found"].is_null()), (Some("team"), true));
    *house.script.look_gate.lock().unwrap() = None;
    assert_eq!(found(&house).await, "serving");
}

#[tokio::test]
async fn a_row_of_another_driver_is_neither_looked_at_nor_repaired() {
    let house = House::new().await;
    house.made("acme", "team").await;
    house.tamper("UPDATE workspaces SET driver = 'docker'").await;
    assert_eq!(found(&house).await, "unknown");
    assert_eq!(house.script.looks(), 0);
    assert_eq!(house.send(repair("acme")).await.is(), (409, "other-driver".to_owned()));
    assert_eq!(house.script.calls(), 1);
}

#[tokio::test]
async fn a_repair_mends_what_is_broken_gone_or_different() {
    let house = House::new().await;
    house.made("acme", "team").await;
    for there in [
        Inspection::Broken { tier: None },
        Inspection::Absent,
        serving(Tier::Solo, "http://acme.test/"),
        serving(Tier::Team, "http://elsewhere.test/"),
    ] {
        house.script.there("acme", there.clone());
        assert_ne!(found(&house).await, "serving");
        let before = house.events().len();
        let repaired = house.send(repair("acme")).await;
        assert_eq!(repaired.status, 200, "{}", repaired.text);
        assert_eq!(house.story(before), REPAIRED, "{there:?}");
        assert_eq!(found(&house).await, "serving");
        let row = house.send(get("acme")).await.json();
        assert_eq!(repaired.json(), row);
        assert_eq!((row["state"].as_str(), row["tier"].as_str()), (Some("active"), Some("team")));
    }
    house.all_closed();
}

/// A row whose workspace came to answer elsewhere says where, once it is repaired.
#[tokio::test]
async fn a_repair_writes_where_the_workspace_answers() {
    let house = House::new().await;
    house.made("acme", "team").await;
    house.tamper("UPDATE workspaces SET url = 'http://before.test/'").await;
    assert_eq!(found(&house).await, "different");
    let before = house.send(get("acme")).await.json();
    assert_eq!(house.send(repair("acme")).await.status, 200);
    let after = house.send(get("acme")).await.json();
    assert_eq!(after["url"], "http://acme.test/");
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
    assert_eq!(found(&house).await, "serving");
}

#[tokio::test]
async fn a_repair_of_what_answers_changes_nothing_and_is_recorded() {
    let house = House::new().await;
    house.made("acme", "team").await;
    let before = house.send(get("acme")).await;
    let answer = house.send(repair("acme").header("idempotency-key", "k1")).await;
    assert_eq!((answer.status, &answer.text), (200, &before.text));
    assert_eq!(house.send(get("acme")).await.text, before.text);
    assert_eq!(house.story(2), REPAIRED);
    let again = house.send(repair("acme").header("idempotency-key", "k1")).await;
    assert_eq!((again.status, &again.text), (200, &before.text));
    assert_eq!((house.events().len(), house.script.calls()), (4, 2), "it is answered again, and not done again");
    assert_eq!(house.events()[2].data.get(), r#"{"slug":"acme"}"#);
}

#[tokio::test]
async fn a_repair_gives_nobody_another_tier() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    let before = house.send(get("acme")).await.text;
    *house.script.gives.lock().unwrap() = Some(Tier::Business);
    assert_eq!(house.send(repair("acme")).await.is(), (502, "driver-failed".to_owned()));
    assert_eq!(house.story(2), NOT_REPAIRED);
    let why = house.events()[3].data_text("error").unwrap();
    assert!(why.contains("of the tier business, and solo was asked for"), "{why}");
    assert_eq!(house.send(get("acme")).await.text, before);
    assert_eq!(found(&house).await, "different");
    *house.script.gives.lock().unwrap() = None;
    assert_eq!(house.send(repair("acme")).await.status, 200);
    assert_eq!(found(&house).await, "serving");
}

#[tokio::test]
async fn a_repair_that_fails_leaves_the_row_and_what_is_amiss_to_be_seen() {
    let house = House::with(|limits| limits.driver = Duration::from_secs(3)).await;
    house.made("acme", "team").await;
    house.script.there("acme", Inspection::Broken { tier: None });
    let before = house.send(get("acme")).await.text;
    for (act, status, code, outcome) in [
        (Act::Fail, 502, "driver-failed", "hearth.failed failed"),
        (Act::Conflict, 409, "name-in-use", "hearth.failed failed"),
        (Act::Panic, 502, "driver-failed", "hearth.failed panicked"),
        (Act::Hang, 502, "driver-failed", "hearth.failed failed"),
    ] {
        house.script.next(act);
        let events = house.events().len();
        assert_eq!(house.send(repair("acme")).await.is(), (status, code.to_owned()), "{act:?}");
        assert_eq!(house.story(events), ["hearth.repair_started", outcome]);
        assert_eq!(house.send(get("acme")).await.text, before, "{act:?}");
        assert_eq!(found(&house).await, "broken", "{act:?}");
    }
    house.script.next(Act::Work);
    assert_eq!(house.send(repair("acme")).await.status, 200);
    assert_eq!(found(&house).await, "serving");
    house.all_closed();
}

#[tokio::test]
async fn a_failed_repair_that_nobody_can_look_at_is_settled_by_a_later_look() {
    let house = House::new().await;
    house.made("acme", "team").await;
    house.script.there("acme", Inspection::Broken { tier: None });
    house.script.next(Act::Fail);
    *house.script.look.lock().unwrap() = Act::Fail;
    assert_eq!(house.send(repair("acme")).await.is(), (502, "driver-failed".to_owned()));
    assert_eq!(house.story(2), ["hearth.repair_started"]);
    let looked = house.send(look("acme")).await.json();
    assert_eq!((looked["state"].as_str(), looked["found"].is_null()), (Some("unsettled"), true));
    assert_eq!(house.send(repair("acme")).await.is(), (409, "unsettled".to_owned()));
    let stays = house.keeper.reconcile(None, "a test").await;
    assert!(matches!(&stays[0].verdict, Verdict::Left(why) if why.contains("on fire")), "{stays:?}");
    // No operator's word replaces that look.
    let stays = house.keeper.declare_failed(stays[0].actionid, "a test").await;
    assert!(matches!(&stays[0].verdict, Verdict::Left(_)), "{stays:?}");
    *house.script.look.lock().unwrap() = Act::Work;
    let settled = house.keeper.reconcile(None, "a test").await;
    assert_eq!(settled[0].verdict, Verdict::Failed);
    assert_eq!(found(&house).await, "broken");
    assert_eq!(house.script.calls(), 2, "nothing is repaired without being asked for");
    house.script.next(Act::Work);
    assert_eq!(house.send(repair("acme")).await.status, 200);
    house.all_closed();
}

#[tokio::test]
async fn a_repair_that_never_called_its_driver_is_none() {
    let house = House::new().await;
    house.made("acme", "team").await;
    let before = house.send(get("acme")).await.text;
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(Repair { slug: "acme".parse().unwrap() }).await.unwrap();
    let lazy = audited.perform((), |_, ()| Box::pin(async { Ok::<_, std::convert::Infallible>(()) })).await;
    let refusal = lazy.unwrap_err();
    assert_eq!((refusal.status(), refusal.code()), (502, "driver-not-called"));
    assert_eq!(house.story(2), NOT_REPAIRED);
    assert_eq!(house.send(get("acme")).await.text, before);
}

#[tokio::test]
async fn a_repair_is_refused_where_an_upgrade_would_be() {
    let house = House::new().await;
    assert_eq!(house.send(repair("acme")).await.is(), (404, "unknown-workspace".to_owned()));
    house.made("acme", "team").await;
    assert_eq!(house.send(repair("acme").by("otto")).await.is(), (403, "denied".to_owned()));
    assert_eq!(house.send(repair("acme").by("mallory")).await.is(), (403, "denied".to_owned()));
    assert_eq!(house.send(repair("acme").json(r#"{"tier":"business"}"#)).await.is(), (422, "invalid".to_owned()));
    let gate = house.script.close_the_gate();
    let running = tokio::spawn({
        let house = house.share();
        async move { house.send(upgrade("acme", "business")).await.status }
    });
    house.until("the driver call", |house| house.script.calls() == 2).await;
    assert_eq!(house.send(repair("acme")).await.is(), (409, "busy".to_owned()));
    gate.add_permits(1);
    assert_eq!(running.await.unwrap(), 200);
    *house.script.gate.lock().unwrap() = None;
    house.tamper("UPDATE workspaces SET state = 'read_only', read_only_until = '2030-01-01T00:00:00Z'").await;
    assert_eq!(house.send(repair("acme")).await.is(), (423, "read-only".to_owned()));
    house.tamper("UPDATE workspaces SET state = 'active', read_only_until = NULL").await;
    assert_eq!(house.send(decommission("acme")).await.status, 200);
    assert_eq!(house.send(repair("acme")).await.is(), (404, "unknown-workspace".to_owned()));
    assert_eq!(house.script.calls(), 3);
    assert_eq!(house.send(provision("acme", "solo")).await.status, 200);
}

/// The driver's engine is down: it can neither undo nor look, and has begun nothing.
#[tokio::test]
async fn what_was_never_begun_leaves_the_row_as_it_was() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    let row = house.send(get("acme")).await.json();
    house.script.next(Act::Untouched);
    *house.script.undo.lock().unwrap() = Act::Fail;
    *house.script.look.lock().unwrap() = Act::Fail;
    for asked in [provision("globex", "solo"), upgrade("acme", "team"), repair("acme")] {
        assert_eq!(house.send(asked).await.is(), (503, "engine-unavailable".to_owned()));
    }
    assert_eq!(house.send(get("acme")).await.json(), row);
    assert_eq!(house.send(get("globex")).await.is(), (404, "unknown-workspace".to_owned()));
    assert!(house.doors.pending().is_empty(), "each has its outcome");
    house.script.next(Act::Work);
    *house.script.undo.lock().unwrap() = Act::Work;
    *house.script.look.lock().unwrap() = Act::Work;
    assert_eq!(house.send(upgrade("acme", "team")).await.status, 200, "nothing is unsettled");
    assert_eq!(house.send(provision("globex", "solo")).await.status, 200);
}
