//! What the fixtures have in common: two actions, a driver behind a bolt, an error.

use rocky_sdk::{ActionError, Bolted, Entitled, Slug, tenant_action};

/// Gives a workspace a new key.
#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed", subject = slug)]
#[derive(Clone)]
pub struct Rotate {
    /// The workspace.
    pub slug: Slug,
}

/// Takes a workspace's key away.
#[tenant_action(role = operator, started = "keys.revocation_started", succeeded = "keys.revoked", failed = "keys.revocation_failed", subject = slug)]
#[derive(Clone)]
pub struct Revoke {
    /// The workspace.
    pub slug: Slug,
}

/// The key store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the key store is sealed")]
pub struct Sealed;

impl ActionError for Sealed {}

/// A driver: its methods take tokens.
#[derive(Debug)]
pub struct KeyStore;

impl KeyStore {
    /// Rotates.
    ///
    /// # Errors
    /// When the store is sealed.
    pub async fn rotate(&self, token: &Entitled<Rotate>) -> Result<String, Sealed> {
        Ok(token.action().slug.to_string())
    }

    /// Revokes.
    ///
    /// # Errors
    /// When the store is sealed.
    pub async fn revoke(&self, token: &Entitled<Revoke>) -> Result<String, Sealed> {
        Ok(token.action().slug.to_string())
    }
}

/// The driver behind its bolt: only a rotation opens it.
pub type Keys = Bolted<KeyStore, (Rotate,)>;
