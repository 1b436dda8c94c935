//! Door 2, HATCH: the audit event is durable *before* the action.
//!
//! [`Relay`] is the one path on which events reach HATCH: it stamps them, bounds them, and waits for them no longer than
//! it may. A self-host build keeps them in a [`Journal`]: JSON lines in files of its own, each line chained to the one
//! before by its hash, and how far the chain went signed now and then. [`records`], [`tail`] and [`pending`] read it, and
//! [`Verifier`] says whether it is whole, all beside a running service too. Reading changes nothing.
//!
//! # What stands in a journal's folder
//!
//! - `00000001.jsonl` and so on: the segments, in the order of their names. The last one is written, the others are
//!   sealed. A line is one CloudEvents 1.0 object and a newline. `sequence` counts the lines of the chain from 1, in 20
//!   digits; `prevhash` is the hash of the line before, 64 zeros in the first. `hash` is last: SHA-256, in hexadecimal
//!   digits, over `rocky hatch line 1`, a newline, and the line's bytes before `,"hash":`.
//! - A line with `"batchstart":true` is the first of those that were made durable together. It is written only after
//!   those before it are durable.
//! - Behind the last line of the segment that is written stand blanks, up to 4 MiB: the next lines take their place. A
//!   program that follows the file as it grows sees the blanks and not the lines; [`tail`] sees the lines.
//! - The first line of a segment is `segment.opened`. It names the segment before and the hash of its last line, the
//!   actions that are still open, and, after a failed `fdatasync`, from which byte on a segment before is not believed.
//! - `checkpoints.signed`: how far the chain went, one JSON object a line. Its `signature` is last: Ed25519 over
//!   `rocky hatch checkpoint 1`, a newline, and the line's bytes before `,"signature":`. `checkpoint.key` is the secret
//!   half of the key.
//! - `uncertain.json`: what a failed `fdatasync` left in doubt, until a segment's first line says so.
//! - `NNNNNNNN.next`, `lock`, `ballast`, `torn-*.part`: a segment that is being begun, the writer's lock, the room that
//!   is kept for outcomes, and what a crash left of the last batch. No reader needs them.

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
