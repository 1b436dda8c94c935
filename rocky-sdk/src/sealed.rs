//! What keeps a public trait from being implemented outside: its functions return types that have no name out there.
//!
//! A private supertrait does the same, but then the compiler names it in errors, and it is a word that no user wrote. Where
//! somebody tries all the same, the compiler prints a path into this module, so the names here are for them to read.

use std::{any::TypeId, borrow::Cow};

/// The trait is implemented by rocky alone.
#[derive(Debug)]
pub struct ByRockyAlone;

/// The started event of the action behind a route.
#[cfg(feature = "axum")]
#[derive(Debug, Clone, Copy)]
pub struct Wanted(pub(crate) crate::EventName);

/// An action's type and its events.
#[derive(Debug, Clone)]
pub struct Word {
    pub(crate) action: TypeId,
    pub(crate) name: &'static str,
    /// Its own: started and succeeded.
    pub(crate) own: [&'static str; 2],
    /// What a failure leaves; actions may share it.
    pub(crate) failed: Cow<'static, str>,
}
