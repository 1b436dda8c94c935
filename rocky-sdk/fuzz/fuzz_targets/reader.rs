//! All that reads a hatch folder, on folders that somebody else may have written: [`records`], [`tail`], [`pending`],
//! and [`Verifier`] with its key, without it and without checkpoints. The input is a program that builds the folder
//! ([`program`]).
//!
//! Nothing panics, and no arithmetic overflows. Beyond that:
//!
//! 1. **Behind an error there is no next line.** [`Records`] says so; [`Records::more`] must not read on behind it
//!    either. At the end of a folder that nobody writes, it has nothing more.
//! 2. **A chain that is whole is the lines.** Where the verifier finds nothing broken, and `records` reads to the end,
//!    both saw the same events: as many, from the same sequence to the same sequence and hash. Where the verifier finds
//!    the chain broken, it may have seen fewer: it wants more of a line (how it begins, that its `actionid` is a UUID,
//!    that a segment which is gone was said to be taken away).
//!
//!    Where the verifier finds nothing broken, `records` may still end in an error, for one of three reasons and no
//!    other:
//!    - A line with the right hash in the right place is no event: the verifier slices bytes, and reads the JSON of
//!      first lines and of `segment.deleted` only. Somebody wrote that line as it is; no accident makes one.
//!    - Another segment follows, and this one is said to be believed farther than it goes. For the verifier it ends
//!      whole.
//!    - The newest segment ends in what a crash may have left, and the last line of `checkpoints.signed` speaks of more
//!      than there is, while that line is not signed. Then `records`, which checks no signature, calls the rest damage,
//!      and the verifier calls the checkpoints broken.
//! 3. **Checkpoints change nothing but the verdict on what they speak of.** The verdicts on the chain are the same with
//!    them and without, except that what a crash may have left at the end is damage where it was signed for.
//! 4. **What holds is what was signed for.** Where chain and checkpoints hold, each checkpoint's event is among the
//!    lines, in its place, or lies before the oldest of them; and where it lies directly before, the oldest goes on
//!    from it.
//! 5. **What the verifier calls open is what is open:** the actions that the oldest segment was begun with, and then
//!    each that stands in an odd number of lines. (That list itself cannot be checked: where the oldest segment is not
//!    the first, what it speaks of may be gone. So it is taken as it is.)
//! 6. **`pending` and the verifier agree**, where both answer, the chain is whole, and the active segment's first line
//!    does not lie. `pending` reads the active segment alone and believes the list in its first line. Anybody can write
//!    another list and hash it, which the verifier, who reads all lines, does not look at: so here the list is compared
//!    to the lines first. The same for what a first line says of its own segment, or of one behind it: only the
//!    verifier hears of it from segments that `pending` does not read.
//! 7. **`tail` is the end of `records`**, where that reads to its end, and every segment but the newest begins with a
//!    line that is believed, or is left in doubt as a whole. (Where an empty segment stands between two others,
//!    `records` and the verifier step over it; `tail`, `pending` and `Journal::open` call it damage.)
//! 8. **Who follows sees what is written.** `tail` of no lines, and then [`Records::more`] after the folder has grown,
//!    gives the lines that `records` finds behind those it found before. Nothing may be in doubt in that folder: a
//!    follower that has read what is taken back later has to begin again.
//! 9. **What is said to be gone is not there.**
//!
//! The verifier's own `Err` is nobody's verdict, and `pending`'s is not compared.
#![no_main]

mod program;
mod said;

use std::{
    collections::BTreeSet,
    fs,
    num::NonZero,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use libfuzzer_sys::fuzz_target;
use rocky_sdk::hatch::{
    ChainVerdict, CheckpointKey, Damage, Progress, Record, Records, ScanError, Tombstone, Verdicts, Verifier, pending,
    records, tail,
};
use uuid::Uuid;

use self::program::{CHECKPOINTS, DOUBTS, Folder, numbered};

/// This process's own, in memory where there is such a place. It outlives the process: what it held in a crash is there
/// to be looked at.
static HATCH: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let home = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let hatch = home.join(format!("rocky-fuzz-reader-{}", std::process::id()));
    if hatch.exists() {
        fs::remove_dir_all(&hatch).expect("it is of a process that is gone");
    }
    fs::DirBuilder::new().mode(0o700).create(&hatch).expect("it was not there");
    hatch
});

fuzz_target!(|program: &[u8]| {
    holds(Folder::built_by(program, &HATCH));
});

fn holds(mut folder: Folder<'_>) {
    let ours: CheckpointKey = program::key().parse().expect("it is a key");
    let hatch = folder.hatch;
    let still_open = pending(hatch);
    let _ = CheckpointKey::of(hatch);
    let signed = verified(hatch, Verifier::new().key(ours));
    let named = verified(hatch, Verifier::new());

    if let Some(read) = Read::of(hatch) {
        if let Ok(verdicts) = &signed {
            a_whole_chain_is_the_lines(&folder, &read, verdicts);
            what_holds_was_signed_for(&folder, &read, verdicts);
            what_is_open_is_open(&folder, &read, verdicts, still_open.as_deref().ok());
        }
        if read.error.is_none() {
            tail_is_the_end(&folder, &read);
            who_follows_sees(&mut folder, &read);
        }
    }

    if folder.file(CHECKPOINTS).is_some() {
        fs::remove_file(hatch.join(CHECKPOINTS)).expect("it was stored");
    }
    let unsigned = verified(hatch, Verifier::new().key(ours));
    checkpoints_change_nothing_else(&[signed, named], &unsigned);
}

/// What `records` gives up to its first error.
struct Read {
    lines: Vec<Record>,
    error: Option<ScanError>,
}

impl Read {
    /// `None` where there is nothing to begin with.
    fn of(hatch: &Path) -> Option<Self> {
        let mut all: Records = records(hatch).ok()?;
        let mut read = Read { lines: Vec::new(), error: None };
        for line in &mut all {
            match line {
                Ok(line) => read.lines.push(line),
                Err(error) => read.error = Some(error),
            }
        }
        match (&read.error, all.more()) {
            (None, Ok(None)) | (Some(_), Ok(None) | Err(_)) => {}
            (before, more) => panic!("behind the end ({before:?}) there is {more:?}"),
        }
        for line in &read.lines {
            let _ = line.data_text("previous");
        }
        if let Some(error) = &read.error {
            let _ = error.to_string();
        }
        Some(read)
    }

    /// Where the line stands that this file begins with.
    fn first_of(&self, segment: &[u8]) -> Option<usize> {
        let first = said::first_line(segment)?;
        self.lines.iter().position(|line| first.strip_suffix(b"\n") == Some(line.json().as_bytes()))
    }
}

fn verified(hatch: &Path, verifier: Verifier) -> Result<Verdicts, ScanError> {
    let verdicts = verifier.threads(NonZero::<usize>::MIN).verify(hatch, &|progress: Progress| {
        assert!(progress.bytes <= progress.of, "{progress:?}");
    })?;
    serde_json::to_string(&verdicts).expect("verdicts are shown as JSON");
    Ok(verdicts)
}

fn a_whole_chain_is_the_lines(folder: &Folder<'_>, read: &Read, verdicts: &Verdicts) {
    let chain = &verdicts.chain;
    if let Some(Damage { reason, .. }) = &chain.broken {
        let gone = reason.split_once(" is gone, ").map(|(gone, _)| gone);
        assert!(gone.is_none_or(|gone| folder.file(gone).is_none()), "{reason}");
        return;
    }
    if let Some(error) = &read.error {
        assert!(is_expected(folder, error, verdicts), "the chain is whole ({chain:?}), and `records` says {error}");
        return;
    }
    assert_eq!(chain.events, read.lines.len() as u64, "{chain:?}");
    if let (Some(first), Some(last)) = (read.lines.first(), read.lines.last()) {
        assert_eq!((chain.first_sequence, chain.last_sequence), (sequence(first), sequence(last)));
        assert_eq!(chain.last_hash, last.hash);
    }
}

fn is_expected(folder: &Folder<'_>, error: &ScanError, verdicts: &Verdicts) -> bool {
    let ScanError::Damaged { path, reason, .. } = error else { return false };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let size = folder.file(name).map_or(0, |bytes| bytes.len() as u64);
    let is_no_event = reason.starts_with("it is not an event: ");
    let is_believed_beyond_its_end = reason.starts_with("it ends in the middle of a line")
        && said_uncertain(folder).iter().any(|uncertain| uncertain.segment == name && uncertain.offset > size);
    let signed = folder.file(CHECKPOINTS).unwrap_or_default();
    let is_spoken_of = verdicts.chain.unfinished_bytes > 0
        && said::spoken_of(signed) > verdicts.chain.last_sequence
        && folder.segments().next_back().is_some_and(|(newest, _)| newest == name)
        && verdicts.checkpoints.broken.is_some();
    is_no_event || is_believed_beyond_its_end || is_spoken_of
}

/// A segment, the one that says so or `None` where the marker does, and from where on it is not believed.
struct SaidUncertain<'a> {
    by: Option<&'a str>,
    segment: String,
    offset: u64,
}

/// All that is said of segments that are not believed to their end; some of it by lines that are not believed.
fn said_uncertain<'a>(folder: &'a Folder<'_>) -> Vec<SaidUncertain<'a>> {
    let marker = said::doubts(folder.file(DOUBTS)).unwrap_or_default();
    let marker = marker.into_iter().map(|doubt| (None, numbered(doubt.segment), doubt.offset));
    let first_lines =
        folder.segments().filter_map(|(name, bytes)| Some((name, said::opened(said::first_line(bytes)?)?)));
    let said = first_lines.flat_map(|(name, opened)| {
        opened.uncertain.into_iter().map(move |uncertain| (Some(name), uncertain.segment, uncertain.offset))
    });
    marker.chain(said).map(|(by, segment, offset)| SaidUncertain { by, segment, offset }).collect()
}

fn what_holds_was_signed_for(folder: &Folder<'_>, read: &Read, verdicts: &Verdicts) {
    let Some(oldest) = read.lines.first().filter(|_| verdicts.hold() && read.error.is_none()) else { return };
    for checkpoint in said::checkpoints(folder.file(CHECKPOINTS).unwrap_or_default()) {
        let checkpoint = checkpoint.expect("they hold, so it is one");
        match checkpoint.sequence.checked_sub(sequence(oldest)) {
            Some(at) => {
                let line = usize::try_from(at).ok().and_then(|at| read.lines.get(at));
                assert_eq!(line.map(|line| &line.hash), Some(&checkpoint.hash), "event {}", checkpoint.sequence);
            }
            None if checkpoint.sequence.checked_add(1) == Some(sequence(oldest)) => {
                assert_eq!(oldest.prevhash, checkpoint.hash, "event {}, before the oldest", checkpoint.sequence);
            }
            None => {}
        }
    }
    assert!(verdicts.unsigned_events <= verdicts.chain.events, "{verdicts:?}");
}

fn what_is_open_is_open(folder: &Folder<'_>, read: &Read, verdicts: &Verdicts, pending: Option<&[Tombstone]>) {
    let whole = verdicts.chain.broken.is_none() && read.error.is_none();
    let Some(oldest) = read.lines.first().filter(|_| whole) else { return };
    let Some(begun_with) = open_list(oldest.json().as_bytes()) else { return };
    let is_the_oldest = folder.segments().next().is_some_and(|(_, oldest)| read.first_of(oldest) == Some(0));
    if !is_the_oldest && !begun_with.is_empty() {
        return; // the verifier may have begun with another list
    }
    let open_before = |line: usize| {
        let mut open = begun_with.clone();
        for actionid in read.lines[..line].iter().filter_map(actionid) {
            if !open.remove(&actionid) {
                open.insert(actionid);
            }
        }
        open
    };
    let open = open_before(read.lines.len());
    let actionids =
        |tombstones: &[Tombstone]| tombstones.iter().map(|tombstone| tombstone.actionid).collect::<BTreeSet<_>>();
    let found = actionids(&verdicts.tombstones);
    assert!(found == open, "the verifier says that {found:?} are open, and {open:?} are");

    let Some((active, bytes)) = active(folder) else { return };
    let (Some(pending), Some(first)) = (pending, read.first_of(bytes)) else { return };
    let says_what_is_open = open_list(read.lines[first].json().as_bytes()) == Some(open_before(first));
    let of_earlier_ones = |said: &SaidUncertain<'_>| said.by.is_none_or(|by| said.segment.as_str() < by);
    if says_what_is_open && said_uncertain(folder).iter().all(of_earlier_ones) {
        assert_eq!(actionids(pending), found, "`pending` of {active}, and the verifier");
    }
}

/// The segment in which `pending` begins to read: the newest of which the first line is there and not in doubt.
fn active<'a>(folder: &'a Folder<'_>) -> Option<(&'a str, &'a [u8])> {
    let doubts = said::doubts(folder.file(DOUBTS))?;
    let is_nothing = |name: &str| doubts.iter().any(|doubt| doubt.offset == 0 && numbered(doubt.segment) == name);
    folder.segments().rev().find(|(name, bytes)| !is_nothing(name) && said::first_line(bytes).is_some())
}

fn open_list(first_line: &[u8]) -> Option<BTreeSet<Uuid>> {
    said::opened(first_line).map(|opened| opened.open.into_iter().map(|open| open.actionid).collect())
}

/// By the rule of the verifier, who does not read what stands behind `data`.
fn actionid(line: &Record) -> Option<Uuid> {
    const ACTIONID: &str = ",\"actionid\":\"";
    let head = &line.json()[..line.json().find(",\"data\":")?];
    let begin = head.find(ACTIONID)? + ACTIONID.len();
    Uuid::parse_str(head.get(begin..begin + 36)?).ok()
}

fn tail_is_the_end(folder: &Folder<'_>, read: &Read) {
    let said = said_uncertain(folder);
    let is_believed = |by: &str| folder.file(by).is_some_and(|bytes| read.first_of(bytes).is_some());
    let is_nothing = |name: &str| {
        said.iter().any(|said| said.segment == name && said.offset == 0 && said.by.is_none_or(is_believed))
    };
    let begins = |(name, bytes): (&str, &[u8])| read.first_of(bytes).is_some() || is_nothing(name);
    if !folder.segments().rev().skip(1).all(begins) {
        return;
    }
    for lines in [0, 1, 2, usize::MAX] {
        let (last, mut more) = match tail(folder.hatch, lines) {
            Ok(tail) => tail,
            Err(error) => panic!("`records` reads to the end, and `tail` of {lines} says {error}"),
        };
        let expected = &read.lines[read.lines.len().saturating_sub(lines)..];
        assert!(last.iter().map(Record::json).eq(expected.iter().map(Record::json)), "`tail` of {lines}: {last:?}");
        assert!(matches!(more.more(), Ok(None)), "behind `tail` of {lines}");
    }
}

fn who_follows_sees(folder: &mut Folder<'_>, read: &Read) {
    let Some(mut following) = folder.take_follower() else { return };
    if folder.file(DOUBTS).is_some() || !said_uncertain(folder).is_empty() {
        return;
    }
    for expected in &read.lines[following.seen..] {
        match following.follower.more() {
            Ok(Some(line)) if line.json() == expected.json() => {}
            other => panic!("{} was written, and who follows sees {other:?}", expected.json()),
        }
    }
    assert!(matches!(following.follower.more(), Ok(None)), "behind the end");
}

fn checkpoints_change_nothing_else(with: &[Result<Verdicts, ScanError>], without: &Result<Verdicts, ScanError>) {
    let Ok(without) = without else { return };
    let chain = &without.chain;
    assert_eq!((without.checkpoints.good, without.unsigned_events), (0, chain.events));
    assert_eq!(without.checkpoints.broken.is_some(), chain.last_sequence > 0);
    let extent = |chain: &ChainVerdict| (chain.segments, chain.events, chain.first_sequence, chain.last_hash.clone());
    for with in with.iter().flatten() {
        assert_eq!(extent(&with.chain), extent(chain));
        match (&with.chain.broken, &chain.broken) {
            (Some(_), None) => assert!(chain.unfinished_bytes > 0, "{with:?}"),
            (with, without) => assert_eq!(with, without),
        }
    }
}

fn sequence(line: &Record) -> u64 {
    line.sequence.parse().expect("its place was read")
}
