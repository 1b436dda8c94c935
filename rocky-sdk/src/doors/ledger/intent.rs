//! What is about to be done.

use std::{any::TypeId, borrow::Cow};

use uuid::Uuid;

use crate::{
    Metered, Rank, Slug, Tier,
    action::{Action, failed_event},
    airlock::Session,
};

/// What is about to be done, by whom, about what. Made by the doors.
#[derive(Debug, Clone)]
pub struct Intent {
    pub(crate) actionid: Uuid,
    pub(crate) action_type: TypeId,
    pub(crate) action: &'static str,
    pub(crate) started: &'static str,
    pub(crate) succeeded: &'static str,
    pub(crate) failed: Cow<'static, str>,
    pub(crate) retried: bool,
    pub(crate) session: Session,
    pub(crate) subject: Option<Slug>,
    pub(crate) metered: Metered,
}

impl Intent {
    pub(crate) fn of<A: Action>(action: &A, session: Session, actionid: Uuid) -> Self {
        Intent {
            actionid,
            action_type: TypeId::of::<A>(),
            action: A::NAME,
            started: A::STARTED.as_str(),
            succeeded: A::SUCCEEDED.as_str(),
            failed: failed_event(A::STARTED, A::ON_FAILURE),
            retried: A::ON_FAILURE == crate::OnFailure::Retry,
            session,
            subject: action.subject().cloned(),
            metered: action.metered(),
        }
    }

    /// Joins the action's events, its claim and its answer.
    #[must_use]
    pub fn actionid(&self) -> Uuid {
        self.actionid
    }

    /// Whether the action is an `A`: the type itself, not its name.
    #[must_use]
    pub fn is<A: Action>(&self) -> bool {
        self.action_type == TypeId::of::<A>()
    }

    /// The tenant that it is for.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.session.tenant()
    }

    /// Who does it.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.session.subject()
    }

    /// In which role.
    #[must_use]
    pub fn role(&self) -> Rank {
        self.session.role()
    }

    /// The workspace that it is about.
    #[must_use]
    pub fn subject(&self) -> Option<&Slug> {
        self.subject.as_ref()
    }

    /// The tier that is asked for, where one is.
    #[must_use]
    pub fn tier(&self) -> Option<Tier> {
        match self.metered {
            Metered::Asked(tier) => Some(tier),
            Metered::No | Metered::Row => None,
        }
    }
}
