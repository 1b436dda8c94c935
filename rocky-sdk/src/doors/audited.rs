//! Door 2 passed: `Audited<A>`.

use std::{marker::PhantomData, time::Instant};

use super::{
    Act, ActionError, Answer, Body, Completed, Entitled, Invariant, Refusal,
    open_action::{self, OpenAction},
    perform,
};
use crate::{Action, BoxFuture};

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

/// Called once the started event is durable, or was under the same idempotency key, and nowhere else.
pub(super) fn audited<A>(stage: Stage<A>) -> Audited<A> {
    Audited { stage, kind: PhantomData }
}

impl<A> Audited<A> {
    /// Door 3, then the action, then its outcome: when this returns `Ok`, the outcome is durable.
    ///
    /// The action runs in a task of its own, which owns `context` and the token and lends both: a caller who hangs up
    /// does not cut it short. A panic becomes the failed outcome.
    ///
    /// # Errors
    /// A [`Refusal`] that says which door, or what failed behind it; see the README's table.
    pub fn perform<C, T, E>(
        self,
        context: C,
        act: impl for<'t> FnOnce(&'t Entitled<A>, &'t C) -> Act<'t, T, E> + Send + 'static,
    ) -> BoxFuture<'static, Result<Completed<A, T>, Refusal<E>>>
    where
        A: Action,
        C: Send + Sync + 'static,
        T: Body,
        E: ActionError,
    {
        Box::pin(async move {
            let (action, open, deadline) = match self.stage {
                Stage::Fresh { action, open, deadline } => (action, open, deadline),
                Stage::Answered(answer) => return perform::again(answer),
            };
            let doors = open.doors.clone();
            let done = doors.run(perform::supervise(action, *open, deadline, context, act)).await;
            done.unwrap_or_else(|| Err(open_action::outcome_unrecorded().refusal()))
        })
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
