//! Which action type an event's name belongs to, so that no other type can write it.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::bolted::EventNameTaken;
use crate::EventName;

/// An action's type and the events that are its own.
#[derive(Debug, Clone)]
pub struct Word {
    pub(super) action: TypeId,
    pub(super) name: &'static str,
    pub(super) events: [EventName; 2],
}

/// The first type that is bolted, or audited, with an event's name has it; a struct that claims another action's events
/// is refused from then on.
#[derive(Default)]
pub(crate) struct Vocabulary(Mutex<HashMap<EventName, (TypeId, &'static str)>>);

impl Vocabulary {
    /// All the words or none.
    pub(super) fn register(&self, words: &[Word]) -> Result<(), EventNameTaken> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for word in words {
            for event in word.events {
                match known.get(&event) {
                    Some((owner, name)) if *owner != word.action => {
                        return Err(EventNameTaken { event, owner: name, claimant: word.name });
                    }
                    _ => {}
                }
            }
        }
        for word in words {
            for event in word.events {
                known.entry(event).or_insert((word.action, word.name));
            }
        }
        Ok(())
    }
}
