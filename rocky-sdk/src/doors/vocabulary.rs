//! Which action type an event's name belongs to, so that no other type can write it.

use std::{
    any::TypeId,
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::bolted::EventNameTaken;
use crate::{Action, action::failed_event, sealed::Word};

/// What a name is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// One type's started or succeeded event.
    Own(TypeId, &'static str),
    /// A failure, of whatever types say so.
    Failure,
}

/// The first type that is bolted, or audited, with an event's name has it; a struct that claims another action's events
/// is refused from then on.
#[derive(Default)]
pub(crate) struct Vocabulary(Mutex<HashMap<Cow<'static, str>, Use>>);

impl Word {
    /// An action's type and its events.
    pub(super) fn of<A: Action>() -> Self {
        Word {
            action: TypeId::of::<A>(),
            name: std::any::type_name::<A>(),
            own: [A::STARTED.as_str(), A::SUCCEEDED.as_str()],
            failed: failed_event(A::STARTED, A::ON_FAILURE),
        }
    }

    fn uses(&self) -> impl Iterator<Item = (Cow<'static, str>, Use)> {
        let own = self.own.map(|event| (event.into(), Use::Own(self.action, self.name)));
        own.into_iter().chain([(self.failed.clone(), Use::Failure)])
    }
}

impl Vocabulary {
    /// All the words or none.
    pub(super) fn register(&self, words: &[Word]) -> Result<(), EventNameTaken> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = HashMap::new();
        for word in words {
            if word.own[0] == word.own[1] {
                return Err(EventNameTaken { event: word.own[0].into(), owner: word.name, claimant: word.name });
            }
            for (event, wanted) in word.uses() {
                match known.get(&event).or_else(|| new.get(&event)) {
                    Some(has) if *has != wanted => {
                        let owner = if let Use::Own(_, name) = has { name } else { "failures" };
                        return Err(EventNameTaken { event, owner, claimant: word.name });
                    }
                    Some(_) => {}
                    None => drop(new.insert(event, wanted)),
                }
            }
        }
        known.extend(new);
        Ok(())
    }
}
