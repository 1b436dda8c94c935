//! A tier that lapsed: read-only and back, by a service and through the doors; and the webhook that tells of it.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request},
};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{
    crashes::{Left, reopen_with},
    house::{House, decommission, get, provision, repair, upgrade},
};
use crate::{
    Action, Admin, ServiceKey,
    doors::Refusal,
    hearth::{ReadOnly, Restore, Verdict},
    web::{DoorRouter, NotVerified, Redeliver, Verified, Verifier},
};

const LAPSED: [&str; 2] = ["hearth.readonly_started", "hearth.readonly succeeded"];
const RESTORED: [&str; 2] = ["hearth.restore_started", "hearth.restored succeeded"];

/// A house with a `billing` service.
async fn house() -> (House, ServiceKey) {
    let mut key = None;
    let keep = Arc::new(tempfile::tempdir().unwrap());
    let more = |builder: &mut crate::doors::DoorsBuilder| key = Some(builder.service::<(ReadOnly, Restore)>("billing"));
    let house = House::open(keep, Arc::default(), |_| {}, more).await;
    (house, key.unwrap())
}

async fn act<A: Action<Role = Admin>>(house: &House, key: &ServiceKey, action: A) -> Result<(), Refusal<Infallible>> {
    let audited = house.doors.authenticate_service::<Admin>(key, "acme").await?.audit(action).await?;
    audited.perform((), |_, ()| Box::pin(async { Ok::<(), Infallible>(()) })).await.map(drop)
}

fn lapse(slug: &str) -> ReadOnly {
    ReadOnly { slug: slug.parse().unwrap() }
}

fn restore(slug: &str) -> Restore {
    Restore { slug: slug.parse().unwrap() }
}

#[tokio::test]
async fn a_lapsed_workspace_refuses_changes_until_it_is_restored() {
    let (house, key) = house().await;
    house.made("acme", "team").await;
    act(&house, &key, lapse("acme")).await.unwrap();
    assert_eq!(house.story(2), LAPSED);
    assert_eq!(house.events()[2].actor.as_deref(), Some("service:billing"));
    assert_eq!(house.send(get("acme")).await.json()["state"], "read_only");
    for ask in [upgrade("acme", "business"), repair("acme"), decommission("acme")] {
        let answer = house.send(ask).await;
        assert_eq!(answer.is(), (423, "read-only".to_owned()));
        let until: jiff::Timestamp = answer.json()["until"].as_str().unwrap().parse().unwrap();
        let left = until.as_second() - jiff::Timestamp::now().as_second();
        assert!((7 * 86_400 - 60..=7 * 86_400).contains(&left), "{left}");
    }
    // It lapses once, and is restored once.
    assert_eq!(act(&house, &key, lapse("acme")).await.unwrap_err().code(), "read-only");
    let before = house.events().len();
    act(&house, &key, restore("acme")).await.unwrap();
    assert_eq!(house.story(before), RESTORED);
    assert_eq!(act(&house, &key, restore("acme")).await.unwrap_err().code(), "nothing-to-do");
    assert_eq!(house.send(upgrade("acme", "business")).await.status, 200);
    house.all_closed();
}

#[tokio::test]
async fn solo_never_lapses_and_anothers_workspace_is_not_this_services() {
    let (house, key) = house().await;
    house.made("small", "solo").await;
    assert_eq!(act(&house, &key, lapse("small")).await.unwrap_err().code(), "nothing-to-do");
    assert_eq!(house.send(provision("brolly", "team").by("mallory")).await.status, 200);
    assert_eq!(act(&house, &key, lapse("brolly")).await.unwrap_err().code(), "denied");
    let paid = house.hearth.paid(&key, None).await.unwrap();
    assert_eq!(paid.iter().map(|row| row.slug.as_str()).collect::<Vec<_>>(), ["brolly"]);
    assert!(house.hearth.paid(&key, Some("acme")).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_key_for_other_actions_sees_no_rows() {
    let mut key = None;
    let keep = Arc::new(tempfile::tempdir().unwrap());
    let more = |builder: &mut crate::doors::DoorsBuilder| key = Some(builder.service::<(Restore,)>("jobs"));
    let house = House::open(keep, Arc::default(), |_| {}, more).await;
    assert_eq!(house.hearth.paid(&key.unwrap(), None).await.unwrap_err().status(), 403);
    assert_eq!(house.story(0), ["auth.denied"]);
    let (other, foreign) = self::house().await;
    assert_eq!(house.hearth.paid(&foreign, None).await.unwrap_err().status(), 403);
    assert!(other.events().is_empty());
}

#[tokio::test]
async fn once_its_days_are_over_it_may_be_taken_away() {
    let (house, key) = house().await;
    house.made("acme", "team").await;
    act(&house, &key, lapse("acme")).await.unwrap();
    house.tamper("UPDATE workspaces SET read_only_until = '2020-01-01T00:00:00.000000Z'").await;
    assert_eq!(house.send(upgrade("acme", "business")).await.is(), (423, "read-only".to_owned()));
    assert_eq!(house.send(decommission("acme")).await.status, 200);
    // Its name is taken again, and its date is nobody's.
    house.made("acme", "team").await;
    assert_eq!(house.send(upgrade("acme", "business")).await.status, 200);
    house.all_closed();
}

/// The service ends in the midst of one of the two: nothing of it is done, and the next look does it again.
#[test]
fn one_that_is_cut_off_is_taken_back() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut left = runtime.block_on(async {
        let (house, key) = house().await;
        house.made("acme", "team").await;
        cut_off(&house, &key, lapse("acme")).await
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    for (state, lapses) in [("active", true), ("read_only", false)] {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        left = runtime.block_on(async {
            let mut key = None;
            let more = |builder: &mut crate::doors::DoorsBuilder| {
                key = Some(builder.service::<(ReadOnly, Restore)>("billing"))
            };
            let house = reopen_with(left, more).await;
            let key = key.unwrap();
            assert_eq!(house.send(get("acme")).await.json()["state"], "unsettled");
            let settled = house.keeper.reconcile(None, "a test").await;
            assert!(settled.len() == 1 && settled[0].verdict == Verdict::Failed, "{settled:?}");
            assert_eq!(house.send(get("acme")).await.json()["state"], state);
            house.all_closed();
            if lapses {
                act(&house, &key, lapse("acme")).await.unwrap();
                cut_off(&house, &key, restore("acme")).await
            } else {
                assert_eq!(house.send(upgrade("acme", "business")).await.code(), "read-only");
                act(&house, &key, restore("acme")).await.unwrap();
                assert_eq!(house.send(upgrade("acme", "business")).await.status, 200);
                house.all_closed();
                house.what_outlives_a_crash()
            }
        });
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    }
}

/// Begins the action, which does not end, and leaves.
async fn cut_off<A: Action<Role = Admin>>(house: &House, key: &ServiceKey, action: A) -> Left {
    let audited = house.doors.authenticate_service::<Admin>(key, "acme").await.unwrap().audit(action).await.unwrap();
    let (began, begun) = tokio::sync::oneshot::channel::<()>();
    let began = std::sync::Mutex::new(Some(began));
    tokio::spawn(audited.perform(began, |_, began| {
        Box::pin(async move {
            began.lock().unwrap().take().unwrap().send(()).unwrap();
            std::future::pending::<Result<(), Infallible>>().await
        })
    }));
    begun.await.unwrap();
    house.what_outlives_a_crash()
}

/// Shows the word.
struct Word;

impl Verifier for Word {
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), NotVerified> {
        match headers.get("x-word").map(|word| word.as_bytes()) {
            Some(word) if word == body => Ok(()),
            _ => Err(NotVerified("not the word")),
        }
    }
}

/// Makes the workspace read-only that the body names.
async fn told(verified: Verified, State(()): State<()>) -> Result<(), Redeliver> {
    let slug = std::str::from_utf8(verified.body()).map_err(|error| Redeliver(error.to_string()))?;
    assert_ne!(slug, "panic", "the handler panicked on purpose");
    let service = verified.doors().authenticate_service::<Admin>(verified.key(), "acme").await?;
    let audited = service.audit(lapse(slug)).await?;
    drop(audited.perform((), |_, ()| Box::pin(async { Ok::<(), Infallible>(()) })).await?);
    Ok(())
}

#[tokio::test]
async fn a_webhook_is_believed_once_it_is_verified_and_acts_through_the_doors() {
    let (house, key) = house().await;
    house.made("acme", "team").await;
    let app: Router = DoorRouter::new(house.doors.clone()).webhook("/hook", Word, key, told).with_state(());
    let post = |word: &'static str, body: Vec<u8>| {
        let request = Request::post("/hook").header("x-word", word).header("x-request-id", "r-1");
        let answer = app.clone().oneshot(request.body(Body::from(body)).unwrap());
        async move {
            let answer = answer.await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            (status, body["code"].as_str().unwrap_or_default().to_owned())
        }
    };
    assert_eq!(post("acme", b"acme ".to_vec()).await, (403, "denied".to_owned()));
    assert_eq!(house.story(2), ["auth.denied"]);
    let denied = &house.events()[2];
    assert_eq!(
        (denied.requestid.as_deref(), denied.data_text("reason").as_deref()),
        (Some("r-1"), Some("not the word"))
    );
    assert_eq!(post("acme", vec![b'a'; (1 << 20) + 1]).await, (413, "too-large".to_owned()));
    assert_eq!(house.events().len(), 3);
    assert_eq!(post("acme", b"acme".to_vec()).await, (204, String::new()));
    assert_eq!(house.story(3), LAPSED);
    // The same once more is refused at the doors, and its sender may send it again.
    assert_eq!(post("acme", b"acme".to_vec()).await, (503, "not-yet".to_owned()));
    assert_eq!(post("panic", b"panic".to_vec()).await, (503, "not-yet".to_owned()));
    house.all_closed();
}
