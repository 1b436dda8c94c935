//! The fake Polar says what the real one says: without this the tests that ask it would show nothing.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use rocky_cloud_tests::fake_polar::{FakePolar, KeyForm, Trouble, secret};
use serde_json::{Value, json};
use sha2::Sha256;

struct Answer {
    status: u16,
    head: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    fn has(&self, line: &str) -> bool {
        self.head.lines().any(|known| known.eq_ignore_ascii_case(line))
    }
}

/// One request, with these lines in its head.
fn send(polar: &FakePolar, what: &str, lines: &[&str], body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(polar.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    write!(stream, "{what} HTTP/1.1\r\nhost: x\r\n{lines}content-length: {length}\r\nconnection: close\r\n\r\n{body}")?;
    let mut said = Vec::new();
    stream.read_to_end(&mut said)?;
    let said = String::from_utf8(said).unwrap();
    let (head, text) = said.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    if length.is_some_and(|length| length.parse() != Ok(text.len())) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer { status, head: head.to_owned(), text: text.to_owned() })
}

/// With the right token and version.
fn ask(polar: &FakePolar, what: &str) -> io::Result<Answer> {
    post(polar, what, "")
}

fn post(polar: &FakePolar, what: &str, body: &str) -> io::Result<Answer> {
    send(polar, what, &[&bearer(polar), "polar-version: 2026-10"], body)
}

fn bearer(polar: &FakePolar) -> String {
    format!("authorization: Bearer {}", polar.token())
}

fn state_of(id: &str) -> String {
    format!("GET /v1/customers/external/{id}/state")
}

#[test]
fn a_token_is_looked_at_before_anything_is_said() {
    let polar = FakePolar::start();
    polar.customer("acme");
    let acme = state_of("acme");
    let no_token = send(&polar, &acme, &[], "").unwrap();
    assert_eq!((no_token.status, no_token.json()["error"].as_str()), (401, Some("Unauthorized")));
    for wrong in ["authorization: Bearer polar_oat_wrong", "authorization: Bearer "] {
        let answer = send(&polar, &acme, &[wrong], "").unwrap();
        assert_eq!(answer.status, 401, "{wrong}");
    }
    let wrong = send(&polar, &acme, &["authorization: Bearer polar_oat_wrong"], "").unwrap();
    assert_eq!(wrong.json()["error"], "invalid_token");
    assert!(wrong.json()["error_description"].is_string());
    assert_eq!(ask(&polar, &acme).unwrap().status, 200);
    polar.revoke_scope("customers:read");
    let narrow = ask(&polar, &acme).unwrap();
    assert_eq!((narrow.status, narrow.json()["error"].as_str()), (403, Some("insufficient_scope")));
    let old = bearer(&polar);
    polar.revoke_token();
    assert_eq!(send(&polar, &acme, &[&old], "").unwrap().json()["error"], "invalid_token");
}

#[test]
fn a_version_is_echoed_and_an_unknown_one_is_not_found() {
    let polar = FakePolar::start();
    polar.customer("acme");
    let acme = state_of("acme");
    for version in ["2026-04", "2026-10"] {
        let line = format!("polar-version: {version}");
        let answer = send(&polar, &acme, &[&bearer(&polar), &line], "").unwrap();
        assert!(answer.status == 200 && answer.has(&line), "{}", answer.head);
    }
    let unknown = send(&polar, &acme, &[&bearer(&polar), "polar-version: 2019-01"], "").unwrap();
    assert_eq!((unknown.status, unknown.json()), (404, json!({ "detail": "Not Found" })));
    assert_eq!(ask(&polar, "GET /v1/customers/external//state").unwrap().json(), json!({ "detail": "Not Found" }));
    assert_eq!(ask(&polar, "DELETE /v1/customers/external/acme/state").unwrap().status, 405);
}

#[test]
fn an_id_is_decoded_once_and_is_one_segment() {
    let polar = FakePolar::start();
    for id in ["a/../b", "b", "a%2Fb", "a b", "..", "ä", "a?x=1", "a#b"] {
        polar.customer(id);
    }
    for (sent, is) in [
        ("a%2F..%2Fb", "a/../b"),
        ("a%252Fb", "a%2Fb"),
        ("a%20b", "a b"),
        ("..", ".."),
        ("%2e%2E", ".."),
        ("%C3%A4", "ä"),
        ("a%3Fx=1", "a?x=1"),
        ("a%23b", "a#b"),
    ] {
        let answer = ask(&polar, &state_of(sent)).unwrap();
        assert_eq!((answer.status, answer.json()["external_id"].as_str()), (200, Some(is)), "{sent}");
    }
    for (sent, status) in [("a/../b", 404), ("a+b", 404), ("a%2Fb", 404), ("a?x=1", 404), ("a%00", 404)] {
        assert_eq!(ask(&polar, &state_of(sent)).unwrap().status, status, "{sent}");
    }
}

#[test]
fn who_has_nothing_is_known_and_who_is_unknown_is_not_found() {
    let polar = FakePolar::start();
    let acme = polar.customer("acme");
    let unknown = ask(&polar, &state_of("globex")).unwrap();
    let not_found = json!({ "error": "ResourceNotFound", "detail": "Not found" });
    assert_eq!((unknown.status, unknown.json()), (404, not_found.clone()));
    let empty = ask(&polar, &state_of("acme")).unwrap();
    assert_eq!(empty.status, 200);
    for list in ["active_subscriptions", "granted_benefits", "active_meters"] {
        assert_eq!(empty.json()[list], json!([]), "{list}");
    }
    acme.benefit("team").subscription("business").cancels_at_period_end();
    let by_id = ask(&polar, &format!("GET /v1/customers/{}/state", acme.id())).unwrap().json();
    assert_eq!(by_id, acme.state());
    assert_eq!(by_id["granted_benefits"][0]["benefit_metadata"]["tier"], "team");
    let subscription = &by_id["active_subscriptions"][0];
    assert_eq!(subscription["status"], "active");
    assert!(subscription["ends_at"].is_string());
    let product = subscription["product_id"].as_str().unwrap();
    let product = ask(&polar, &format!("GET /v1/products/{product}")).unwrap().json();
    assert_eq!(product["metadata"]["tier"], "business");
    let listed = ask(&polar, "GET /v1/subscriptions/?external_customer_id=acme&active=true").unwrap().json();
    assert_eq!(listed["items"][0]["id"], subscription["id"]);
    assert_eq!(listed["items"][0]["customer"]["external_id"], "acme");
    let none = ask(&polar, "GET /v1/subscriptions/?external_customer_id=globex").unwrap().json();
    assert_eq!(none["items"], json!([]));

    acme.lapses().of_type_team();
    let lapsed = ask(&polar, &state_of("acme")).unwrap().json();
    assert_eq!((&lapsed["type"], &lapsed["email"]), (&json!("team"), &Value::Null));
    assert_eq!(lapsed["granted_benefits"], json!([]));
    polar.grows();
    assert_eq!(ask(&polar, &state_of("acme")).unwrap().json()["type"], "household");
    acme.deleted();
    assert_eq!(ask(&polar, &state_of("acme")).unwrap().json(), not_found);
}

#[test]
fn what_is_not_valid_is_422_and_what_is_made_is_201() {
    let polar = FakePolar::start();
    polar.customer("acme");
    let product = polar.product("team");
    let bad = ask(&polar, "GET /v1/products/team").unwrap();
    assert_eq!((bad.status, bad.json()["error"].as_str()), (422, Some("RequestValidationError")));
    assert_eq!(bad.json()["detail"][0]["type"], "uuid_parsing");
    for (path, body, status) in [
        ("/v1/checkouts/", json!({ "products": [product], "external_customer_id": "acme" }), 201),
        ("/v1/checkouts/", json!({ "external_customer_id": "acme" }), 422),
        ("/v1/checkouts/", json!({ "products": ["0f9a3c11-6a61-4c57-9d8e-5d1f6f1b7a10"] }), 422),
        ("/v1/customer-sessions/", json!({ "external_customer_id": "acme" }), 201),
        ("/v1/customer-sessions/", json!({ "external_customer_id": "globex" }), 422),
        ("/v1/customer-sessions/", json!({}), 422),
    ] {
        let answer = post(&polar, &format!("POST {path}"), &body.to_string()).unwrap();
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
        let made = answer.json();
        let link = made["url"].as_str().or(made["customer_portal_url"].as_str());
        assert_eq!(link.is_some(), status == 201, "{path} {body}: {made}");
    }
    assert_eq!(post(&polar, "POST /v1/checkouts/", "{").unwrap().status, 422);
}

#[test]
fn every_trouble_is_as_it_is_on_the_wire() {
    let polar = FakePolar::start();
    polar.customer("acme");
    let acme = state_of("acme");
    polar.next(Trouble::TooMany { retry_after: Some(3) });
    polar.next(Trouble::TooMany { retry_after: None });
    let (limited, bare) = (ask(&polar, &acme).unwrap(), ask(&polar, &acme).unwrap());
    assert!(limited.has("retry-after: 3") && !bare.head.contains("retry-after"), "{}{}", limited.head, bare.head);
    assert_eq!(
        [(limited.status, limited.text), (bare.status, bare.text)],
        [(429, String::new()), (429, String::new())]
    );
    polar.next(Trouble::Status(503));
    assert_eq!(ask(&polar, &acme).unwrap().status, 503);
    polar.next(Trouble::Invalid);
    assert_eq!(ask(&polar, &acme).unwrap().status, 422);
    polar.next(Trouble::NotJson);
    let page = ask(&polar, &acme).unwrap();
    assert_eq!((page.status, page.json()), (200, Value::Null));
    polar.next(Trouble::Drop);
    assert!(ask(&polar, &acme).is_err());
    polar.next(Trouble::CutOff);
    assert!(ask(&polar, &acme).is_err());
    polar.next(Trouble::Delay(Duration::from_millis(200)));
    let began = Instant::now();
    assert_eq!(ask(&polar, &acme).unwrap().status, 200);
    assert!(began.elapsed() >= Duration::from_millis(200));
    polar.always(Trouble::Status(500));
    polar.next(Trouble::Status(502));
    assert_eq!([502, 500, 500], [0; 3].map(|_| ask(&polar, &acme).unwrap().status));
    polar.recovers();
    assert_eq!(ask(&polar, &acme).unwrap().status, 200);
    let address = polar.address();
    drop(polar);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_log_has_every_request_and_no_token() {
    let polar = FakePolar::start();
    ask(&polar, "GET /v1/customers/external/a%2F..%2Fb/state?x=1").unwrap();
    polar.next(Trouble::Drop);
    assert!(ask(&polar, "GET /v1/nowhere").is_err());
    assert_eq!(polar.calls(), ["GET /v1/customers/external/a%2F..%2Fb/state?x=1", "GET /v1/nowhere"]);
    let asked = polar.asked();
    assert_eq!(asked[0].header("authorization"), Some("Bearer (not kept)"));
    assert_eq!(asked[0].header("polar-version"), Some("2026-10"));
    assert!(!format!("{asked:?}").contains(&polar.token()));
    assert_eq!(polar.forget().len(), 2);
    assert!(polar.calls().is_empty());
}

#[test]
fn a_webhook_is_sent_and_signed_with_the_key_in_either_form() {
    let polar = FakePolar::start();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    let secret = secret();
    let webhook = polar.customer("acme").benefit("team").state_changed(Timestamp::now());
    let event: Value = serde_json::from_str(&webhook.body).unwrap();
    assert_eq!((&event["type"], &event["data"]["external_id"]), (&json!("customer.state_changed"), &json!("acme")));
    let mut signatures = Vec::new();
    for (form, key) in [
        (KeyForm::Whole, secret.as_bytes().to_vec()),
        (KeyForm::Decoded, STANDARD.decode(&secret["whsec_".len()..]).unwrap()),
    ] {
        let sent = std::thread::spawn({
            let (webhook, secret) = (webhook.clone(), secret.clone());
            move || webhook.send(to, "/webhooks/polar", &secret, form)
        });
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(webhook.body.as_bytes()) {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "it ends before its body does");
            seen.extend_from_slice(&piece[..read]);
        }
        stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").unwrap();
        drop(stream);
        assert_eq!(sent.join().unwrap().unwrap(), 202);
        let seen = String::from_utf8(seen).unwrap();
        let header = |name: &str| seen.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let signed = format!("{}.{}.{}", header("webhook-id: "), header("webhook-timestamp: "), webhook.body);
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(signed.as_bytes());
        let signature = header("webhook-signature: v1,");
        mac.verify_slice(&STANDARD.decode(&signature).unwrap()).unwrap();
        signatures.push(signature);
    }
    assert_ne!(signatures[0], signatures[1]);
}
