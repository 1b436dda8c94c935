//! What the attributes expand to does what a person's own code does: the same constants, the same JSON, the same answers, the
//! same events.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]
#![expect(dead_code, unreachable_pub, reason = "each fixture is a program of its own, with a main and public items")]

use std::fmt::Debug;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use rocky_sdk::{
    Action, Admin, Billing, Credentials, Doors, LocalAuth,
    hatch::{Journal, JournalOptions, records},
    web::DoorRouter,
};
use tower::ServiceExt;

#[path = "../pass/by-hand/action-about-a-workspace.rs"]
mod about_a_workspace;
#[path = "../pass/by-hand/action-about-nothing.rs"]
mod about_nothing;
#[path = "../pass/by-hand/driver.rs"]
mod driver;
#[path = "../pass/by-hand/action-that-is-retried.rs"]
mod retried;
#[path = "../pass/by-hand/action-with-a-secret.rs"]
mod with_a_secret;
#[path = "../pass/by-hand/route-with-an-alias.rs"]
mod with_an_alias;
#[path = "../pass/by-hand/route-with-extractors.rs"]
mod with_extractors;
#[path = "../pass/by-hand/route-with-its-token.rs"]
mod with_its_token;

/// All that the doors and the wire see of an action read from this text.
fn seen<A: Action>(text: &str) -> Result<impl Debug + PartialEq, String> {
    let action: A = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let audited = action.audited(serde_json::value::Serializer).map_err(|error| error.to_string())?;
    let role = std::any::type_name::<A::Role>();
    Ok((
        (role, A::NAME, A::STARTED, A::SUCCEEDED, A::ON_FAILURE),
        (action.subject().cloned(), action.metered(), format!("{action:?}")),
        (serde_json::to_string(&action).map_err(|error| error.to_string())?, audited.to_string()),
    ))
}

fn same<M: Action, H: Action>(texts: &[&str]) {
    let read = texts.iter().filter(|text| seen::<M>(text).is_ok()).count();
    assert!(read > 0 && read < texts.len(), "texts that are read and texts that are not");
    for text in texts {
        let (by_macro, by_hand) = (seen::<M>(text), seen::<H>(text));
        assert_eq!(format!("{by_macro:?}"), format!("{by_hand:?}"), "{text}");
    }
}

#[test]
fn actions_are_the_same() {
    same::<about_nothing::by_macro::TakeNote, about_nothing::by_hand::TakeNote>(&[
        r#"{"text":"a"}"#,
        r#"{"text":"a","more":1}"#,
        "{}",
    ]);
    same::<about_a_workspace::by_macro::OrderKeys, about_a_workspace::by_hand::OrderKeys>(&[
        r#"{"slug":"a","tier":"team"}"#,
        r#"{"slug":"a","tier":"team","count":3}"#,
        r#"{"slug":"A","tier":"team"}"#,
        r#"{"slug":"a","tier":"none"}"#,
        r#"{"slug":"a","tier":"team","role":"admin"}"#,
    ]);
    same::<retried::by_macro::ShredKeys, retried::by_hand::ShredKeys>(&[r#"{"slug":"a"}"#, r#"{"slug":7}"#]);
    same::<with_a_secret::by_macro::OpenVault, with_a_secret::by_hand::OpenVault>(&[
        r#"{"type":"steel","passphrase":"hunter2"}"#,
        r#"{"r#type":"steel","passphrase":"hunter2"}"#,
    ]);
    let seen =
        format!("{:?}", seen::<with_a_secret::by_macro::OpenVault>(r#"{"type":"steel","passphrase":"hunter2"}"#));
    assert_eq!(seen.matches("hunter2").count(), 1, "only in what goes over the wire: {seen}");
}

/// Doors in a folder of their own, and who may pass them.
struct House {
    home: tempfile::TempDir,
    doors: Doors,
    token: String,
}

impl House {
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (auth, first) = LocalAuth::open(home.path()).unwrap();
        let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("twins")).unwrap();
        let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await.unwrap();
        House { home, doors, token: first.unwrap().token }
    }

    /// What each body is answered with, and the events that it all left.
    async fn told(self, app: Router, bodies: &[&str]) -> Vec<String> {
        let mut told = Vec::new();
        for (token, body) in bodies.iter().map(|body| (self.token.as_str(), *body)).chain([("a stranger's", bodies[0])])
        {
            let request = Request::post("/it").header("content-type", "application/json").header("host", "here");
            let request = request.header("authorization", format!("Bearer {token}"));
            let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
            let (status, kind) = (response.status(), response.headers().get("content-type").cloned());
            let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
            told.push(format!("{status} {kind:?} {}", String::from_utf8_lossy(&body)));
        }
        self.doors.shutdown(std::time::Duration::from_secs(5)).await.unwrap();
        for event in records(&self.home.path().join("hatch")).unwrap() {
            let event = event.unwrap();
            let data = ["status", "code", "error", "wanted", "reason"].map(|field| event.data_text(field));
            // Who it is has another name in each folder; that it is said is the same.
            told.push(format!("{} {:?} {} {data:?}", event.kind, event.subject, event.actor.is_some()));
        }
        told
    }
}

/// Mounts both on doors of their own, and sends both the same.
macro_rules! told_alike {
    ($by_macro:path, $by_hand:path, $state:expr, $bodies:expr, $statuses:expr) => {{
        let house = House::new().await;
        let app = DoorRouter::new(house.doors.clone()).post("/it", $by_macro).with_state($state(&house.doors));
        let by_macro = house.told(app, $bodies).await;
        let house = House::new().await;
        let app = DoorRouter::new(house.doors.clone()).post("/it", $by_hand).with_state($state(&house.doors));
        let by_hand = house.told(app, $bodies).await;
        assert_eq!(by_macro, by_hand);
        for (told, status) in by_macro.iter().zip($statuses) {
            assert!(told.starts_with(status), "{told} is no {status}");
        }
    }};
}

#[tokio::test]
async fn routes_answer_the_same_and_leave_the_same_events() {
    let nothing = |_: &Doors| ();
    told_alike!(
        with_its_token::by_macro::ring,
        with_its_token::by_hand::ring,
        nothing,
        &[r#"{"times":2}"#, r#"{"times":20}"#, r#"{"times":256}"#, "{", ""],
        ["200", "422", "422", "400", "422", "403"]
    );
    let store = |doors: &Doors| -> with_extractors::Store {
        std::sync::Arc::new(rocky_sdk::Bolted::new(doors, with_extractors::Lists::default()).unwrap())
    };
    told_alike!(
        with_extractors::by_macro::append,
        with_extractors::by_hand::append,
        store,
        &[r#"{"list":"a","item":"b"}"#, r#"{"list":"a"}"#, r#"{"list":"a","item":"c"}"#],
        ["200", "422", "200", "403"]
    );
    told_alike!(
        with_an_alias::by_macro::roll,
        with_an_alias::by_hand::roll,
        nothing,
        &[r#"{"sides":6}"#, r#"{"sides":0}"#],
        ["200", "502", "403"]
    );
}

#[tokio::test]
async fn without_a_request_it_is_the_same_action() {
    let house = House::new().await;
    let who = Credentials::bearer(house.token.as_str());
    let authenticated = house.doors.authenticate::<Admin>(&who).await.unwrap();
    let rung = with_its_token::by_hand::ring_as_admin(authenticated, with_its_token::Ring { times: 1 }).await.unwrap();
    assert_eq!(rung, br#""dong ""#);
}

#[tokio::test]
async fn a_driver_s_trait_is_the_trait_as_it_was_written() {
    use driver::{Light, One, by_hand, by_macro};
    assert_eq!(<One as by_macro::Lamps>::COUNT, <One as by_hand::Lamps>::COUNT);
    assert_eq!(by_macro::Lamps::burns(&One, "the one"), by_hand::Lamps::burns(&One, "the one"));
    let house = House::new().await;
    let who = Credentials::bearer(house.token.as_str());
    let authenticated = house.doors.authenticate::<Admin>(&who).await.unwrap();
    let audited = authenticated.audit(Light { lamp: "the one".to_owned() }).await.unwrap();
    let completed = audited
        .perform((), |token, ()| {
            Box::pin(async move {
                let both = (by_macro::Lamps::light(&One, token), by_hand::Lamps::light(&One, token));
                Ok::<_, std::convert::Infallible>(both)
            })
        })
        .await
        .unwrap();
    let (by_macro, by_hand): (String, String) = completed.value().unwrap();
    assert_eq!(by_macro, by_hand);
}
