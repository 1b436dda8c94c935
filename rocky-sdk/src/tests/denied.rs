//! 403: who is denied, and what it leaves.

use super::house::{House, decommission, get, look, provision, repair, upgrade};
use crate::hatch::Record;

#[tokio::test]
async fn each_denial_is_recorded_with_what_was_wanted() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    let cases = [
        (provision("x", "solo").by(None), None, None, Some("hearth.provisioning_started")),
        (provision("x", "solo").by("nobody"), None, None, Some("hearth.provisioning_started")),
        (provision("x", "solo").by("otto"), Some("otto"), None, Some("hearth.provisioning_started")),
        (upgrade("acme", "team").by("oona"), Some("oona"), Some("acme"), Some("hearth.upgrade_started")),
        (upgrade("acme", "team").by("mallory"), Some("mallory"), Some("acme"), Some("hearth.upgrade_started")),
        (repair("acme").by("mallory"), Some("mallory"), Some("acme"), Some("hearth.repair_started")),
        (decommission("acme").by("mallory"), Some("mallory"), Some("acme"), Some("hearth.decommission_started")),
        (get("acme").by("mallory"), Some("mallory"), Some("acme"), None),
        (get("acme").by(None), None, Some("acme"), None),
        (look("acme").by("mallory"), Some("mallory"), Some("acme"), None),
        (look("acme").by(None), None, Some("acme"), None),
    ];
    for (ask, actor, subject, wanted) in cases {
        let before = house.events().len();
        let what = format!("{} {} by {:?}", ask.method, ask.path, ask.token);
        let answer = house.send(ask.header("x-request-id", "r-1")).await;
        assert_eq!(answer.is(), (403, "denied".to_owned()), "{what}");
        let [event]: &[Record; 1] = &house.events()[before..].to_vec().try_into().unwrap();
        assert_eq!(event.kind, "auth.denied", "{what}");
        assert_eq!(event.actor.as_deref(), actor, "{what}");
        assert_eq!(event.subject.as_deref(), subject, "{what}");
        assert_eq!(event.data_text("wanted").as_deref(), wanted, "{what}");
        assert_eq!(event.requestid.as_deref(), Some("r-1"));
        assert!(event.actionid.is_none());
    }
    assert_eq!((house.script.calls(), house.script.looks()), (1, 0));
}

#[tokio::test]
async fn a_write_from_another_site_is_a_recorded_denial_with_its_own_code() {
    let house = House::new().await;
    let answer = house.send(provision("x", "solo").by("elsewhere")).await;
    assert_eq!(answer.is(), (403, "cross-site".to_owned()));
    let [event] = &house.events()[..] else { panic!("{:?}", house.story(0)) };
    assert_eq!((event.kind.as_str(), &event.actor), ("auth.denied", &None));
    assert_eq!(event.data_text("reason").as_deref(), Some("a write from another site"));
    assert_eq!(event.data_text("wanted").as_deref(), Some("hearth.provisioning_started"));
    assert_eq!(house.script.calls(), 0);
}

#[tokio::test]
async fn allowed_reads_leave_nothing_and_show_only_ones_own() {
    let house = House::new().await;
    house.made("acme", "solo").await;
    assert_eq!(house.send(provision("brolly", "solo").by("mallory")).await.status, 200);
    let before = house.events().len();
    let slugs = |answer: super::house::Answer| {
        let list = answer.json().as_array().unwrap().clone();
        list.iter().map(|row| row["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(slugs(house.send(super::house::ask("GET", "/w").by("oona")).await), ["acme"]);
    assert_eq!(slugs(house.send(super::house::ask("GET", "/w").by("mallory")).await), ["brolly"]);
    assert_eq!(house.events().len(), before);
}

#[tokio::test]
async fn strangers_share_a_rate_and_what_is_left_out_is_counted() {
    let house = House::new().await;
    for _ in 0..400 {
        assert_eq!(house.send(get("acme").by(None)).await.status, 403);
    }
    let written = house.events().len();
    assert!((100..300).contains(&written), "{written}");
    // A known principal's denial is always written, and tells how many were left out.
    assert_eq!(house.send(provision("x", "solo").by("otto")).await.status, 403);
    house.send(get("acme").by(None)).await;
    house.doors.shutdown(std::time::Duration::from_secs(5)).await.unwrap();
    let counted: u64 = house
        .events()
        .iter()
        .map(|event| {
            let data: serde_json::Value = serde_json::from_str(event.data.get()).unwrap();
            data["suppressed"].as_u64().unwrap_or(0)
        })
        .sum();
    let strangers = house
        .events()
        .iter()
        .filter(|event| {
            event.actor.is_none() && event.data_text("reason").as_deref() != Some("left out until shutdown")
        })
        .count();
    assert_eq!(strangers as u64 + counted, 401);
}

#[tokio::test]
async fn a_denial_that_cannot_be_written_is_still_a_denial_and_readiness_says_so() {
    let house = House::new().await;
    house.hand.set(|faults| faults.append = Some((0, std::io::ErrorKind::Other)));
    assert_eq!(house.send(provision("x", "solo").by("otto")).await.is(), (403, "denied".to_owned()));
    let reasons = house.doors.ready().unwrap_err().join(", ");
    assert!(reasons.contains("denial could not be recorded"), "{reasons}");
    house.hand.set(|faults| faults.append = None);
    // Nobody else is denied: how many there were is written all the same.
    house.until("the count", |house| house.doors.ready().is_ok()).await;
    let [event] = &house.events()[..] else { panic!("{:?}", house.story(0)) };
    assert_eq!(event.kind, "auth.denied");
    assert_eq!(event.data.get(), r#"{"reason":"HATCH was away","suppressed":1}"#);
}
