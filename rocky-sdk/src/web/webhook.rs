//! Webhooks: what another service says, believed once its signature holds.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, StatusCode},
};

use super::{payload, request::inbound};
use crate::{Denied, Doors, Refusal, ServiceKey, doors::Problem};

/// The largest body that is read, in bytes.
const BODY_BYTES: usize = 1 << 20;

/// Says whether a webhook is from whom it says. It sees the body as it came, before anything is made of it.
///
/// One for a sender who shows a token:
/// ```
/// use axum::http::HeaderMap;
/// use rocky_sdk::web::{NotVerified, Verifier};
/// use sha2::{Digest, Sha256};
///
/// /// The token's digest. Digests are compared: how long it takes says nothing of the token.
/// struct Shown([u8; 32]);
///
/// impl Verifier for Shown {
///     fn verify(&self, headers: &HeaderMap, _body: &[u8]) -> Result<(), NotVerified> {
///         let token = headers.get("x-token").ok_or(NotVerified("no token"))?;
///         let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
///         if digest == self.0 { Ok(()) } else { Err(NotVerified("wrong token")) }
///     }
/// }
///
/// let sender = Shown(Sha256::digest("hush").into());
/// assert_eq!(sender.verify(&HeaderMap::new(), b"{}"), Err(NotVerified("no token")));
/// ```
pub trait Verifier: Send + Sync + 'static {
    /// Says whether the sender is who it should be.
    ///
    /// # Errors
    /// [`NotVerified`]: 403 `denied`, and `auth.denied`.
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), NotVerified>;
}

/// The sender is a stranger, for this reason. It is recorded, and the sender does not see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotVerified(pub &'static str);

/// A webhook whose sender is known: its body, and the key of the service that it is for. Whatever it asks for is done through
/// the doors, with [`Doors::authenticate_service`].
#[must_use = "a webhook that nobody looks at changes nothing"]
pub struct Verified {
    body: Bytes,
    doors: Doors,
    key: Arc<ServiceKey>,
}

/// The webhook could not be dealt with, for this reason, which is logged: 503 `not-yet`, so that its sender sends it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Redeliver(pub String);

impl Verified {
    /// The body, as it was signed.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The doors that the webhook was mounted in front of.
    #[must_use]
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// The key that it was mounted with.
    pub fn key(&self) -> &ServiceKey {
        &self.key
    }
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verified({} bytes for {})", self.body.len(), self.key.actor())
    }
}

impl From<Denied> for Redeliver {
    fn from(denied: Denied) -> Self {
        Redeliver(denied.to_string())
    }
}

impl<E> From<Refusal<E>> for Redeliver {
    fn from(refusal: Refusal<E>) -> Self {
        Redeliver(refusal.to_string())
    }
}

/// A mounted webhook.
pub(super) struct Hook {
    pub(super) doors: Doors,
    pub(super) verifier: Box<dyn Verifier>,
    pub(super) key: Arc<ServiceKey>,
}

impl Hook {
    /// What came, once its sender is known.
    pub(super) async fn verified<S: Send + Sync>(&self, request: Request, state: &S) -> Result<Verified, Denied> {
        let (mut parts, body) = request.into_parts();
        let inbound = inbound(&mut parts, state).await;
        let headers = parts.headers.clone();
        let body = payload::body(Request::from_parts(parts, body), state, BODY_BYTES).await?;
        match self.verifier.verify(&headers, &body) {
            Ok(()) => Ok(Verified { body, doors: self.doors.clone(), key: Arc::clone(&self.key) }),
            Err(NotVerified(reason)) => Err(self.doors.deny(None, &inbound, reason).await),
        }
    }

    /// The handler's work, in a task of its own: a sender who hangs up does not cut it short.
    pub(super) async fn handled(
        &self,
        work: impl Future<Output = Result<(), Redeliver>> + Send + 'static,
    ) -> Result<StatusCode, Denied> {
        match self.doors.run(work).await {
            Some(Ok(())) => return Ok(StatusCode::NO_CONTENT),
            Some(Err(Redeliver(why))) => tracing::warn!(why, "a webhook is to be sent again"),
            None => tracing::error!("a webhook's handler ended without an answer"),
        }
        Err(Problem::new(503, "not-yet", "This could not be dealt with now: send it again.").denied())
    }
}
