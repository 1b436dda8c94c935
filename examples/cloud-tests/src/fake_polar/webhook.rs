//! Webhooks, as standard-webhooks has them.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::{Customer, FakePolar};

/// How long one delivery may take, as Polar has it.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a secret is a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// The UTF-8 bytes of the whole secret: of those made before 2026-09-08.
    Whole,
    /// What stands behind `whsec_`, decoded from base64.
    Decoded,
}

/// A delivery, made and not sent. Sending it twice, late, or after the one that was made later is the test's to do.
///
/// ```
/// use jiff::{SignedDuration, Timestamp};
/// use rocky_cloud_tests::fake_polar::{FakePolar, KeyForm, Webhook, secret};
///
/// let polar = FakePolar::start();
/// let now = Timestamp::now();
/// let fresh = polar.customer("acme").state_changed(now);
/// let stale = polar.customer("acme").state_changed(now - SignedDuration::from_mins(6));
/// assert_ne!(fresh.headers(&secret(), KeyForm::Decoded), stale.headers(&secret(), KeyForm::Decoded));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `webhook-id`: the same in each attempt.
    pub id: String,
    /// `webhook-timestamp`, in Unix seconds.
    pub timestamp: i64,
    /// The body, as it is signed and sent.
    pub body: String,
}

/// A webhook secret, which is a key in either form.
#[must_use]
pub fn secret() -> String {
    format!("whsec_{}", STANDARD.encode([*Uuid::now_v7().as_bytes(), *Uuid::now_v7().as_bytes()].concat()))
}

impl FakePolar {
    /// An event of this name about anything.
    #[must_use]
    pub fn event(&self, kind: &str, data: &Value, at: Timestamp) -> Webhook {
        let body = json!({ "type": kind, "timestamp": at.to_string(), "data": data });
        Webhook { id: format!("msg_{}", Uuid::now_v7().simple()), timestamp: at.as_second(), body: body.to_string() }
    }
}

impl Customer<'_> {
    /// `customer.state_changed`, with the state as it is now: changed again, this one is an old one.
    #[must_use]
    pub fn state_changed(&self, at: Timestamp) -> Webhook {
        self.polar.event("customer.state_changed", &self.state(), at)
    }

    /// `customer.deleted`; the customer itself stays as it is.
    #[must_use]
    pub fn told_deleted(&self, at: Timestamp) -> Webhook {
        let mut data = self.state();
        data["deleted_at"] = at.to_string().into();
        self.polar.event("customer.deleted", &data, at)
    }

    /// `benefit_grant.created`, `.updated` or `.revoked`, or a subscription's event: they name the customer inside.
    #[must_use]
    pub fn told(&self, kind: &str, at: Timestamp) -> Webhook {
        let data = json!({ "id": Uuid::now_v7(), "customer_id": self.id(), "customer": self.state() });
        self.polar.event(kind, &data, at)
    }
}

impl Webhook {
    /// Its three headers.
    #[must_use]
    pub fn headers(&self, secret: &str, form: KeyForm) -> [(&'static str, String); 3] {
        let key = match form {
            KeyForm::Whole => secret.as_bytes().to_vec(),
            KeyForm::Decoded => STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap(),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.body).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        [
            ("webhook-id", self.id.clone()),
            ("webhook-timestamp", self.timestamp.to_string()),
            ("webhook-signature", signature),
        ]
    }

    /// Sends it, signed, and gives the answer's status. It blocks: from async code inside `spawn_blocking`.
    ///
    /// # Errors
    /// When nobody answers within 10 s.
    pub fn send(&self, to: SocketAddr, path: &str, secret: &str, form: KeyForm) -> io::Result<u16> {
        self.send_with(to, path, &self.headers(secret, form))
    }

    /// Sends it under these headers.
    ///
    /// # Errors
    /// As [`Webhook::send`].
    pub fn send_with(&self, to: SocketAddr, path: &str, headers: &[(&str, String)]) -> io::Result<u16> {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = self.body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: {to}\r\nuser-agent: polar.sh webhooks\r\ncontent-type: application/json\r\n\
             {headers}content-length: {length}\r\nconnection: close\r\n\r\n{}",
            self.body
        )?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said)?;
        let status = String::from_utf8_lossy(&said).split(' ').nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}
