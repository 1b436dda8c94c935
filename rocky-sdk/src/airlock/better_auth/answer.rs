//! What the server says of a cookie: whose session it is, or that it is nobody's.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    Rank,
    airlock::{Session, Unresolved},
};

/// A field of the session or of its user.
pub(super) struct Claim {
    part: String,
    field: String,
}

impl Claim {
    /// `user.` or `session.` and a field.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (part, field) = text.split_once('.')?;
        let good = matches!(part, "user" | "session") && !field.is_empty();
        good.then(|| Claim { part: part.to_owned(), field: field.to_owned() })
    }
}

/// A JSON object in which no key stands twice: of two values it would be neither.
struct Object<'a>(BTreeMap<String, &'a RawValue>);

/// The session that this answer speaks of, if it is one now.
pub(super) fn session(body: &[u8], tenant: &Claim, now: Timestamp) -> Result<Session, Unresolved> {
    let no_json = || Unresolved::Unavailable("its answer is not JSON".to_owned());
    let nobody = Unresolved::Stranger;
    // All of it, before any of it counts: half an answer is none.
    let text = std::str::from_utf8(body).map_err(|_| no_json())?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| no_json())?;

    let answer: Option<Object<'_>> = serde_json::from_str(text).map_err(|_| nobody("an answer that is no session"))?;
    let answer = answer.ok_or(nobody("no such session"))?;
    let session: Object<'_> = answer.get("session").ok_or(nobody("an answer without a session"))?;
    let user: Object<'_> = answer.get("user").ok_or(nobody("a session without a user"))?;

    let id: String = user.get("id").ok_or(nobody("a user without an id"))?;
    if session.get::<String>("userId").as_ref() != Some(&id) {
        return Err(nobody("another user's session"));
    }
    if session.date("expiresAt").is_none_or(|end| end <= now) {
        return Err(nobody("an expired session"));
    }
    if !matches!(session.raw("impersonatedBy"), None | Some("null")) {
        return Err(nobody("a session in somebody else's name"));
    }
    if is_banned(&user, now) {
        return Err(nobody("a banned user"));
    }
    let role = user.get::<String>("role").and_then(|roles| highest(&roles)).ok_or(nobody("no known role"))?;
    let part: Option<Object<'_>> = answer.get(&tenant.part);
    let tenant: Option<String> = part.and_then(|part| part.get(&tenant.field));
    let tenant = tenant.ok_or(nobody("a session without a tenant"))?;
    Session::new(id, tenant, role).map_err(|_| nobody("names that no event can hold"))
}

/// Whether it says so, or it cannot be told that it does not.
fn is_banned(user: &Object<'_>, now: Timestamp) -> bool {
    match user.raw("banned") {
        None | Some("null" | "false") => false,
        Some("true") => user.date("banExpires").is_none_or(|end| end >= now),
        Some(_) => true,
    }
}

/// Of `operator,observer`. What is not known gives nothing and takes nothing.
fn highest(roles: &str) -> Option<Rank> {
    let known = roles.split(',').filter_map(|role| match role.trim() {
        "admin" => Some(Rank::Admin),
        "operator" => Some(Rank::Operator),
        "observer" => Some(Rank::Observer),
        _ => None,
    });
    known.max()
}

impl<'a> Object<'a> {
    fn raw(&self, key: &str) -> Option<&'a str> {
        let value: &'a RawValue = self.0.get(key).copied()?;
        Some(value.get())
    }

    /// `None` where it is not there or something else.
    fn get<T: Deserialize<'a>>(&self, key: &str) -> Option<T> {
        serde_json::from_str(self.raw(key)?).ok()
    }

    fn date(&self, key: &str) -> Option<Timestamp> {
        self.get::<String>(key)?.parse().ok()
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Object<'de>, M::Error> {
                let mut found = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if found.insert(key, value).is_some() {
                        return Err(M::Error::custom("a key that stands twice"));
                    }
                }
                Ok(Object(found))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-05-01T12:00:00Z";

    fn read(body: &str, tenant: &str) -> Result<(String, String, Rank), Unresolved> {
        let session = session(body.as_bytes(), &Claim::parse(tenant).unwrap(), NOW.parse().unwrap())?;
        Ok((session.subject().to_owned(), session.tenant().to_owned(), session.role()))
    }

    /// What BetterAuth says of somebody who is let in, with one thing changed.
    fn with(from: &str, to: &str) -> String {
        let good = r#"{"session":{"expiresAt":"2026-05-08T12:00:00.000Z","token":"x","userId":"u1","id":"s1",
            "activeOrganizationId":"acme"},"user":{"name":"Ada","email":"ada@example.com","emailVerified":false,
            "role":"admin","banned":false,"banReason":null,"id":"u1","tenant":"umbrella"}}"#;
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    }

    fn nobody(body: &str) -> &'static str {
        match read(body, "user.id") {
            Err(Unresolved::Stranger(reason)) => reason,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_session_names_its_user_tenant_and_role() {
        let good = with("", "");
        for (claim, tenant) in [
            ("user.id", "u1"),
            ("user.tenant", "umbrella"),
            ("session.activeOrganizationId", "acme"),
            ("session.id", "s1"),
        ] {
            assert_eq!(read(&good, claim).unwrap(), ("u1".to_owned(), tenant.to_owned(), Rank::Admin));
        }
        for missing in ["user.org", "session.tenant", "user.emailVerified", "user.banReason"] {
            let reason = read(&good, missing).unwrap_err().to_string();
            assert!(reason.contains("a session without a tenant"), "{missing}: {reason}");
        }
        for bad in ["", "id", "user", "user.", "account.id", "User.id"] {
            assert!(Claim::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_highest_known_role_counts_and_unknown_ones_never_do() {
        for (roles, highest) in [
            ("admin", Some(Rank::Admin)),
            ("operator", Some(Rank::Operator)),
            ("observer", Some(Rank::Observer)),
            ("operator,observer", Some(Rank::Operator)),
            ("observer,admin", Some(Rank::Admin)),
            (" observer , operator ", Some(Rank::Operator)),
            ("owner,observer", Some(Rank::Observer)),
            ("", None),
            (",", None),
            ("user", None),
            ("Admin", None),
            ("administrator", None),
            ("admin;observer", None),
            ("admin operator", None),
            ("superadmin,root", None),
        ] {
            assert_eq!(super::highest(roles), highest, "{roles}");
            let read = read(&with(r#""role":"admin""#, &format!(r#""role":"{roles}""#)), "user.id");
            assert_eq!(read.ok().map(|(_, _, role)| role), highest, "{roles}");
        }
        for odd in ["null", "1", "true", r#"["admin"]"#, r#"{"admin":true}"#] {
            assert_eq!(nobody(&with(r#""role":"admin""#, &format!(r#""role":{odd}"#))), "no known role", "{odd}");
        }
        assert_eq!(nobody(&with(r#""role":"admin","#, "")), "no known role");
    }

    #[test]
    fn whoever_is_banned_or_may_be_is_nobody() {
        let banned = |value: &str| with(r#""banned":false"#, &format!(r#""banned":{value}"#));
        for free in ["false", "null", r#"true,"banExpires":"2026-05-01T11:59:59Z""#, r#"false,"banExpires":"x""#] {
            assert!(read(&banned(free), "user.id").is_ok(), "{free}");
        }
        assert!(read(&with(r#""banned":false,"#, ""), "user.id").is_ok());
        for not in [
            "true",
            r#"true,"banExpires":null"#,
            r#"true,"banExpires":"2026-05-01T12:00:00Z""#,
            r#"true,"banExpires":"yesterday""#,
            r#"true,"banExpires":"2026-04-01""#,
            r#"true,"banExpires":1"#,
            "1",
            "0",
            r#""false""#,
            r#""""#,
            "[]",
            "{}",
        ] {
            assert_eq!(nobody(&banned(not)), "a banned user", "{not}");
        }
    }

    #[test]
    fn a_session_that_is_over_or_not_ones_own_is_nobodys() {
        let ends = |date: &str| with(r#""2026-05-08T12:00:00.000Z""#, date);
        assert!(read(&ends(r#""2026-05-01T12:00:00.001Z""#), "user.id").is_ok());
        for over in
            [r#""2026-05-01T12:00:00Z""#, r#""2020-01-01T00:00:00Z""#, r#""soon""#, r#""""#, "1777636800000", "null"]
        {
            assert_eq!(nobody(&ends(over)), "an expired session", "{over}");
        }
        assert_eq!(nobody(&with(r#""expiresAt":"2026-05-08T12:00:00.000Z","#, "")), "an expired session");
        assert_eq!(nobody(&with(r#""userId":"u1""#, r#""userId":"u2""#)), "another user's session");
        assert_eq!(nobody(&with(r#""userId":"u1","#, "")), "another user's session");
        let acting = |by: &str| with(r#""id":"s1""#, &format!(r#""id":"s1","impersonatedBy":{by}"#));
        assert!(read(&acting("null"), "user.id").is_ok());
        for by in [r#""u9""#, r#""""#, "false", "0"] {
            assert_eq!(nobody(&acting(by)), "a session in somebody else's name", "{by}");
        }
    }

    #[test]
    fn json_that_is_no_session_is_nobodys() {
        for (body, reason) in [
            ("null", "no such session"),
            (" null\n", "no such session"),
            ("{}", "an answer without a session"),
            ("[]", "an answer that is no session"),
            ("true", "an answer that is no session"),
            ("\"null\"", "an answer that is no session"),
            ("0", "an answer that is no session"),
            (r#"{"message":"Too many requests."}"#, "an answer without a session"),
            (r#"{"session":{},"user":null}"#, "a session without a user"),
            (r#"{"session":null,"user":{"id":"u1"}}"#, "an answer without a session"),
            (r#"{"session":[],"user":{"id":"u1"}}"#, "an answer without a session"),
            (r#"{"session":{},"user":{}}"#, "a user without an id"),
            (r#"{"session":{"userId":1},"user":{"id":1}}"#, "a user without an id"),
        ] {
            assert_eq!(nobody(body), reason, "{body}");
        }
        let twice = [
            (r#""role":"admin""#, r#""role":"observer","role":"admin""#, "a session without a user"),
            (r#""banned":false"#, r#""banned":true,"banned":false"#, "a session without a user"),
            (r#""userId":"u1""#, r#""userId":"u2","userId":"u1""#, "an answer without a session"),
            (r#""user":{"#, r#""user":{},"user":{"#, "an answer that is no session"),
        ];
        for (from, to, reason) in twice {
            assert_eq!(nobody(&with(from, to)), reason, "{to}");
        }
        for (from, to) in [("u1", ""), ("u1", "a\\nb"), ("u1", &"x".repeat(129))] {
            let body = with("", "").replace(&format!("\"{from}\""), &format!("\"{to}\""));
            assert_eq!(nobody(&body), "names that no event can hold", "{to}");
        }
    }

    #[test]
    fn what_is_no_json_has_decided_about_nobody() {
        let (good, deep) = (with("", ""), "[".repeat(60_000));
        let half = &good[..good.len() - 1];
        let twice = format!("{good}{good}");
        for body in ["", " ", "nul", "<html><body>null</body></html>", "null null", "{", "[1,", &deep, half, &twice] {
            let read = read(body, "user.id");
            assert!(matches!(read, Err(Unresolved::Unavailable(_))), "{body}: {read:?}");
        }
        let mut bytes = good.replace("Ada", "A?a").into_bytes();
        let at = bytes.iter().position(|byte| *byte == b'?').unwrap();
        bytes[at] = 0xff;
        let read = session(&bytes, &Claim::parse("user.id").unwrap(), NOW.parse().unwrap());
        assert!(matches!(read, Err(Unresolved::Unavailable(_))), "{read:?}");
    }
}
