//! What stands in a line, and why one cannot be read.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::line;
use crate::private_files::PrivateFileError;

/// One line of HATCH, as [`records`](super::records) and [`tail`](super::tail) read it: its hash is that of its
/// content, and it follows the line before.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// # let _journal = rocky_sdk::hatch::Journal::open(&hatch, rocky_sdk::hatch::JournalOptions::new("keys"))?;
/// use rocky_sdk::hatch::{Record, records};
///
/// /// The events of a distributed trace, whose id is the second part of a `traceparent`.
/// fn of_trace<'a>(lines: &'a [Record], trace: &'a str) -> impl Iterator<Item = &'a Record> {
///     let is_of = move |parent: &str| parent.split('-').nth(1) == Some(trace);
///     lines.iter().filter(move |line| line.traceparent.as_deref().is_some_and(is_of))
/// }
///
/// /// Whether the line is still there whose hash was kept on another machine. If it is, nothing before it was changed.
/// /// If it is not, and its segment was not taken away either, lines were cut off or written anew, whoever signed for
/// /// those that are there now.
/// fn still_there(lines: &[Record], kept: &str) -> bool {
///     lines.iter().any(|line| line.hash == kept)
/// }
///
/// let lines: Vec<Record> = records(&hatch)?.collect::<Result<_, _>>()?;
/// assert_eq!(lines[0].prevhash, "0".repeat(64)); // where a chain begins; from there on, the `hash` of the line before
/// assert!(still_there(&lines, &lines[0].hash));
/// assert_eq!(of_trace(&lines, "4bf92f3577b34da6a3ce929d0e0e4736").count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// Unique; UUIDv7.
    pub id: Uuid,
    /// The chain that the line belongs to.
    pub source: String,
    /// The event's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// RFC 3339, UTC, microseconds.
    pub time: String,
    /// The workspace that it is about.
    pub subject: Option<String>,
    /// For whom.
    pub tenant: Option<String>,
    /// By whom.
    pub actor: Option<String>,
    /// In which role.
    pub role: Option<String>,
    /// Joins a started event and its outcome.
    pub actionid: Option<Uuid>,
    /// The inbound request.
    pub requestid: Option<String>,
    /// The W3C trace context of the inbound request.
    pub traceparent: Option<String>,
    /// The action as audited; in an outcome `status`, `code`, `error`, `duration_us`.
    pub data: Box<RawValue>,
    /// Its place in the chain, from 1: 20 digits.
    pub sequence: String,
    /// The hash of the line before: 64 hexadecimal digits, all zero in a chain's first line.
    pub prevhash: String,
    /// The hash of this line: 64 hexadecimal digits.
    pub hash: String,
    #[serde(skip)]
    text: Box<str>,
}

impl Record {
    /// A line, without its end, whose hash is that of its content, whatever stands before it; and its place in the chain.
    pub(super) fn read(line: &[u8]) -> Result<(Self, line::Place), String> {
        let place = line::place(line)?;
        let text = std::str::from_utf8(line).map_err(|error| format!("it is not an event: {error}"))?;
        let mut record: Record = serde_json::from_str(text).map_err(|error| format!("it is not an event: {error}"))?;
        record.text = text.into();
        Ok((record, place))
    }

    /// The line as it stands in the file, without its newline: one JSON object, its hash last. What is no field here
    /// stands there too: `specversion`, `datacontenttype`, `dataschema`, and, in the first line of a batch,
    /// `batchstart`.
    ///
    /// Empty in a record that was not read from a journal, but deserialized from elsewhere.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.text
    }

    /// A text field of `data`; `None` where there is none of that name, or it is no text.
    #[must_use]
    pub fn data_text(&self, field: &str) -> Option<String> {
        let data: serde_json::Value = serde_json::from_str(self.data.get()).ok()?;
        data.get(field)?.as_str().map(str::to_owned)
    }
}

/// A started event without an outcome; [`pending`](super::pending) and [`Journal::tombstones`](super::Journal::tombstones) find them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tombstone {
    /// The action.
    pub actionid: Uuid,
    /// The started event's name.
    pub started: String,
    /// When it started.
    pub time: String,
    /// The workspace that it is about.
    pub subject: Option<String>,
    /// For whom.
    pub tenant: String,
    /// By whom.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// The action as audited.
    pub data: Box<RawValue>,
}

impl Tombstone {
    /// Of a started event.
    pub(super) fn of(started: Record) -> Self {
        Tombstone {
            actionid: started.actionid.unwrap_or_default(),
            started: started.kind,
            time: started.time,
            subject: started.subject,
            tenant: started.tenant.unwrap_or_default(),
            actor: started.actor.unwrap_or_default(),
            role: started.role.unwrap_or_default(),
            data: started.data,
        }
    }
}

/// Where a journal is damaged, or why it cannot be read.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// # drop(rocky_sdk::hatch::Journal::open(&hatch, rocky_sdk::hatch::JournalOptions::new("keys"))?);
/// use rocky_sdk::hatch::{ScanError, records};
///
/// // Somebody changes a line in place.
/// let segment = hatch.join("00000001.jsonl");
/// let lines = std::fs::read_to_string(&segment)?;
/// std::fs::write(&segment, lines.replace("segment.opened", "segment.erased"))?;
///
/// let found = match records(&hatch)?.find_map(Result::err) {
///     None => "each line follows the one before".to_owned(),
///     // The file is evidence now: keep it, and put an undamaged copy in its place.
///     Some(ScanError::Damaged { path, line, offset, reason }) => {
///         format!("{}, line {line}, byte {offset}: {reason}", path.display())
///     }
///     // Nothing is said of the lines: the error says what to do before they can be read.
///     Some(ScanError::File(error)) => error.to_string(),
/// };
/// assert_eq!(found, format!("{}, line 1, byte 0: its hash does not match its content", segment.display()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file cannot be read or trusted.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// A line is not what the chain, or a signed checkpoint, says.
    #[error(
        "{} is damaged at line {line} (byte {offset}): {reason}. Nothing was changed; keep the file as it is and put \
         an undamaged copy in its place",
        path.display()
    )]
    Damaged {
        /// The segment; or, of the files beside them, the one whose content is not as it was written.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// Where the line begins, in bytes.
        offset: u64,
        /// What is wrong; and, where checkpoints and lines do not fit together, what to do without a copy.
        reason: String,
    },
}
