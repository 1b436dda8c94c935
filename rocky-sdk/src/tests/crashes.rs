//! A crash at each point of an action: the next start lists what is open, refuses its workspace, and `reconcile` makes
//! journal, row and driver agree again.

use std::sync::Arc;

use super::house::{Act, Ask, House, Script, decommission, get, look, provision, repair, tamper, upgrade};
use crate::hearth::{Inspection, Placement, Verdict};
use crate::{Admin, Credentials, Slug, Tier, doors::DoorsBuilder, tenant_action};

pub(super) type Left = (Arc<tempfile::TempDir>, Arc<Script>);

/// A house whose runtime is cut off while its driver works on the last of these; what the driver had done by then is up to
/// `meanwhile`.
fn crash(first: Vec<Ask>, last: Ask, meanwhile: fn(&Script)) -> Left {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let left = runtime.block_on(async {
        let house = House::new().await;
        for ask in first {
            assert_eq!(house.send(ask).await.status, 200);
        }
        let calls = house.script.calls();
        house.script.close_the_gate();
        tokio::spawn({
            let house = house.share();
            async move { house.send(last).await.status }
        });
        house.until("the driver call", |house| house.script.calls() == calls + 1).await;
        meanwhile(&house.script);
        house.what_outlives_a_crash()
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    *left.1.gate.lock().unwrap() = None;
    left
}

async fn reopen(left: Left) -> House {
    reopen_with(left, |_| {}).await
}

pub(super) async fn reopen_with((keep, script): Left, more: impl FnOnce(&mut DoorsBuilder)) -> House {
    // The old journal's writer ends when its last handle is gone, which the end of a runtime may take a moment for.
    let folder = keep.path().join("hatch");
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while let Err(error) =
        crate::hatch::Journal::open(&folder, crate::hatch::JournalOptions::new("test")).map(|journal| journal.close())
    {
        assert!(std::time::Instant::now() < patience, "{error}");
        tokio::task::yield_now().await;
    }
    House::open(keep, script, |_| {}, more).await
}

fn place(script: &Script, slug: &str, tier: Tier) {
    let placement = Placement { tier, url: format!("http://{slug}.test/"), made_by: None };
    script.made.lock().unwrap().insert(slug.to_owned(), Inspection::Serving(placement));
}

async fn settled(house: &House, verdict: Verdict, story: &str) {
    assert_eq!(house.doors.pending().len(), 1);
    assert_eq!(house.unsettled(), 1);
    let first = house.events()[0].clone();
    let settled = house.keeper.reconcile(None, "operator:uid=0").await;
    assert_eq!(settled.iter().map(|settled| settled.verdict.clone()).collect::<Vec<_>>(), [verdict]);
    let last = house.events().pop().unwrap();
    assert_eq!(house.story(house.events().len() - 1), [story]);
    assert_eq!(last.actor, first.actor, "the first actor stands");
    assert_eq!(last.data_text("settled_by").as_deref(), Some("operator:uid=0"));
    assert_eq!(house.unsettled(), 0);
    assert!(house.doors.pending().is_empty());
    house.all_closed();
    assert!(house.keeper.reconcile(None, "again").await.is_empty());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

#[test]
fn in_a_provision_whose_workspace_is_there() {
    let left = crash(vec![], provision("acme", "team"), |script| place(script, "acme", Tier::Team));
    runtime().block_on(async {
        let house = reopen(left).await;
        assert_eq!(house.send(get("acme")).await.json()["state"], "unsettled");
        assert_eq!(house.send(upgrade("acme", "business")).await.is(), (409, "unsettled".to_owned()));
        assert_eq!(house.send(decommission("acme")).await.is(), (409, "unsettled".to_owned()));
        let refusals = house.events().len();
        assert_eq!(refusals, 5);
        let taken = house.keeper.reconcile(Some(&Slug::parse("other").unwrap()), "x").await;
        assert!(taken.is_empty());
        settled(&house, Verdict::Succeeded, "hearth.provisioned reconciled").await;
        let row = house.send(get("acme")).await.json();
        assert_eq!((row["state"].as_str(), row["tier"].as_str()), (Some("active"), Some("team")));
        assert_eq!(row["url"], "http://acme.test/");
        assert_eq!(house.send(decommission("acme")).await.status, 200);
    });
}

#[test]
fn in_a_provision_of_which_nothing_is_there() {
    let left = crash(vec![], provision("acme", "team"), |_| {});
    runtime().block_on(async {
        let house = reopen(left).await;
        settled(&house, Verdict::Failed, "hearth.failed reconciled").await;
        assert_eq!(house.send(get("acme")).await.status, 404);
        house.made("acme", "solo").await;
    });
}

#[test]
fn in_a_provision_that_is_half_made() {
    let left = crash(vec![], provision("acme", "team"), |script| {
        script.made.lock().unwrap().insert("acme".to_owned(), Inspection::Broken { tier: None });
    });
    runtime().block_on(async {
        let house = reopen(left).await;
        *house.script.undo.lock().unwrap() = Act::Fail;
        let stays = house.keeper.reconcile(None, "x").await;
        assert!(matches!(&stays[0].verdict, Verdict::Left(why) if why.contains("cannot be undone")), "{stays:?}");
        assert_eq!(house.unsettled(), 1);
        *house.script.undo.lock().unwrap() = Act::Work;
        settled(&house, Verdict::Failed, "hearth.failed reconciled").await;
        assert!(house.script.made.lock().unwrap().is_empty());
        assert_eq!(house.send(get("acme")).await.status, 404);
    });
}

#[test]
fn in_an_upgrade() {
    for (there, verdict, story, tier) in [
        (Tier::Team, Verdict::Succeeded, "hearth.upgraded reconciled", "team"),
        (Tier::Solo, Verdict::Failed, "hearth.failed reconciled", "solo"),
    ] {
        let meanwhile: fn(&Script) = match there {
            Tier::Team => |script| place(script, "acme", Tier::Team),
            _ => |_| {},
        };
        let left = crash(vec![provision("acme", "solo")], upgrade("acme", "team"), meanwhile);
        runtime().block_on(async {
            let house = reopen(left).await;
            settled(&house, verdict, story).await;
            let row = house.send(get("acme")).await.json();
            assert_eq!((row["state"].as_str(), row["tier"].as_str()), (Some("active"), Some(tier)));
        });
    }
}

#[test]
fn in_a_decommission() {
    let left = crash(vec![provision("acme", "solo")], decommission("acme"), |_| {});
    runtime().block_on(async {
        let house = reopen(left).await;
        assert_eq!(house.send(get("acme")).await.json()["state"], "decommissioning");
        settled(&house, Verdict::Succeeded, "hearth.decommissioned reconciled").await;
        assert!(house.script.made.lock().unwrap().is_empty());
        assert_eq!(house.send(get("acme")).await.status, 404);
    });
}

#[test]
fn in_a_decommission_that_is_tried_again_at_start() {
    let left = crash(vec![provision("acme", "solo")], decommission("acme"), |_| {});
    runtime().block_on(async {
        let house = reopen(left).await;
        let retries = tokio::spawn({
            let keeper = std::sync::Arc::clone(&house.keeper);
            async move { keeper.retry_decommissions().await }
        });
        house.until("the retry", |house| house.doors.pending().is_empty() && house.unsettled() == 0).await;
        retries.abort();
        house.all_closed();
    });
}

#[test]
fn between_the_started_event_and_the_claim() {
    let left = crash(vec![], provision("acme", "team"), |_| {});
    runtime().block_on(async {
        let house = reopen(left).await;
        house.tamper("DELETE FROM workspaces").await;
        settled(&house, Verdict::Failed, "hearth.failed reconciled").await;
        assert!(house.events().pop().unwrap().data_text("error").unwrap().contains("never called"));
    });
}

#[test]
fn between_the_row_and_the_outcome() {
    let left = crash(vec![], provision("acme", "team"), |script| place(script, "acme", Tier::Team));
    runtime().block_on(async {
        tamper(left.0.path(), "UPDATE workspaces SET state = 'active', url = 'http://acme.test/'").await;
        let house = reopen(left).await;
        assert_eq!(house.send(get("acme")).await.json()["state"], "unsettled");
        settled(&house, Verdict::Succeeded, "hearth.provisioned reconciled").await;
        assert_eq!(house.send(get("acme")).await.json()["state"], "active");
    });
}

#[test]
fn between_the_outcome_and_the_release() {
    let runtime = runtime();
    let left = runtime.block_on(async {
        let house = House::new().await;
        house.made("acme", "solo").await;
        house.tamper("UPDATE workspaces SET claim = '01890000-0000-7000-8000-000000000000', doing = 'provision'").await;
        assert_eq!(house.send(decommission("acme")).await.code(), "busy");
        house.doors.shutdown(std::time::Duration::from_secs(5)).await.unwrap();
        house.what_outlives_a_crash()
    });
    runtime.block_on(async {
        let house = reopen(left).await;
        assert_eq!(house.send(decommission("acme")).await.status, 200, "the start gave the claim back");
    });
}

#[test]
fn in_an_upgrade_that_got_half_way() {
    let left = crash(vec![provision("acme", "solo")], upgrade("acme", "team"), |script| {
        script.made.lock().unwrap().insert("acme".to_owned(), Inspection::Broken { tier: Some(Tier::Team) });
    });
    runtime().block_on(async {
        let house = reopen(left).await;
        settled(&house, Verdict::Succeeded, "hearth.upgraded reconciled").await;
        let row = house.send(get("acme")).await.json();
        assert_eq!((row["state"].as_str(), row["tier"].as_str()), (Some("active"), Some("team")));
        assert!(matches!(house.script.made.lock().unwrap()["acme"], Inspection::Serving(_)));
    });
}

/// A crash in a repair after which this is there: what it is settled as, and what the row and a look say then.
fn in_a_repair(meanwhile: fn(&Script), verdict: Verdict, story: &str, url: &str, found: &str) {
    let left = crash(vec![provision("acme", "team")], repair("acme"), meanwhile);
    runtime().block_on(async {
        let house = reopen(left).await;
        let looked = house.send(look("acme")).await.json();
        assert_eq!((looked["state"].as_str(), looked["found"].is_null()), (Some("unsettled"), true));
        let calls = house.script.calls();
        settled(&house, verdict, story).await;
        assert_eq!(house.script.calls(), calls, "it is looked at, and not repaired");
        let looked = house.send(look("acme")).await.json();
        assert_eq!((looked["state"].as_str(), looked["tier"].as_str()), (Some("active"), Some("team")));
        assert_eq!((looked["url"].as_str(), looked["found"].as_str()), (Some(url), Some(found)));
        assert_eq!(house.send(repair("acme")).await.status, 200);
        assert_eq!(house.send(look("acme")).await.json()["found"], "serving");
    });
}

fn elsewhere(tier: Tier) -> Inspection {
    Inspection::Serving(Placement { tier, url: "http://elsewhere.test/".to_owned(), made_by: None })
}

#[test]
fn in_a_repair_whose_workspace_answers() {
    let there: fn(&Script) = |script| script.there("acme", elsewhere(Tier::Team));
    in_a_repair(there, Verdict::Succeeded, "hearth.repaired reconciled", "http://elsewhere.test/", "serving");
}

#[test]
fn in_a_repair_whose_workspace_does_not_answer_as_its_row_says() {
    type Told = fn(&Script);
    let cases: [(Told, &str); 3] = [
        (|script| script.there("acme", Inspection::Broken { tier: Some(Tier::Team) }), "broken"),
        (|script| script.there("acme", Inspection::Absent), "absent"),
        (|script| script.there("acme", elsewhere(Tier::Business)), "different"),
    ];
    for (there, found) in cases {
        in_a_repair(there, Verdict::Failed, "hearth.failed reconciled", "http://acme.test/", found);
    }
}

/// The crash came before anybody saw that the workspace is read-only: it stays so.
#[test]
fn in_a_repair_that_would_have_been_refused() {
    let left = crash(vec![provision("acme", "team")], repair("acme"), |_| {});
    runtime().block_on(async {
        tamper(left.0.path(), "UPDATE workspaces SET resting_state = 'read_only'").await;
        let house = reopen(left).await;
        settled(&house, Verdict::Succeeded, "hearth.repaired reconciled").await;
        assert_eq!(house.send(get("acme")).await.json()["state"], "read_only");
    });
}

/// A success that was kept as an answer, and then undone, is answered to nobody.
#[test]
fn of_a_keyed_provision_that_is_undone() {
    let keyed = || provision("acme", "team").header("idempotency-key", "k1");
    let left = crash(vec![], keyed(), |script| {
        script.made.lock().unwrap().insert("acme".to_owned(), Inspection::Broken { tier: None });
    });
    runtime().block_on(async {
        // As if the crash had come after the row was written and before the outcome was.
        tamper(left.0.path(), "UPDATE workspaces SET state = 'active'").await;
        tamper(left.0.path(), "UPDATE answers SET status = 200, body = x'7b7d'").await;
        let house = reopen(left).await;
        assert_eq!(house.send(keyed()).await.is(), (409, "idempotency-in-flight".to_owned()));
        settled(&house, Verdict::Failed, "hearth.failed reconciled").await;
        let answer = house.send(keyed()).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.headers.contains_key("idempotency-replayed"), "it was done, not remembered");
        assert_eq!(answer.json()["state"], "active");
    });
}

#[test]
fn with_a_journal_that_is_lost() {
    let left = crash(vec![], provision("acme", "team"), |_| {});
    runtime().block_on(async {
        drop(reopen(left.clone()).await.doors.shutdown(std::time::Duration::from_secs(5)).await);
        let (here, away) = (left.0.path().join("hatch"), left.0.path().join("away"));
        std::fs::rename(&here, &away).unwrap();
        let house = reopen(left).await;
        assert_eq!(house.send(decommission("acme")).await.is(), (409, "unsettled".to_owned()));
        let stays = house.keeper.reconcile(None, "x").await;
        assert!(matches!(&stays[0].verdict, Verdict::Left(why) if why.contains("put back the journal")), "{stays:?}");
    });
}

#[test]
fn of_an_action_that_cannot_be_read_any_more() {
    let left = crash(vec![], provision("acme", "team"), |script| place(script, "acme", Tier::Team));
    let segment = left.0.path().join("hatch/00000001.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let before = lines[1][..lines[1].len() - 75].replace("\"tier\":\"team\"", "\"tier\":\"gold\"");
    lines[1] = format!("{before},\"hash\":\"{}\"}}", crate::hatch::sealed(&before));
    std::fs::write(&segment, lines.join("\n") + "\n").unwrap();
    std::fs::remove_file(left.0.path().join("hatch/checkpoints.signed")).unwrap();
    runtime().block_on(async {
        let house = reopen(left).await;
        let stays = house.keeper.reconcile(None, "x").await;
        assert!(matches!(&stays[0].verdict, Verdict::Left(why) if why.contains("cannot be read")), "{stays:?}");
        assert_eq!(house.unsettled(), 1);
    });
}

/// A workspace of that name that another action made is not taken for this one's.
#[test]
fn in_a_provision_where_somebody_elses_workspace_answers() {
    let left = crash(vec![], provision("acme", "solo"), |script| {
        let made_by = Some(uuid::Uuid::now_v7());
        let placement = Placement { tier: Tier::Solo, url: "http://acme.test/".to_owned(), made_by };
        script.made.lock().unwrap().insert("acme".to_owned(), Inspection::Serving(placement));
    });
    runtime().block_on(async {
        let house = reopen(left).await;
        settled(&house, Verdict::Failed, "hearth.failed reconciled").await;
        assert!(house.script.made.lock().unwrap().is_empty());
        assert_eq!(house.send(get("acme")).await.status, 404);
    });
}

#[tenant_action(role = admin, started = "titles.change_started", succeeded = "titles.changed", failed = "titles.failed", subject = slug)]
struct Rename {
    slug: Slug,
}

/// An action of another subsystem: nobody here can look at it, so an operator does, and says so.
#[test]
fn in_an_action_that_only_an_operator_can_look_at() {
    let runtime = runtime();
    let left = runtime.block_on(async {
        let house = House::new().await;
        house.made("acme", "solo").await;
        let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
        let audited = authenticated.audit(Rename { slug: "acme".parse().unwrap() }).await.unwrap();
        tokio::spawn(
            audited.perform((), |_, ()| Box::pin(std::future::pending::<Result<(), std::convert::Infallible>>())),
        );
        let claimed = house.share();
        while claimed.send(decommission("acme")).await.code() != "busy" {
            tokio::task::yield_now().await;
        }
        house.what_outlives_a_crash()
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    self::runtime().block_on(async {
        let house = reopen(left).await;
        assert_eq!(house.send(decommission("acme")).await.is(), (409, "unsettled".to_owned()));
        let stays = house.keeper.reconcile(None, "x").await;
        assert!(matches!(&stays[0].verdict, Verdict::Left(why) if why.contains("--failed")), "{stays:?}");
        let settled = house.keeper.declare_failed(stays[0].actionid, "operator:uid=0").await;
        assert_eq!(settled[0].verdict, Verdict::Failed);
        assert_eq!(house.story(house.events().len() - 1), ["titles.failed reconciled"]);
        assert_eq!(house.send(decommission("acme")).await.status, 200);
        assert!(house.keeper.declare_failed(stays[0].actionid, "x").await.is_empty());
    });
}

#[test]
fn in_an_action_of_hearth_no_word_replaces_a_look() {
    let left = crash(vec![], provision("acme", "team"), |_| {});
    runtime().block_on(async {
        let house = reopen(left).await;
        let actionid = house.doors.pending()[0].actionid;
        let stays = house.keeper.declare_failed(actionid, "x").await;
        assert!(matches!(&stays[0].verdict, Verdict::Left(_)), "{stays:?}");
        settled(&house, Verdict::Failed, "hearth.failed reconciled").await;
    });
}
