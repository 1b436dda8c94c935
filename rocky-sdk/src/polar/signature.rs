//! Whether a webhook is Polar's: its signature, over what was sent and when, as standard-webhooks says.

use std::sync::Arc;

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;

use super::NotPolarOptions;
use crate::{
    Clock, SystemClock,
    web::{NotVerified, Verifier},
};

/// How far the time of a webhook may be from now, in seconds.
const TOLERANCE: u64 = 5 * 60;
/// A shorter key could be guessed, in bytes.
const SHORTEST: usize = 16;

/// Polar's webhooks, known by their signature. For [`DoorRouter::webhook`](crate::web::DoorRouter::webhook).
///
/// A secret of before September 2026 signs as it is written, a later one as what it encodes: both are tried. A webhook that comes
/// again, or late within its five minutes, is verified again: what is done with it must bear that.
///
/// ```
/// use rocky_sdk::{SystemClock, polar::Webhooks, web::Verifier};
///
/// let webhooks = Webhooks::new("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")?.clock(SystemClock);
/// let refused = webhooks.verify(&axum::http::HeaderMap::new(), b"{}").unwrap_err();
/// assert_eq!(refused.to_string(), "a webhook without its three headers");
/// assert_eq!(format!("{webhooks:?}"), "Webhooks(..)");
/// # Ok::<(), rocky_sdk::polar::NotPolarOptions>(())
/// ```
pub struct Webhooks {
    /// Ready to sign: the secret itself is not kept.
    keys: Vec<Hmac<Sha256>>,
    clock: Arc<dyn Clock>,
}

impl Webhooks {
    /// With the endpoint's secret, as Polar showed it.
    ///
    /// # Errors
    /// [`NotPolarOptions`] for a secret of less than 16 characters, or with others than visible ASCII.
    pub fn new(secret: &str) -> Result<Self, NotPolarOptions> {
        let refused = || {
            NotPolarOptions(
                "Polar's webhook secret, as in whsec_.., has at least 16 characters, all visible ASCII".to_owned(),
            )
        };
        if secret.len() < SHORTEST || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused());
        }
        let encoded = secret.strip_prefix("whsec_").map(|encoded| encoded.trim_end_matches('='));
        let decoded = encoded.and_then(|encoded| BASE64_STANDARD_NO_PAD.decode(encoded).ok());
        let decoded = decoded.filter(|key| key.len() >= SHORTEST);
        let keys = [Some(secret.as_bytes().to_vec()), decoded].into_iter().flatten();
        let keys =
            keys.map(|key| Hmac::<Sha256>::new_from_slice(&key).map_err(|_| refused())).collect::<Result<_, _>>()?;
        Ok(Webhooks { keys, clock: Arc::new(SystemClock) })
    }

    /// With another clock than the system's.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        Webhooks { clock: Arc::new(clock), ..self }
    }
}

impl Verifier for Webhooks {
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), NotVerified> {
        let shown =
            (only(headers, "webhook-id"), only(headers, "webhook-timestamp"), only(headers, "webhook-signature"));
        let (Some(id), Some(sent_at), Some(signatures)) = shown else {
            return Err(NotVerified("a webhook without its three headers"));
        };
        let now = self.clock.now().as_second();
        if !sent_at.parse().is_ok_and(|sent_at: i64| now.abs_diff(sent_at) <= TOLERANCE) {
            return Err(NotVerified("a webhook of another time"));
        }
        for key in &self.keys {
            let signed = [id.as_bytes(), b".", sent_at.as_bytes(), b".", body];
            let signed = signed.into_iter().fold(key.clone(), |signed, part| signed.chain_update(part));
            for signature in signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,")) {
                // Compared in constant time.
                if BASE64_STANDARD.decode(signature).is_ok_and(|mac| signed.clone().verify_slice(&mac).is_ok()) {
                    return Ok(());
                }
            }
        }
        Err(NotVerified("a webhook whose signature does not hold"))
    }
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhooks(..)")
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (only, None) = (values.next()?, values.next()) else { return None };
    only.to_str().ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
    const OLD: &str = "polar_whs_0123456789abcdef";
    const BODY: &[u8] = br#"{"type":"customer.state_changed","data":{"external_id":"acme"}}"#;

    #[derive(Debug)]
    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_second(NOW).unwrap()
        }
    }

    fn new() -> String {
        format!("whsec_{}", BASE64_STANDARD.encode(KEY))
    }

    fn sign(key: &[u8], id: &str, sent_at: &str, body: &[u8]) -> String {
        let signed =
            Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(format!("{id}.{sent_at}.")).chain_update(body);
        format!("v1,{}", BASE64_STANDARD.encode(signed.finalize().into_bytes()))
    }

    fn headers(shown: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in shown {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    /// What a webhook of these parts is told.
    fn verify(secret: &str, sent_at: &str, signature: &str, body: &[u8]) -> Result<(), NotVerified> {
        let shown = [("webhook-id", "msg_1"), ("webhook-timestamp", sent_at), ("webhook-signature", signature)];
        Webhooks::new(secret).unwrap().clock(Stopped).verify(&headers(&shown), body)
    }

    #[test]
    fn both_forms_of_a_key_hold_and_no_other() {
        let (now, new) = (NOW.to_string(), new());
        for (secret, key, holds) in [
            (new.as_str(), KEY, true),
            (new.as_str(), new.as_bytes(), true),
            (new.trim_end_matches('='), KEY, true),
            (OLD, OLD.as_bytes(), true),
            ("whsec_not-base64-at-all", b"whsec_not-base64-at-all", true),
            (new.as_str(), &new.as_bytes()[6..], false),
            (OLD, &OLD.as_bytes()[10..], false),
            (OLD, b"", false),
            ("whsec_AAAAAAAAAAAAAA", b"", false),
            // What it encodes is too short to be a key.
            ("whsec_AAAAAAAAAAAAAA==", &[0; 10], false),
            (OLD, KEY, false),
        ] {
            let signature = sign(key, "msg_1", &now, BODY);
            assert_eq!(verify(secret, &now, &signature, BODY).is_ok(), holds, "{secret} with {key:?}");
        }
    }

    #[test]
    fn a_signature_is_over_the_id_the_time_and_every_byte() {
        let now = NOW.to_string();
        let good = sign(OLD.as_bytes(), "msg_1", &now, BODY);
        assert_eq!(verify(OLD, &now, &good, BODY), Ok(()));
        // A replay is verified again: what is done with it bears that.
        assert_eq!(verify(OLD, &now, &good, BODY), Ok(()));
        let later = (NOW + 1).to_string();
        assert!(verify(OLD, &later, &good, BODY).is_err());
        assert!(verify(OLD, &now, &good, &BODY[1..]).is_err());
        assert!(verify(OLD, &now, &good, &[BODY, b" "].concat()).is_err());
        assert!(verify(OLD, &now, &good, b"").is_err());
        assert!(verify(OLD, &now, &sign(OLD.as_bytes(), "msg_2", &now, BODY), BODY).is_err());
        assert_eq!(verify(OLD, &now, &sign(OLD.as_bytes(), "msg_1", &now, b""), b""), Ok(()));
    }

    #[test]
    fn a_time_counts_for_five_minutes_both_ways() {
        for (at, holds) in [(0, true), (300, true), (-300, true), (301, false), (-301, false), (-NOW, false)] {
            let sent_at = (NOW + at).to_string();
            let signature = sign(OLD.as_bytes(), "msg_1", &sent_at, BODY);
            assert_eq!(verify(OLD, &sent_at, &signature, BODY).is_ok(), holds, "{at}");
        }
        for sent_at in ["soon", "1.8e9", "1800000000.0", "9223372036854775808", "-9223372036854775808", "0x6b49d200"] {
            let signature = sign(OLD.as_bytes(), "msg_1", sent_at, BODY);
            assert!(verify(OLD, sent_at, &signature, BODY).is_err(), "{sent_at}");
        }
    }

    #[test]
    fn one_good_signature_in_a_list_is_enough() {
        let now = NOW.to_string();
        let (good, bad) = (sign(OLD.as_bytes(), "msg_1", &now, BODY), sign(KEY, "msg_1", &now, BODY));
        let bare = good.strip_prefix("v1,").unwrap();
        for (list, holds) in [
            (good.clone(), true),
            (format!("{bad} {good}"), true),
            (format!("v1a,{bare} v1,!!! v2 {good}"), true),
            (format!("{bad} {bad}"), false),
            (format!("v1a,{bare}"), false),
            (format!("v2,{bare}"), false),
            (bare.to_owned(), false),
            (format!("v1,{bare},{bare}"), false),
            (good[..good.len() - 4].to_owned(), false),
            ("v1,".to_owned(), false),
            ("v1".to_owned(), false),
            (",".to_owned(), false),
        ] {
            assert_eq!(verify(OLD, &now, &list, BODY).is_ok(), holds, "{list}");
        }
    }

    #[test]
    fn each_header_is_there_once() {
        let now = NOW.to_string();
        let good = sign(OLD.as_bytes(), "msg_1", &now, BODY);
        let whole =
            [("webhook-id", "msg_1"), ("webhook-timestamp", now.as_str()), ("webhook-signature", good.as_str())];
        let webhooks = Webhooks::new(OLD).unwrap().clock(Stopped);
        assert_eq!(webhooks.verify(&headers(&whole), BODY), Ok(()));
        for at in 0..whole.len() {
            let mut fewer = whole.to_vec();
            let one = fewer.remove(at);
            let more = [whole.as_slice(), &[one]].concat();
            let empty = [fewer.as_slice(), &[(one.0, "")]].concat();
            for shown in [fewer, more, empty] {
                assert!(webhooks.verify(&headers(&shown), BODY).is_err(), "{shown:?}");
            }
        }
    }

    #[test]
    fn a_secret_that_could_be_guessed_is_none_and_no_secret_is_told() {
        for bad in ["", "short", "whsec_", "whsec_AAAA", "0123456789 abcdef", "0123456789abcdef\n", "0123456789äbcdef"]
        {
            let refused = Webhooks::new(bad).unwrap_err().to_string();
            let says_nothing = ["", "whsec_"].contains(&bad);
            assert!(says_nothing || !refused.contains(bad), "{bad}: {refused}");
        }
        assert_eq!(format!("{:?}", Webhooks::new(OLD).unwrap()), "Webhooks(..)");
    }
}
