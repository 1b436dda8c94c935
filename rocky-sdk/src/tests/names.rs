//! What an action may call itself, and what of it is written down.

use super::house::House;
use crate::{Action, Admin, Bolted, Credentials, EventName, OnFailure, tenant_action};

/// A struct that claims HEARTH's events.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Impostor {}

impl Action for Impostor {
    type Role = Admin;
    const NAME: &'static str = "provision";
    const STARTED: EventName = EventName::new("hearth.provisioning_started");
    const SUCCEEDED: EventName = EventName::new("hearth.provisioned");
    const ON_FAILURE: OnFailure = OnFailure::Record(EventName::new("hearth.failed"));
}

#[tokio::test]
async fn a_struct_that_claims_another_actions_events_is_refused() {
    let house = House::new().await;
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let denied = authenticated.audit(Impostor {}).await.unwrap_err();
    assert_eq!((denied.status(), denied.code()), (500, "event-name-taken"));
    assert!(denied.detail().contains("Provision"), "{denied}");
    assert!(house.events().is_empty());
    assert!(Bolted::<(), (Impostor,)>::new(&house.doors, ()).is_err());
}

#[tenant_action(role = admin, started = "vault.sealing_started", succeeded = "vault.sealed", failed = "vault.failed")]
struct Seal {
    reason: String,
    #[audit(redact)]
    passphrase: String,
}

#[tokio::test]
async fn a_redacted_field_reaches_the_driver_and_nothing_that_is_written() {
    let house = House::new().await;
    let seal = Seal { reason: "night".to_owned(), passphrase: "hunter2".to_owned() };
    assert!(!format!("{seal:?}").contains("hunter2"));
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(seal).await.unwrap();
    let completed = audited.perform((), |token, ()| {
        Box::pin(async move { Ok::<_, std::convert::Infallible>(token.action().passphrase.len()) })
    });
    assert_eq!(completed.await.unwrap().value().unwrap(), 7);
    assert_eq!(house.events()[0].data.get(), r#"{"reason":"night","passphrase":"[redacted]"}"#);
    let file = std::fs::read_to_string(house.home.join("hatch/00000001.jsonl")).unwrap();
    assert!(!file.contains("hunter2"));
}

#[test]
fn a_name_is_the_struct_in_kebab_case() {
    assert_eq!((Seal::NAME, crate::hearth::Decommission::NAME), ("seal", "decommission"));
}

#[tokio::test]
async fn an_action_that_is_too_large_for_its_event_does_not_start() {
    let house = House::new().await;
    let seal = Seal { reason: "\u{1}".repeat(40_000), passphrase: String::new() };
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let denied = authenticated.audit(seal).await.unwrap_err();
    assert_eq!((denied.status(), denied.code()), (413, "too-large"));
    assert!(house.events().is_empty());
}

#[tokio::test]
async fn the_longest_names_and_errors_still_make_an_outcome_that_fits_its_place() {
    let house = House::new().await;
    #[derive(Debug, thiserror::Error)]
    #[error("{}", "\u{1}".repeat(100_000))]
    struct Verbose;
    impl crate::ActionError for Verbose {
        fn code(&self) -> &'static str {
            static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "x".repeat(10_000));
            LONG.as_str()
        }
    }
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(Seal { reason: "x".to_owned(), passphrase: String::new() }).await.unwrap();
    let refusal = audited.perform((), |_, ()| Box::pin(async { Err::<(), _>(Verbose) })).await.unwrap_err();
    assert_eq!(refusal.status(), 502);
    let line = house.events().pop().unwrap();
    assert_eq!(line.kind, "vault.failed");
    assert!(line.data.get().len() < 2000);
}

/// An action whose failure would be written as another's success.
#[tenant_action(role = observer, started = "pranks.started", succeeded = "pranks.done", failed = "hearth.decommissioned")]
struct Prank {}

/// An action that fails as it succeeds: the attribute does not take it, so it is written by hand.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Boast {}

impl Action for Boast {
    type Role = crate::Observer;
    const NAME: &'static str = "boast";
    const STARTED: EventName = EventName::new("boasts.started");
    const SUCCEEDED: EventName = EventName::new("boasts.done");
    const ON_FAILURE: OnFailure = OnFailure::Record(EventName::new("boasts.done"));
}

#[tokio::test]
async fn a_failure_is_nobodys_success() {
    let house = House::new().await;
    assert!(Bolted::<(), (Prank,)>::new(&house.doors, ()).is_err());
    let denied = |authenticated: crate::Authenticated<crate::Observer>| async move {
        authenticated.audit(Boast {}).await.unwrap_err().code().to_owned()
    };
    let authenticated = house.doors.authenticate(&Credentials::bearer("oona")).await.unwrap();
    assert_eq!(denied(authenticated).await, "event-name-taken");
    assert!(house.events().is_empty());
}

/// An action that carries JSON as it came.
#[tenant_action(role = admin, started = "notes.started", succeeded = "notes.kept", failed = "notes.failed")]
struct Note {
    as_it_came: Box<serde_json::value::RawValue>,
}

#[tokio::test]
async fn an_event_is_one_line_whatever_the_action_holds() {
    let house = House::new().await;
    let as_it_came = serde_json::from_str("{\"a\":\n 1,\r\n \"b\": [\n]}").unwrap();
    let authenticated = house.doors.authenticate::<Admin>(&Credentials::bearer("ada")).await.unwrap();
    let audited = authenticated.audit(Note { as_it_came }).await.unwrap();
    let kept = audited.perform((), |_, ()| Box::pin(async { Ok::<_, std::convert::Infallible>(()) })).await;
    assert!(kept.is_ok());
    assert_eq!(house.story(0), ["notes.started", "notes.kept succeeded"]);
    assert_eq!(house.events()[0].data.get(), r#"{"as_it_came":{"a":1,"b":[]}}"#);
}

/// What a trace of one action holds: a span for each door that it went through.
#[tokio::test]
async fn each_door_has_its_span() {
    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let spans = tracing_subscriber::fmt().with_span_events(tracing_subscriber::fmt::format::FmtSpan::NEW);
    let spans = spans.with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(spans);
    let house = House::new().await;
    // A span that another test's thread meets first may be set down as nobody's: with all of them known, that is put right.
    house.send(super::house::provision("before", "team")).await;
    tracing::callsite::rebuild_interest_cache();
    lines.0.lock().unwrap().clear();
    house.send(super::house::provision("acme", "team").header("x-request-id", "r-1")).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for span in [
        "request{method=POST path=\"/w\" requestid=\"r-1\"}",
        "airlock{role=\"admin\"}",
        "hatch{action=\"provision\"}",
        "polar{tier=\"team\"}",
        "action{action=\"provision\"",
    ] {
        assert!(text.contains(span), "no {span} in {text}");
    }
}
