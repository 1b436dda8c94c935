//! Answers that are kept, to be given again: under which key, and what a look-up finds.

use uuid::Uuid;

/// What is kept for an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status that was answered.
    pub status: u16,
    /// The body that was answered.
    pub body: Vec<u8>,
}

/// A key under which an answer is looked up: per tenant, actor, action and key, with a fingerprint of the action.
#[derive(Debug, Clone)]
pub struct AnswerKey {
    pub(crate) tenant: String,
    pub(crate) actor: String,
    pub(crate) action: &'static str,
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) actionid: Uuid,
}

impl AnswerKey {
    /// The tenant that the action is for.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Who does it.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The action's name.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.action
    }

    /// The caller's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What tells this action from another of its type: a hash of it, in hex.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The action that takes the key where it is new.
    #[must_use]
    pub fn actionid(&self) -> Uuid {
        self.actionid
    }
}

/// What the look-up of an answer found.
///
/// The keys of a ledger, for 24 hours each:
/// ```
/// use std::{collections::{HashMap, hash_map::Entry}, time::{Duration, Instant}};
/// use rocky_sdk::doors::{Answer, AnswerKey, Recall};
/// use uuid::Uuid;
///
/// // Which action took it and for what; the answer, which is given again once it is free.
/// struct Key { by: Uuid, fingerprint: String, since: Instant, answer: Option<Answer>, free: bool }
///
/// #[derive(Default)]
/// struct Keys(HashMap<[String; 4], Key>);
///
/// impl Keys {
///     // For `Ledger::recall`.
///     fn recall(&mut self, key: &AnswerKey, take: bool) -> Recall {
///         self.0.retain(|_, known| !known.free || known.since.elapsed() < Duration::from_secs(24 * 60 * 60));
///         match self.0.entry([key.tenant(), key.actor(), key.action(), key.key()].map(str::to_owned)) {
///             Entry::Vacant(_) if !take => Recall::New,
///             Entry::Vacant(place) => {
///                 let (by, fingerprint) = (key.actionid(), key.fingerprint().to_owned());
///                 place.insert(Key { by, fingerprint, since: Instant::now(), answer: None, free: false });
///                 Recall::New
///             }
///             Entry::Occupied(known) => match known.get() {
///                 known if known.fingerprint != key.fingerprint() => Recall::Different,
///                 Key { free: true, answer: Some(answer), .. } => Recall::Answered(answer.clone()),
///                 _ => Recall::InFlight,
///             },
///         }
///     }
///
///     // For `Ledger::settle`: an action that was undone after all has no answer any more.
///     fn keep(&mut self, by: Uuid, answer: Option<&Answer>, done: bool) {
///         if let Some(key) = self.0.values_mut().find(|key| key.by == by && (answer.is_some() || !done)) {
///             key.answer = answer.cloned();
///         }
///     }
///
///     // For `Ledger::release`: a key without an answer was given to an action that was not done, and is forgotten.
///     fn free(&mut self, by: Uuid) {
///         self.0.retain(|_, key| key.by != by || key.answer.is_some());
///         self.0.values_mut().filter(|key| key.by == by).for_each(|key| key.free = true);
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recall {
    /// Nothing: the key is this action's from now on.
    New,
    /// The action that has the key is still at work: 409.
    InFlight,
    /// The key was used for another action: 422.
    Different,
    /// What was answered then.
    Answered(Answer),
}
