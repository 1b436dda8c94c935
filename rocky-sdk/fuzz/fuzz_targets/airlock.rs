//! What strangers write to door 1 of a cloud build, and what the session server answers: `better_auth`'s own files,
//! which nothing public reaches, compiled into this program. The first byte of an input says which of the two it is.
//!
//! Nothing panics. Beyond that:
//!
//! 1. **Of the caller's headers one cookie is taken, or none.** (An input's lines are the `Cookie` headers.) It has one
//!    of the two names, no other has the same, it is as it came and could be no second cookie or header to the server.
//! 2. **Whoever is let in was named.** Another reader of the same answer finds this user and tenant, a role that the
//!    answer names with no higher one beside it, an end in the future, and no ban.
//! 3. **Nobody is accused of what is no answer, and no answer is lost:** what JSON is, says who it is or that it is
//!    nobody.
#![no_main]

#[path = "../../src/airlock/better_auth/answer.rs"]
mod answer;
#[path = "../../src/airlock/better_auth/cookie.rs"]
mod cookie;

use http::HeaderValue;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use rocky_sdk::{Rank, airlock};
use serde_json::Value;

use self::{
    airlock::{Session, Unresolved},
    answer::Claim,
    cookie::Names,
};

const NAMES: [&str; 2] = ["__Secure-s", "s"];
const TENANT: &str = "session.org";
const NOW: &str = "2026-05-01T12:00:00Z";

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'c', lines)) => takes_one_cookie(lines),
        Some((_, body)) => lets_nobody_in_by_mistake(body),
        None => {}
    }
});

fn takes_one_cookie(lines: &[u8]) {
    let headers: Vec<_> = lines.split(|byte| *byte == b'\n').flat_map(HeaderValue::from_bytes).collect();
    let chosen = Names::of("s").expect("it is a name").choose(&headers);
    let mut values: [Vec<&[u8]>; 2] = Default::default();
    for pair in headers.iter().flat_map(|header| header.as_bytes().split(|byte| *byte == b';')) {
        let pair = pair.trim_ascii();
        let Some(ends) = pair.iter().position(|byte| *byte == b'=') else { continue };
        if let Some(which) = NAMES.iter().position(|name| name.as_bytes() == &pair[..ends]) {
            values[which].push(&pair[ends + 1..]);
        }
    }
    let expected = match [values[0].as_slice(), values[1].as_slice()] {
        [[value], [] | [_]] => Some((NAMES[0], *value)),
        [[], [value]] => Some((NAMES[1], *value)),
        _ => None,
    };
    let sane = |value: &[u8]| {
        let odd = |byte: &u8| !(0x21..=0x7e).contains(byte) || matches!(byte, b'"' | b',' | b';' | b'\\');
        !value.is_empty() && value.len() <= 4096 && !value.iter().any(odd)
    };
    match (chosen, expected.filter(|(_, value)| sane(value))) {
        (Ok(chosen), Some((name, value))) => assert_eq!(chosen.as_bytes(), [name.as_bytes(), b"=", value].concat()),
        (Err(Unresolved::Stranger(_)), None) => {}
        (chosen, expected) => panic!("{chosen:?} is chosen, and not {expected:?}"),
    }
}

fn lets_nobody_in_by_mistake(body: &[u8]) {
    let now: Timestamp = NOW.parse().expect("it is a time");
    let tenant = Claim::parse(TENANT).expect("it is a claim");
    let read = answer::session(body, &tenant, now);
    // Another reader, which gives up on what is deep.
    let value = serde_json::from_slice::<Value>(body).ok();
    match (read, value) {
        (Ok(session), Some(value)) => was_named(&session, &value, now),
        (Err(Unresolved::Stranger(_)), _) | (Ok(_) | Err(Unresolved::Unavailable(_)), None) => {}
        (read, value) => panic!("{read:?}, of {value:?}"),
    }
}

fn was_named(session: &Session, value: &Value, now: Timestamp) {
    let user = &value["user"];
    assert_eq!(user["id"].as_str(), Some(session.subject()));
    assert_eq!(value["session"]["userId"].as_str(), Some(session.subject()));
    assert_eq!(value["session"]["org"].as_str(), Some(session.tenant()));
    assert!(value["session"]["impersonatedBy"].is_null());
    let date = |value: &Value| value.as_str().and_then(|date| date.parse::<Timestamp>().ok());
    assert!(date(&value["session"]["expiresAt"]).expect("it is a date") > now);
    match &user["banned"] {
        Value::Null | Value::Bool(false) => {}
        Value::Bool(true) => assert!(date(&user["banExpires"]).expect("it is a date") < now),
        other => panic!("banned: {other}"),
    }
    let roles = user["role"].as_str().expect("there is one");
    let named = |role: Rank| roles.split(',').any(|word| word.trim() == role.as_str());
    assert!(named(session.role()), "{roles}");
    for higher in [Rank::Operator, Rank::Admin] {
        assert!(session.role() >= higher || !named(higher), "{roles}");
    }
}
