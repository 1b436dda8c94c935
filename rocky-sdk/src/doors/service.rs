//! Identities for workers and webhooks: good for a list of actions and for nothing else.

use std::{any::TypeId, sync::Arc};

use super::Identity;
#[cfg(feature = "hearth")]
use crate::{Action, Doors};

/// A service's key. It is handed out once, where `Doors` are built, and cannot be copied. It is good for the listed
/// actions, for whatever tenant its holder names, and for no reads but one: HEARTH lists the workspaces above solo to a service
/// that makes them read-only.
#[derive(Debug)]
#[must_use = "a service key that is dropped opens nothing"]
pub struct ServiceKey {
    pub(super) doors: Arc<Identity>,
    pub(super) name: String,
    pub(super) actions: Arc<[TypeId]>,
}

impl ServiceKey {
    /// The name under which the service stands in events: `service:<name>`.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("service:{}", self.name)
    }

    /// Whether it is of these doors, and good for the action.
    #[cfg(feature = "hearth")]
    pub(crate) fn opens<A: Action>(&self, doors: &Doors) -> bool {
        Arc::ptr_eq(&self.doors, doors.identity()) && self.actions.contains(&TypeId::of::<A>())
    }
}
