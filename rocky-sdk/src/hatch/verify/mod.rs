//! Whether a journal is whole: one verdict on its chain, one on its checkpoints, and what neither can say.

mod pieces;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, num::NonZero, path::Path};

use serde::Serialize;
use uuid::Uuid;

use self::pieces::read_all;
use super::{
    checkpoint::{self, CheckpointKey},
    line::Link,
    reader::{tombstones, while_segments_go},
    record::{ScanError, Tombstone},
    segment::Position,
};

/// Reads a whole journal, on all cores, beside a running service too, and says whether it is as it was written.
///
/// A line that was changed, added, moved or taken out shows, in whichever segment it is; so does a segment that is
/// gone, unless the journal itself took it away. Lines that were cut off or written anew at the end show as far as a
/// signed checkpoint speaks of them.
///
/// What it cannot know: whether the lines after the last checkpoint are those that were written, and whether others
/// stood behind them; whether lines were cut off together with the checkpoints that speak of them (of a journal that went
/// on without any checkpoint, [`unsigned_starts`](CheckpointVerdict::unsigned_starts) says so); and whether somebody who
/// has the secret key wrote all of it anew. That shows only against the hash of a line, kept on another machine. Somebody
/// else's key in the place of the journal's shows against the public key, kept there too: see [`key`](Verifier::key).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let hatch = home.path().join("hatch");
/// # let journal = rocky_sdk::hatch::Journal::open(&hatch, rocky_sdk::hatch::JournalOptions::new("keys"))?;
/// # journal.rotate().await?;
/// # drop(journal);
/// use std::num::NonZero;
/// use rocky_sdk::hatch::{ChainVerdict, CheckpointKey, CheckpointVerdict, Damage, Progress, Verdicts, Verifier};
///
/// // Beside a service: one core is enough, and nobody waits for it.
/// let verifier = Verifier::new().threads(NonZero::<usize>::MIN);
/// let shown = |Progress { bytes, of }: Progress| eprint!("\r{} %", bytes * 100 / of.max(1));
/// let Verdicts { chain, checkpoints, unsigned_events, tombstones, .. } = verifier.verify(&hatch, &shown)?;
///
/// let ChainVerdict { source, segments, events, first_sequence, last_sequence, last_hash, broken, .. } = chain;
/// assert_eq!((segments, events, broken), (2, 2, None));
/// assert_eq!((first_sequence, last_sequence), (1, 2));
/// // For another machine to keep:
/// println!("{}, up to event {last_sequence}: {last_hash}", source.unwrap_or_default());
///
/// let CheckpointVerdict { good, last_sequence, last_time, key, key_was_known, unsigned_starts, broken, .. } = checkpoints;
/// assert_eq!((key, key_was_known, broken), (Some(CheckpointKey::of(&hatch)?), true, None));
/// assert_eq!((good, last_sequence), (2, Some(2))); // one at the start, one on rotation
/// println!("signed up to there at {}", last_time.unwrap_or_default());
/// // Where `checkpoints.signed` had been taken away at a start, what stood before that start is nobody's word.
/// assert!(unsigned_starts.is_empty());
///
/// // Whatever was cut off behind the last checkpoint is not missed.
/// println!("{unsigned_events} events are not signed for yet, {} actions have no outcome", tombstones.len());
///
/// // Somebody takes the last line away, which was signed for.
/// let segment = hatch.join("00000002.jsonl");
/// std::fs::write(&segment, "")?;
/// let verdicts = Verifier::new().verify(&hatch, &|_| {})?;
/// assert!(!verdicts.hold() && verdicts.chain.broken.is_none());
/// assert!(verdicts.checkpoints.broken.unwrap().contains("1 event is missing"));
///
/// // And changes another.
/// let segment = hatch.join("00000001.jsonl");
/// std::fs::write(&segment, std::fs::read_to_string(&segment)?.replace("opened", "erased"))?;
/// let Damage { segment, line, offset, reason } = Verifier::new().verify(&hatch, &|_| {})?.chain.broken.unwrap();
/// assert_eq!((segment.as_str(), line, offset), ("00000001.jsonl", 1, 0));
/// assert_eq!(reason, "its hash does not match its content");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    key: Option<CheckpointKey>,
    threads: Option<NonZero<usize>>,
}

/// How far it is: with the last piece, `bytes` is `of`.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Bytes that are read.
    pub bytes: u64,
    /// Bytes that are to be read: those that were there when it began.
    pub of: u64,
}

/// What was found. As JSON it has these names; the key is its text.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Verdicts {
    /// Whether each line follows the one before, from the oldest segment to the end.
    pub chain: ChainVerdict,
    /// Whether the lines are those that were signed for.
    pub checkpoints: CheckpointVerdict,
    /// The events after the last checkpoint that holds. They may have been changed and chained anew, and others may
    /// have stood behind them: nobody can say.
    pub unsigned_events: u64,
    /// The started events without an outcome, as far as the chain holds. Beside a running service, what it is working on
    /// is among them.
    pub tombstones: Vec<Tombstone>,
}

/// Of the chain, as far as it holds: what stands behind a break is not counted.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct ChainVerdict {
    /// The chain's name, `/rocky/<app>/<instance>`; `None` where there is no event.
    pub source: Option<String>,
    /// Segments that are there, behind a break too.
    pub segments: u64,
    /// Events whose hash and place are as they should be.
    pub events: u64,
    /// The sequence of the first of them; 1 unless older segments were taken away.
    pub first_sequence: u64,
    /// The sequence of the last of them; one less than the first where there is none.
    pub last_sequence: u64,
    /// Its hash: 64 hexadecimal digits. Kept on another machine, it says later whether all up to here is still the
    /// same.
    pub last_hash: String,
    /// Bytes behind the last line that is whole, but for blanks: lines that are being written, or what a crash left of
    /// the last batch, which the next start saves aside and cuts off. A line of that batch that somebody changed, and
    /// that no checkpoint speaks of, looks the same.
    pub unfinished_bytes: u64,
    /// Where it breaks first; `None` where it holds.
    pub broken: Option<Damage>,
}

/// Where a chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The segment's file name.
    pub segment: String,
    /// The line, from 1.
    pub line: u64,
    /// Where the line begins, in bytes.
    pub offset: u64,
    /// What is wrong.
    pub reason: String,
}

/// Of the checkpoints: whether they are signed by the key, and the lines are those that were signed for.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CheckpointVerdict {
    /// Those that hold. The first one that does not ends it, and so does the end of a chain that is broken. Of events
    /// whose segments were taken away, only the signature can be looked at.
    pub good: u64,
    /// The event that the last of them speaks of.
    pub last_sequence: Option<u64>,
    /// When that one was signed: RFC 3339, UTC, microseconds.
    pub last_time: Option<String>,
    /// The key that they were looked at with; `None` where there is no `checkpoints.signed`, or no key was known and
    /// the first checkpoint names none.
    #[serde(serialize_with = "key_text")]
    pub key: Option<CheckpointKey>,
    /// Whether that key was known beforehand: given, or in the journal's folder. Otherwise it is the one that the
    /// checkpoints themselves name, and whoever can write there can sign anew with one of their own.
    pub key_was_known: bool,
    /// The starts that found events and no checkpoint, as far as the chain holds: the sequence of each one's
    /// `log.unsigned`. `checkpoints.signed` had been moved away or deleted, or a crash came before the first checkpoint.
    /// The checkpoints since then hold, and speak for what was found: whether that is what had been written shows only
    /// against the hash of a line before it, kept on another machine.
    pub unsigned_starts: Vec<u64>,
    /// What does not hold, and in which line of `checkpoints.signed`; also that there is no checkpoint at all where
    /// there are events. `None` where they hold.
    pub broken: Option<String>,
}

impl Verdicts {
    /// Whether chain and checkpoints hold. Events that are not signed for, starts that found no checkpoint, actions
    /// without an outcome and unfinished bytes are no fault of theirs.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.chain.broken.is_none() && self.checkpoints.broken.is_none()
    }
}

impl Verifier {
    /// On all cores, with the key that is in the journal's folder; where none is, with the one that the first
    /// checkpoint names.
    #[must_use]
    pub fn new() -> Self {
        Verifier::default()
    }

    /// The key that signed the checkpoints, as it was printed when the journal could be trusted. Checkpoints of another
    /// key do not hold then, whatever key is in the journal's folder.
    #[must_use]
    pub fn key(self, key: CheckpointKey) -> Self {
        Verifier { key: Some(key), ..self }
    }

    /// On this many threads, the caller's among them, in place of one for each core.
    #[must_use]
    pub fn threads(self, threads: NonZero<usize>) -> Self {
        Verifier { threads: Some(threads), ..self }
    }

    /// Reads the journal in the folder `hatch`, without its lock. Calls `progress` after each piece of up to 4 MiB,
    /// from several threads. Takes as long as its bytes take to be hashed, and changes nothing. Lines that are written
    /// meanwhile may be left out. Where a running service takes a segment away that was not read yet, all is read
    /// again, up to four times.
    ///
    /// # Errors
    /// When a file cannot be read or trusted, a running service takes segments away faster than they are read,
    /// `checkpoint.key` is no key, `uncertain.json` does not say what is in doubt, or the chain holds and the line of an
    /// action without an outcome is not to be found. Any other damage in a line is a verdict.
    pub fn verify(&self, hatch: &Path, progress: &(dyn Fn(Progress) + Sync)) -> Result<Verdicts, ScanError> {
        // What was signed is read first: it is in the lines that are read then, whatever is written meanwhile.
        let known = match self.key {
            Some(key) => Some(key),
            None if CheckpointKey::is_in(hatch) => Some(CheckpointKey::of(hatch)?),
            None => None,
        };
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get);
        while_segments_go(hatch, || {
            let signed = Signed::read(hatch, known, threads)?;
            let mut found = read_all(hatch, threads, progress)?;
            found.was_finished_as(&signed);
            let checkpoints = found.witnessed(hatch, signed, known.is_some())?;
            let unsigned_events = found.chain.sequence - checkpoints.last_sequence.unwrap_or(found.before.sequence);
            let tombstones = match (tombstones(hatch, &found.open), &found.broken) {
                (Err(_), Some(_)) => Vec::new(), // the line that is not there has its verdict already
                (tombstones, _) => tombstones?,
            };
            Ok(Verdicts { checkpoints, unsigned_events, tombstones, chain: found.verdict() })
        })
    }
}

/// What was signed, as it was before the lines were read.
struct Signed {
    all: checkpoint::All,
    /// Of each, whether its line stood where it says, believed or not.
    stood: Vec<bool>,
}

impl Signed {
    /// Looks for the lines at once: a running service may take their segments away while the others are read.
    fn read(hatch: &Path, known: Option<CheckpointKey>, threads: usize) -> Result<Option<Self>, ScanError> {
        let Some(all) = checkpoint::all(hatch, known, threads)? else { return Ok(None) };
        let believed = BTreeMap::new(); // all of it, until the lines are read
        let stands = |found: &checkpoint::Found| checkpoint::stands(hatch, &found.checkpoint, &believed);
        let stood = all.found.iter().map(stands).collect::<Result<Vec<bool>, ScanError>>()?;
        Ok(Some(Signed { all, stood }))
    }
}

/// What the lines say.
struct Found {
    segments: u64,
    source: Option<String>,
    /// Before the oldest line.
    before: Link,
    /// Where segments stop being believed.
    ends: BTreeMap<String, u64>,
    /// The event that says that what was before was taken away; 0 where nothing was.
    vouched: u64,
    /// The events that say that a start found no checkpoint.
    unsigned: Vec<u64>,
    /// Behind the last good one.
    chain: Link,
    unfinished_bytes: u64,
    /// What is wrong with the line that they begin with.
    unfinished: Option<Damage>,
    open: BTreeMap<Uuid, Position>,
    broken: Option<Damage>,
}

impl Found {
    fn verdict(self) -> ChainVerdict {
        ChainVerdict {
            source: self.source,
            segments: self.segments,
            events: self.chain.sequence - self.before.sequence,
            first_sequence: self.before.sequence + 1,
            last_sequence: self.chain.sequence,
            last_hash: self.chain.hash.as_str().to_owned(),
            unfinished_bytes: self.unfinished_bytes,
            broken: self.broken,
        }
    }

    /// What a crash can have left of the last batch is that only where nobody signed for it.
    fn was_finished_as(&mut self, signed: &Option<Signed>) {
        let last = signed.as_ref().and_then(|signed| signed.all.found.last());
        if last.is_some_and(|last| last.checkpoint.sequence > self.chain.sequence) && self.broken.is_none() {
            self.broken = self.unfinished.take();
        }
    }

    /// Whether the lines are those that were signed for, as far as they are a chain.
    fn witnessed(
        &self,
        hatch: &Path,
        signed: Option<Signed>,
        key_was_known: bool,
    ) -> Result<CheckpointVerdict, ScanError> {
        let mut verdict = CheckpointVerdict {
            good: 0,
            last_sequence: None,
            last_time: None,
            key: None,
            key_was_known,
            unsigned_starts: self.unsigned.clone(),
            broken: None,
        };
        let Some(Signed { all: signed, stood }) = signed else {
            if self.chain.sequence > 0 {
                let gone = format!("there is no {}: what was cut off at the end cannot be known", checkpoint::FILE);
                verdict.broken = Some(gone);
            }
            return Ok(verdict);
        };
        verdict.key = signed.key;
        for (checkpoint::Found { checkpoint, line }, stood) in signed.found.into_iter().zip(stood) {
            let sequence = checkpoint.sequence;
            let stands = stood && self.ends.get(&checkpoint.segment).is_none_or(|end| checkpoint.offset <= *end);
            let in_reach = sequence <= self.chain.sequence;
            if !in_reach && self.broken.is_some() {
                break; // what is behind a broken line has its verdict already
            }
            let other = if !in_reach {
                let missing = sequence - self.chain.sequence;
                let missing = if missing == 1 { "1 event is".to_owned() } else { format!("{missing} events are") };
                Some(format!(
                    "{missing} missing at the end: the journal ends at event {}, and event {sequence} was written at {}",
                    self.chain.sequence, checkpoint.time
                ))
            } else if self.source.as_ref().is_some_and(|source| *source != checkpoint.source) {
                Some(format!("it is another journal's, {}", checkpoint.source))
            } else if (sequence == self.before.sequence && !checkpoint.is_of(&self.before))
                || (sequence > self.before.sequence && !stands)
            {
                Some(format!("event {sequence} is another one than the one that was signed for"))
            } else {
                None
            };
            if let Some(reason) = other {
                verdict.broken = Some(format!("{}, line {line}: {reason}", checkpoint::FILE));
                return Ok(verdict);
            }
            verdict.good += 1;
            verdict.last_sequence = Some(sequence.max(self.before.sequence));
            verdict.last_time = Some(checkpoint.time);
        }
        let unvouched = verdict.last_sequence.is_some_and(|last| last < self.vouched)
            && !self.was_vouched_for_since(hatch, signed.key)?;
        verdict.broken = match signed.broken {
            Some((line, reason)) => Some(format!("{}, line {line}: {reason}", checkpoint::FILE)),
            None if verdict.good == 0 && self.chain.sequence > 0 && self.broken.is_none() => {
                Some(format!("{} has no checkpoint: what was cut off at the end cannot be known", checkpoint::FILE))
            }
            None if unvouched => Some(format!(
                "event {} says that older segments were taken away, and nobody signed for it",
                self.vouched
            )),
            None => None,
        };
        Ok(verdict)
    }

    /// Whether that older segments were taken away was signed for after the checkpoints were read. A running service
    /// signs for it before it does it: whoever misses a segment finds that checkpoint.
    fn was_vouched_for_since(&self, hatch: &Path, key: Option<CheckpointKey>) -> Result<bool, ScanError> {
        let signed = checkpoint::all(hatch, key, 1)?;
        let last = signed.as_ref().and_then(|signed| signed.found.last());
        Ok(last.is_some_and(|last| last.checkpoint.sequence >= self.vouched))
    }
}

fn key_text<S: serde::Serializer>(key: &Option<CheckpointKey>, serializer: S) -> Result<S::Ok, S::Error> {
    key.map(|key| key.to_string()).serialize(serializer)
}
