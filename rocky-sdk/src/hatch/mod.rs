//! Door 2, HATCH: the audit event is durable *before* the action.
//!
//! [`Relay`] is the one path on which events reach HATCH: it stamps them, bounds them, and waits for them no longer than
//! it may. A self-host build keeps them in a [`Journal`]: JSON lines in files of its own, each line chained to the one
//! before by its hash. [`records`] and [`pending`] read it, beside a running service too.

mod event;
pub(crate) mod journal;
pub(crate) mod record;
mod relay;
pub(crate) mod segment;

pub use journal::{Journal, JournalOptions, NotRotated, OpenError};
pub use record::{Record, Records, ScanError, Tombstone, pending, records};
pub use relay::Relay;

pub(crate) use event::{Actor, Event};
pub(crate) use journal::{Reservation, Ticket, WriteError};
