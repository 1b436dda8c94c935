//! The outcome is durable: `Completed<A, T>`, and only then a success to answer with.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::Invariant;

/// An action that is done and recorded as done. It is the only success that a route behind the doors can return; its body
/// was rendered before the outcome was written.
#[must_use = "a completed action has an answer: return it, or read it"]
pub struct Completed<A, T> {
    body: Vec<u8>,
    replayed: bool,
    kind: Invariant<(A, T)>,
}

/// Called once the outcome is durable, and nowhere else.
pub(super) fn completed<A, T>(body: Vec<u8>, replayed: bool) -> Completed<A, T> {
    Completed { body, replayed, kind: PhantomData }
}

impl<A, T> Completed<A, T> {
    /// The rendered body, JSON.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.body
    }

    /// Whether this is the answer of an earlier call with the same idempotency key.
    #[must_use]
    pub fn replayed(&self) -> bool {
        self.replayed
    }

    /// What the action returned, read back from its rendered form.
    ///
    /// # Errors
    /// When `T` does not read what it wrote.
    pub fn value(&self) -> Result<T, serde_json::Error>
    where
        T: DeserializeOwned,
    {
        serde_json::from_slice(&self.body)
    }

    #[cfg(feature = "axum")]
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body
    }
}

impl<A, T> std::fmt::Debug for Completed<A, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Completed({} bytes)", self.body.len())
    }
}
