//! Upgrades that fail: over and done with unless another tier is in force, so that nobody is stuck with one; and drivers that
//! give another tier than was audited.

use super::house::{Act, House, Script, decommission, get, look, provision, upgrade};
use crate::{
    Tier,
    hearth::{Inspection, Placement, Verdict},
};

const FAILED: [&str; 2] = ["hearth.upgrade_started", "hearth.failed failed"];

fn serving(tier: Tier) -> Inspection {
    Inspection::Serving(Placement { tier, url: "http://acme.test/".to_owned(), made_by: None })
}

/// A house with a workspace of the tier team, in which an upgrade to business fails and leaves this.
async fn fails(there: Inspection) -> House {
    let house = House::new().await;
    house.made("acme", "team").await;
    house.script.there("acme", there);
    house.script.next(Act::Fail);
    assert_eq!(house.send(upgrade("acme", "business")).await.is(), (502, "driver-failed".to_owned()));
    house.script.next(Act::Work);
    house
}

#[tokio::test]
async fn one_that_fails_is_over_where_no_other_tier_is_in_force() {
    for (there, found) in [
        (serving(Tier::Team), "serving"),
        (Inspection::Broken { tier: Some(Tier::Team) }, "broken"),
        (Inspection::Broken { tier: None }, "broken"),
        (Inspection::Absent, "absent"),
    ] {
        let house = fails(there.clone()).await;
        assert_eq!(house.story(2), FAILED, "{there:?}");
        let row = house.send(look("acme")).await.json();
        assert_eq!((row["tier"].as_str(), row["state"].as_str()), (Some("team"), Some("active")), "{there:?}");
        assert_eq!(row["found"], found);
        // Nobody is stuck with it.
        assert_eq!(house.send(decommission("acme")).await.status, 200, "{there:?}");
        house.all_closed();
    }
}

#[tokio::test]
async fn one_that_fails_with_another_tier_in_force_is_not_over() {
    for there in [serving(Tier::Business), Inspection::Broken { tier: Some(Tier::Business) }] {
        let house = fails(there).await;
        assert_eq!(house.story(2), FAILED[..1]);
        assert_eq!(house.send(get("acme")).await.json()["state"], "unsettled");
        let settled = house.keeper.reconcile(None, "a test").await;
        assert_eq!(settled[0].verdict, Verdict::Succeeded);
        assert_eq!(house.send(get("acme")).await.json()["tier"], "business");
        house.all_closed();
    }
}

/// It was left half done, and going through with it fails too: it is over all the same where no other tier is in force.
#[tokio::test]
async fn one_that_cannot_be_gone_through_with_has_failed() {
    for (after, verdict, story) in [
        (Inspection::Broken { tier: Some(Tier::Team) }, true, "hearth.failed reconciled"),
        (Inspection::Absent, true, "hearth.failed reconciled"),
        (Inspection::Broken { tier: Some(Tier::Business) }, false, ""),
    ] {
        let house = fails(Inspection::Broken { tier: Some(Tier::Business) }).await;
        house.script.next(Act::Fail);
        let (script, left) = (std::sync::Arc::downgrade(&house.script), after.clone());
        *house.script.when_called.lock().unwrap() = Some(Box::new(move || {
            script.upgrade().unwrap().there("acme", left.clone());
        }));
        let settled = house.keeper.reconcile(None, "a test").await;
        if verdict {
            assert_eq!((settled.len(), &settled[0].verdict), (1, &Verdict::Failed), "{after:?}");
            assert_eq!(house.story(3), [story]);
            house.script.next(Act::Work);
            assert_eq!(house.send(decommission("acme")).await.status, 200);
            house.all_closed();
        } else {
            assert!(matches!(settled[0].verdict, Verdict::Left(_)), "{settled:?}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_another_tier_than_was_audited() {
    let house = House::new().await;
    *house.script.gives.lock().unwrap() = Some(Tier::Business);
    assert_eq!(house.send(provision("acme", "team")).await.is(), (502, "driver-failed".to_owned()));
    assert_eq!(house.story(0), ["hearth.provisioning_started", "hearth.failed failed"]);
    assert!(!house.script.made.lock().unwrap().contains_key("acme"), "what it made is undone");

    *house.script.gives.lock().unwrap() = None;
    house.made("acme", "solo").await;
    *house.script.gives.lock().unwrap() = Some(Tier::Business);
    assert_eq!(house.send(upgrade("acme", "team")).await.is(), (502, "driver-failed".to_owned()));
    // It is in force, so it is not over: a look finds it, and says that it is not what was asked for.
    assert_eq!(house.unsettled(), 1);
    let settled = house.keeper.reconcile(None, "a test").await;
    assert_eq!(settled[0].verdict, Verdict::Failed);
    let row = house.send(look("acme")).await.json();
    assert_eq!((row["tier"].as_str(), row["found"].as_str()), (Some("solo"), Some("different")));
}

/// What came later than anybody waited for it is told, and left.
#[tokio::test]
async fn what_no_row_knows_is_told() {
    let house = House::new().await;
    house.made("acme", "team").await;
    assert_eq!(house.keeper.reconcile(None, "a test").await, []);
    let stray: fn(&Script) = |script| script.there("stray", Inspection::Broken { tier: None });
    stray(&house.script);
    // One that is gone by the time it is looked at was about to go.
    house.script.there("going", Inspection::Absent);
    let left = house.keeper.reconcile(None, "a test").await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].subject.as_deref(), Some("stray"));
    assert!(matches!(&left[0].verdict, Verdict::Left(why) if why.contains("no row knows it")), "{left:?}");
    assert_eq!(house.keeper.reconcile(Some(&"acme".parse().unwrap()), "a test").await, []);
    // A provision of its name has it.
    house.made("stray", "solo").await;
    assert_eq!(house.keeper.reconcile(None, "a test").await, []);
    // Where nobody can say what there is, nothing is told of it.
    stray(&house.script);
    *house.script.look.lock().unwrap() = Act::Fail;
    assert_eq!(house.keeper.reconcile(None, "a test").await, []);
}
