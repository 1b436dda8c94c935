//! What a folder's files say, of their own and with no hash checked: at least what the tested code takes from them.
//!
//! The types are twins of those in `rocky_sdk::hatch`, so that both read the same JSON and fail on the same.
#![allow(dead_code, reason = "a twin has its fields in its order, whether anybody asks for them or not")]

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

#[derive(Deserialize)]
struct Line {
    data: Box<RawValue>,
}

/// What the first line of a segment says.
#[derive(Deserialize)]
pub(crate) struct Opened {
    previous: Option<String>,
    previous_hash: String,
    pub(crate) open: Vec<StillOpen>,
    #[serde(default)]
    pub(crate) uncertain: Vec<Uncertain>,
}

#[derive(Deserialize)]
pub(crate) struct StillOpen {
    pub(crate) actionid: Uuid,
    segment: String,
    offset: u64,
}

#[derive(Deserialize)]
pub(crate) struct Uncertain {
    pub(crate) segment: String,
    pub(crate) offset: u64,
    bytes: u64,
}

/// One of `uncertain.json`.
#[derive(Deserialize)]
pub(crate) struct Doubt {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

#[derive(Deserialize)]
pub(crate) struct Checkpoint {
    source: String,
    pub(crate) sequence: u64,
    pub(crate) hash: String,
    segment: String,
    offset: u64,
    time: String,
    open: Vec<StillOpen>,
    key: String,
}

/// Of a line, with or without its newline.
pub(crate) fn opened(line: &[u8]) -> Option<Opened> {
    let line: Line = serde_json::from_slice(line).ok()?;
    serde_json::from_str(line.data.get()).ok()
}

/// The first line of a segment, with its newline.
pub(crate) fn first_line(segment: &[u8]) -> Option<&[u8]> {
    segment.split_inclusive(|byte| *byte == b'\n').next().filter(|line| line.ends_with(b"\n"))
}

/// Of `uncertain.json`; `None` where that cannot be read.
pub(crate) fn doubts(marker: Option<&[u8]>) -> Option<Vec<Doubt>> {
    marker.map_or(Some(Vec::new()), |marker| serde_json::from_slice(marker).ok())
}

/// The lines of `checkpoints.signed` that have their newline; `None` for one that is no checkpoint.
pub(crate) fn checkpoints(signed: &[u8]) -> impl DoubleEndedIterator<Item = Option<Checkpoint>> {
    let whole = signed.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    signed[..whole].split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).ok())
}

/// The event that the last checkpoint speaks of, whoever signed it; 0 where there is none.
pub(crate) fn spoken_of(signed: &[u8]) -> u64 {
    checkpoints(signed).next_back().flatten().map_or(0, |last| last.sequence)
}
