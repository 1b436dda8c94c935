//! Door 2, HATCH: the audit event is durable *before* the action.
//!
//! [`Relay`] is the one path on which events reach HATCH: it stamps them, bounds them, and waits for them no longer than
//! it may. A self-host build keeps them in a [`Journal`]: JSON lines in files of its own, each line chained to the one
//! before by its hash, and how far the chain went signed now and then. [`records`], [`tail`] and [`pending`] read it, and
//! [`Verifier`] says whether it is whole, all beside a running service too.

mod backwards;
#[cfg(all(test, rocky_bench))]
mod bench;
mod checkpoint;
mod event;
#[cfg(test)]
mod faults;
pub(crate) mod journal;
mod line;
mod reader;
mod record;
mod relay;
mod run;
pub(crate) mod segment;
mod verify;

pub use checkpoint::{CheckpointKey, NotAKey};
pub use journal::{Journal, JournalOptions, NotRotated, OpenError};
pub use reader::{Records, pending, records, tail};
pub use record::{Record, ScanError, Tombstone};
pub use relay::Relay;
pub use verify::{ChainVerdict, CheckpointVerdict, Damage, Progress, Verdicts, Verifier};

pub(crate) use event::{Actor, Event};
pub(crate) use journal::{Reservation, Ticket, WriteError};

/// The hash of a line, over its text before `,"hash":`.
#[cfg(test)]
pub(crate) fn sealed(before: &str) -> String {
    line::Hash::of(before.as_bytes()).as_str().to_owned()
}
