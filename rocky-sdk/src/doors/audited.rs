//! Door 2 passed: `Audited<A>`.

use std::{marker::PhantomData, time::Instant};

use super::{Answer, Invariant, open_action::OpenAction};

/// An action whose started event is durable. It can be performed once; dropped, it is recorded as abandoned.
#[must_use = "an audited action that is dropped is recorded as abandoned: perform it"]
pub struct Audited<A> {
    pub(super) stage: Stage<A>,
    kind: Invariant<A>,
}

pub(super) enum Stage<A> {
    /// Started now.
    Fresh { action: A, open: Box<OpenAction>, deadline: Instant },
    /// Done before under the same idempotency key, and answered so.
    Answered(Answer),
}

impl<A> Audited<A> {
    pub(super) fn new(stage: Stage<A>) -> Self {
        Audited { stage, kind: PhantomData }
    }
}

impl<A> std::fmt::Debug for Audited<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.stage {
            Stage::Fresh { .. } => "Audited(..)",
            Stage::Answered(_) => "Audited(answered before)",
        })
    }
}
