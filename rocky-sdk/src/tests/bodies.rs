//! Bodies, slugs and tiers that are none: a clear 4xx, and nothing in the journal.

use super::house::{Ask, House, ask, provision, upgrade};

#[tokio::test]
async fn what_is_no_action_starts_nothing() {
    let house = House::new().await;
    house.made("taken", "solo").await;
    let before = house.events().len();
    let post = |body: &str| ask("POST", "/w").json(body);
    let long = format!(r#"{{"slug":"{}","tier":"solo"}}"#, "a".repeat(64));
    let huge = format!(r#"{{"slug":"a","tier":"solo","x":"{}"}}"#, "x".repeat(70_000));
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let bare = || ask("POST", "/w");
    let not_utf8 = Ask {
        body: b"{\"slug\":\"\xff\",\"tier\":\"solo\"}".to_vec(),
        ..bare().header("content-type", "application/json")
    };
    let text = Ask { body: b"slug=a".to_vec(), ..bare().header("content-type", "application/x-www-form-urlencoded") };
    let unlabelled = Ask { body: b"{}".to_vec(), ..bare() };
    let cases = [
        (bare(), 422, "invalid"),
        (post(""), 422, "invalid"),
        (post("{"), 400, "malformed"),
        (post("not json"), 400, "malformed"),
        (post(r#"{"slug":"a","tier":"solo"} {}"#), 400, "malformed"),
        (post(&deep), 422, "invalid"),
        (not_utf8, 400, "malformed"),
        (text, 415, "not-json"),
        (unlabelled, 415, "not-json"),
        (post(&huge), 413, "too-large"),
        (post("{}"), 422, "invalid"),
        (post("[]"), 422, "invalid"),
        (post("null"), 422, "invalid"),
        (post(r#"{"slug":"a"}"#), 422, "invalid"),
        (post(r#"{"slug":"a","tier":"solo","role":"admin"}"#), 422, "invalid"),
        (post(r#"{"slug":"a","slug":"b","tier":"solo"}"#), 422, "invalid"),
        (post(r#"{"slug":1,"tier":"solo"}"#), 422, "invalid"),
        (provision("../x", "solo"), 422, "invalid"),
        (provision("A", "solo"), 422, "invalid"),
        (provision("-a", "solo"), 422, "invalid"),
        (provision("", "solo"), 422, "invalid"),
        (post(&long), 422, "invalid"),
        (provision("a", "platinum"), 422, "invalid"),
        (provision("a", ""), 422, "invalid"),
        (upgrade("taken", "platinum"), 422, "invalid"),
        (upgrade("%2e%2e%2fx", "team"), 422, "invalid"),
        (upgrade("%ff", "team"), 400, "malformed-path"),
        (ask("POST", "/w/taken/upgrade").json(r#"{"slug":"other","tier":"team"}"#), 400, "said-twice"),
        (ask("GET", "/w/-a"), 422, "invalid"),
        (ask("GET", "/w/%ff"), 400, "malformed-path"),
        (ask("GET", "/nowhere"), 404, "not-found"),
        (ask("PUT", "/w"), 405, "method-not-allowed"),
    ];
    for (ask, status, code) in cases {
        let body = String::from_utf8_lossy(&ask.body[..ask.body.len().min(60)]).into_owned();
        let answer = house.send(ask).await;
        assert_eq!(answer.is(), (status, code.to_owned()), "{body}: {}", answer.text);
        assert!(answer.headers.contains_key("x-request-id"), "{body}");
        assert!(!answer.json()["detail"].as_str().unwrap().is_empty(), "{body}");
    }
    assert_eq!(house.events().len(), before);
    assert_eq!(house.script.calls(), 1);
}

#[tokio::test]
async fn the_body_of_a_stranger_is_not_read() {
    let house = House::new().await;
    let answer = house.send(ask("POST", "/w").json("not json").by(None)).await;
    assert_eq!(answer.is(), (403, "denied".to_owned()));
}
