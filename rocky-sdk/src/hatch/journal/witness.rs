//! When a checkpoint is due, and what it says.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{queue::LOOK, writer::Segment};
use crate::hatch::{
    checkpoint::{Checkpoint, Signer},
    line::Link,
    segment,
};

/// Signs for what a journal's writer has made durable.
pub(super) struct Witness {
    signer: Signer,
    /// After so many events a checkpoint is due,
    events: u64,
    /// and so long after the first of them.
    every: Duration,
    unsigned: u64,
    /// When the first of them was written.
    since: Option<Instant>,
    /// The last event that was signed for, and the segment that it is in.
    last: u64,
    segment: u64,
    /// After one that could not be written.
    not_before: Option<Instant>,
}

impl Witness {
    /// `last` is the last checkpoint that is there.
    pub(super) fn new(signer: Signer, events: u64, every: Duration, last: Option<&Checkpoint>) -> Self {
        let segment = last.and_then(|last| segment::number(&last.segment)).unwrap_or(0);
        let last = last.map_or(0, |last| last.sequence);
        Witness { signer, events, every, unsigned: 0, since: None, last, segment, not_before: None }
    }

    /// So many events more are durable.
    pub(super) fn saw(&mut self, events: usize) {
        self.unsigned += events as u64;
        self.since.get_or_insert_with(Instant::now);
    }

    /// When the next one is, where anything is to be signed for.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.since?;
        let due = if self.unsigned >= self.events { since } else { since.checked_add(self.every)? };
        Some(self.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    pub(super) fn is_behind(&self, chain: &Link) -> bool {
        self.last < chain.sequence
    }

    /// Whether the last checkpoint is of a later segment.
    pub(super) fn is_beyond(&self, segment: u64) -> bool {
        self.segment > segment
    }

    pub(super) fn checkpoint(&self, segment: &Segment, chain: &Link, durable: u64) -> io::Result<Vec<u8>> {
        let checkpoint = Checkpoint {
            source: segment.source.to_string(),
            sequence: chain.sequence,
            hash: chain.hash.as_str().to_owned(),
            segment: segment::numbered(segment.number),
            offset: durable,
            time: crate::deployment::timestamp(),
            open: segment.still_open(),
            key: self.signer.key().to_string(),
        };
        self.signer.sign(&checkpoint).map_err(io::Error::other)
    }

    pub(super) fn signed(&mut self, segment: u64, chain: &Link) {
        (self.last, self.segment) = (chain.sequence, segment);
        (self.unsigned, self.since, self.not_before) = (0, None, None);
    }

    pub(super) fn not_signed(&mut self) {
        self.not_before = Some(Instant::now() + LOOK);
    }
}
