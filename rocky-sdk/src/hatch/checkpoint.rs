//! Signed checkpoints: how far the chain went, on the word of a key, so that lines cut off at its end are missed.
//!
//! A line of [`FILE`] is one JSON object. Its `signature` is last, and is Ed25519 over [`DOMAIN`] and the line's bytes before
//! `,"signature":`. It is written after the lines that it speaks of are durable, and made durable itself.

use std::{collections::BTreeMap, io::Read, panic::resume_unwind, path::Path};

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::{
    backwards,
    line::Link,
    record::ScanError,
    segment::{self, StillOpen},
};
use crate::private_files::{self, PrivateFileError};

/// Where they are kept, beside the segments.
pub(super) const FILE: &str = "checkpoints.signed";
/// The key that signs them.
const KEY: &str = "checkpoint.key";
const DOMAIN: &[u8] = b"rocky hatch checkpoint 1\n";
const SIGNATURE: &[u8] = b",\"signature\":\"";
const END: &[u8] = b"\"}";
const HEX: usize = 128;

/// How far the chain went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// The chain.
    pub(super) source: String,
    /// Its last event, and that one's hash.
    pub(super) sequence: u64,
    pub(super) hash: String,
    /// The segment, and where the event's line ends in it.
    pub(super) segment: String,
    pub(super) offset: u64,
    pub(super) time: String,
    /// The actions that had started and had no outcome. It is signed for, and not read here.
    #[serde(skip_deserializing)]
    pub(super) open: Vec<StillOpen>,
    /// Whose signature it is.
    pub(super) key: String,
}

/// The public half of the key that signs a journal's checkpoints. Its text is 64 hexadecimal digits.
///
/// The secret half is in `checkpoint.key`, in the journal's folder, and nothing here gives it out.
///
/// ```
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// # drop(rocky_sdk::hatch::Journal::open(&hatch, rocky_sdk::hatch::JournalOptions::new("keys"))?);
/// use rocky_sdk::hatch::{CheckpointKey, NotAKey, Verifier};
///
/// // Kept on another machine, it tells this journal's checkpoints from anybody else's.
/// let printed = CheckpointKey::of(&hatch)?.to_string();
/// assert_eq!(printed.len(), 64);
///
/// let key: CheckpointKey = printed.parse()?;
/// assert_eq!(key, CheckpointKey::of(&hatch)?);
/// assert!(Verifier::new().key(key).verify(&hatch, &|_| {})?.hold());
///
/// assert_eq!("0123".parse::<CheckpointKey>(), Err(NotAKey));
/// assert!(NotAKey.to_string().contains("64 hexadecimal digits"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckpointKey(VerifyingKey);

/// This text is no public key of a journal: it is not 64 hexadecimal digits, or they are no Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a checkpoint key is 64 hexadecimal digits, as `audit key` prints it")]
pub struct NotAKey;

impl CheckpointKey {
    /// The key of the journal in the folder `hatch`, which is made when a journal is first opened. It is worked out
    /// from the secret half, so a copy of the journal without `checkpoint.key` cannot tell it.
    ///
    /// # Errors
    /// When `checkpoint.key` is missing, cannot be trusted, or is no key.
    pub fn of(hatch: &Path) -> Result<Self, ScanError> {
        match secret(hatch)? {
            Some(secret) => Ok(CheckpointKey(secret.verifying_key())),
            None => Err(private_files::io_at(&hatch.join(KEY))(std::io::ErrorKind::NotFound.into()).into()),
        }
    }

    /// Whether the journal's own key is in its folder: a copy elsewhere has none.
    pub(super) fn is_in(hatch: &Path) -> bool {
        hatch.join(KEY).exists()
    }

    /// A checkpoint that this key signed, in its line without its end.
    fn read(&self, line: &[u8]) -> Result<Checkpoint, String> {
        let checkpoint: Checkpoint =
            serde_json::from_slice(line).map_err(|error| format!("it is no checkpoint: {error}"))?;
        let cut = line.len().checked_sub(SIGNATURE.len() + HEX + END.len()).ok_or("it is too short")?;
        let (signed, signature) = line.split_at(cut);
        let signature = signature.strip_prefix(SIGNATURE).and_then(|rest| rest.strip_suffix(END));
        let mut bytes = [0; HEX / 2];
        let decoded = signature.map(|signature| hex::decode_to_slice(signature, &mut bytes));
        // As it is written, and in no other way.
        let as_written = matches!(decoded, Some(Ok(()))) && signature == Some(hex::encode(bytes).as_bytes());
        if !as_written || checkpoint.key != self.to_string() {
            return Err("it is not signed by this journal's key".to_owned());
        }
        let signature = Signature::from_bytes(&bytes);
        let verified = self.0.verify_strict(&[DOMAIN, signed].concat(), &signature);
        verified.map_err(|_| "its signature is not that of its content".to_owned())?;
        Ok(checkpoint)
    }
}

impl std::fmt::Display for CheckpointKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CheckpointKey({self})")
    }
}

impl std::str::FromStr for CheckpointKey {
    type Err = NotAKey;
    fn from_str(text: &str) -> Result<Self, NotAKey> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| NotAKey)?;
        VerifyingKey::from_bytes(&bytes).map(CheckpointKey).map_err(|_| NotAKey)
    }
}

/// Signs a journal's checkpoints.
pub(super) struct Signer(SigningKey);

impl Signer {
    /// The journal's key; it is made where neither it nor a checkpoint is there.
    pub(super) fn open(hatch: &Path) -> Result<Self, ScanError> {
        if let Some(secret) = secret(hatch)? {
            return Ok(Signer(secret));
        }
        let checkpoints = hatch.join(FILE);
        if checkpoints.exists() {
            let missing = format!(
                "the key that signed them is gone: put {} back. To go on without these checkpoints, under a new key, move \
                 {FILE} elsewhere: the journal will say that it was",
                hatch.join(KEY).display()
            );
            return Err(segment::damaged(&checkpoints, 0, &missing));
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)
            .map_err(|error| private_files::io_at(&hatch.join(KEY))(std::io::Error::other(error)))?;
        // Whole or not at all: a start after a crash finds no part of it.
        private_files::replace(&hatch.join(KEY), format!("{}\n", hex::encode(seed)).as_bytes())?;
        Ok(Signer(SigningKey::from_bytes(&seed)))
    }

    pub(super) fn key(&self) -> CheckpointKey {
        CheckpointKey(self.0.verifying_key())
    }

    /// The line of a checkpoint, with its end.
    pub(super) fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, serde_json::Error> {
        let mut line = serde_json::to_vec(checkpoint)?;
        line.pop(); // the closing brace: it comes last
        let signature = self.0.sign(&[DOMAIN, &line].concat());
        line.extend_from_slice(SIGNATURE);
        line.extend_from_slice(hex::encode(signature.to_bytes()).as_bytes());
        line.extend_from_slice(END);
        line.push(b'\n');
        Ok(line)
    }
}

fn secret(hatch: &Path) -> Result<Option<SigningKey>, ScanError> {
    let path = hatch.join(KEY);
    let text = match private_files::read(&path, 1024) {
        Ok(text) => text,
        Err(PrivateFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut seed = [0; 32];
    match hex::decode_to_slice(text.trim_ascii(), &mut seed) {
        Ok(()) => Ok(Some(SigningKey::from_bytes(&seed))),
        Err(_) => Err(segment::damaged(&path, 0, "it is no key: 64 hexadecimal digits")),
    }
}

/// The last checkpoint, and where its line ends. What a crash left of the one that was being written is behind that: it was
/// written alone, so at most one line is not whole.
pub(super) fn last(hatch: &Path, key: &CheckpointKey) -> Result<(Option<Checkpoint>, u64), ScanError> {
    let path = hatch.join(FILE);
    let Some(file) = there(&path)? else { return Ok((None, 0)) };
    let at = private_files::io_at(&path);
    let mut end = file.metadata().map_err(&at)?.len();
    let mut torn = None;
    loop {
        let whole = backwards::newline_before(&file, end).map_err(&at)?.map_or(0, |newline| newline + 1);
        torn = torn.or((whole < end).then(|| "it is not whole".to_owned()));
        let Some((line, offset)) = backwards::line_before(&file, whole).map_err(&at)? else { return Ok((None, 0)) };
        match (key.read(&line), torn) {
            (Ok(checkpoint), _) => return Ok((Some(checkpoint), whole)),
            (Err(reason), None) => torn = Some(reason),
            (Err(reason), Some(_)) => return Err(segment::damaged(&path, offset, &advised(&reason))),
        }
        end = offset;
    }
}

/// The event that the last checkpoint speaks of, whoever signed it; 0 where there is none.
pub(super) fn speaks_of(hatch: &Path) -> Result<u64, ScanError> {
    let path = hatch.join(FILE);
    let Some(file) = there(&path)? else { return Ok(0) };
    let read = || {
        let end = backwards::newline_before(&file, file.metadata()?.len())?.map_or(0, |newline| newline + 1);
        backwards::line_before(&file, end)
    };
    let line = read().map_err(private_files::io_at(&path))?;
    let last = line.and_then(|(line, _)| serde_json::from_slice::<Checkpoint>(&line).ok());
    Ok(last.map_or(0, |last| last.sequence))
}

/// The checkpoints' lines, which end there, but for those at the beginning that speak of a segment up to this one.
pub(super) fn behind(hatch: &Path, segment: &str, end: u64) -> Result<Vec<u8>, PrivateFileError> {
    let path = hatch.join(FILE);
    let mut lines = vec![0; usize::try_from(end).unwrap_or(usize::MAX)];
    let mut file = private_files::open(&path, private_files::options().read(true))?;
    file.read_exact(&mut lines).map_err(private_files::io_at(&path))?;
    let of = |line: &[u8]| serde_json::from_slice::<Checkpoint>(line).is_ok_and(|found| *found.segment <= *segment);
    let gone = lines.split_inclusive(|byte| *byte == b'\n').take_while(|line| of(line)).map(<[u8]>::len).sum();
    Ok(lines.split_off(gone))
}

/// What to do where checkpoints and lines do not fit together, and no copy is at hand.
pub(super) fn advised(reason: &str) -> String {
    format!(
        "{reason}. Where no undamaged copy is at hand: move {FILE} elsewhere, and the journal goes on with what is there, and \
         says so"
    )
}

fn there(path: &Path) -> Result<Option<std::fs::File>, PrivateFileError> {
    match private_files::open(path, private_files::options().read(true)) {
        Ok(file) => Ok(Some(file)),
        Err(PrivateFileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A checkpoint, and where its line stands.
pub(super) struct Found {
    pub(super) checkpoint: Checkpoint,
    pub(super) line: u64,
}

/// All checkpoints in their order, as far as their signatures hold; and what the first one says that does not. An
/// unterminated last line is not read.
pub(super) struct All {
    pub(super) found: Vec<Found>,
    /// Its line, and why.
    pub(super) broken: Option<(u64, String)>,
    /// Whose they are.
    pub(super) key: Option<CheckpointKey>,
}

/// Reads them all, on so many threads, under this key, or, where it is not known, under the one that the first names.
pub(super) fn all(hatch: &Path, known: Option<CheckpointKey>, threads: usize) -> Result<Option<All>, ScanError> {
    let path = hatch.join(FILE);
    let Some(mut file) = there(&path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(private_files::io_at(&path))?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let lines: Vec<&[u8]> = bytes[..whole].split_inclusive(|byte| *byte == b'\n').collect();
    let named = |line: &&[u8]| serde_json::from_slice::<Checkpoint>(line).ok()?.key.parse().ok();
    let key = known.or_else(|| lines.first().and_then(named));
    let mut all = All { found: Vec::new(), broken: None, key };
    let read = |line: &&[u8]| key.ok_or("it names no key".to_owned()).and_then(|key| key.read(&line[..line.len() - 1]));
    let parts = lines.chunks(lines.len().div_ceil(threads).max(1));
    let read: Vec<Result<Checkpoint, String>> = std::thread::scope(|scope| {
        let parts: Vec<_> = parts.map(|part| scope.spawn(move || part.iter().map(read).collect::<Vec<_>>())).collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    for (at, read) in read.into_iter().enumerate() {
        let number = at as u64 + 1;
        let before = all.found.last().map_or(0, |found| found.checkpoint.sequence);
        match read {
            Ok(checkpoint) if checkpoint.sequence > before => all.found.push(Found { checkpoint, line: number }),
            Ok(_) => {
                all.broken = Some((number, "it goes back behind the one before".to_owned()));
                break;
            }
            Err(reason) if at + 1 == lines.len() => {
                let torn = "a crash can leave the last one so, and the next start takes that away";
                all.broken = Some((number, format!("{reason}; {torn}")));
                break;
            }
            Err(reason) => {
                all.broken = Some((number, reason));
                break;
            }
        }
    }
    Ok(Some(all))
}

/// Whether the line that ends there is the checkpoint's, and is believed: `ends` says where segments stop being that.
pub(super) fn stands(hatch: &Path, checkpoint: &Checkpoint, ends: &BTreeMap<String, u64>) -> Result<bool, ScanError> {
    let path = hatch.join(&checkpoint.segment);
    let disbelieved = ends.get(&checkpoint.segment).is_some_and(|end| *end < checkpoint.offset);
    if disbelieved || segment::number(&checkpoint.segment).is_none() || there(&path)?.is_none() {
        return Ok(false);
    }
    Ok(segment::last(&path, Some(checkpoint.offset))?.is_some_and(|link| checkpoint.is_of(&link)))
}

impl Checkpoint {
    /// Whether it speaks of this place in the chain.
    pub(super) fn is_of(&self, link: &Link) -> bool {
        self.sequence == link.sequence && self.hash == link.hash.as_str()
    }
}
