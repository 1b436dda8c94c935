//! Another hand: a bit, a line or the tail of a log is changed, and verify says where, or what it cannot know.

use std::{
    fs::{self, File},
    num::NonZero,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{held, times};
use crate::hatch::{
    Verdicts, Verifier,
    journal::rig::{Rig, rotate, write},
    records,
};

/// A log of three segments that was closed, as it was.
struct Log {
    rig: Rig,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Log {
    async fn of(events: usize) -> Self {
        let mut rig = Rig::new();
        rig.options.checkpoint_events = events as u64 / 4 + 1;
        let journal = rig.open().unwrap();
        let mut open = None;
        for at in 0..events - 3 {
            let id = open.take().or_else(|| (at % 3 == 0).then(uuid::Uuid::now_v7));
            open = id.filter(|_| at % 3 == 0);
            write(&journal, if open.is_some() { "a.started" } else { "a.done" }, id).await.unwrap();
            if at == (events - 3) / 3 || at == (events - 3) * 2 / 3 {
                rotate(&journal).await.unwrap();
            }
        }
        journal.close();
        assert_eq!(rig.read().unwrap().len(), events);
        let mut names = rig.segments();
        assert_eq!(names.len(), 3);
        names.push("checkpoints.signed".to_owned());
        let files = names.into_iter().map(|name| {
            let path = rig.folder.join(name);
            let bytes = fs::read(&path).unwrap();
            (path, bytes)
        });
        let files = files.collect();
        Log { rig, files }
    }

    fn segments(&self) -> &[(PathBuf, Vec<u8>)] {
        &self.files[..3]
    }

    fn folder(&self) -> &Path {
        &self.rig.folder
    }

    fn verify(&self) -> Verdicts {
        Verifier::new().threads(NonZero::<usize>::MIN).verify(self.folder(), &|_| {}).unwrap()
    }

    /// What verify says where one of the files is this instead, and, where the chain is broken, that reading agrees.
    fn with(&self, path: &Path, bytes: &[u8]) -> Verdicts {
        fs::write(path, bytes).unwrap();
        let verdicts = self.verify();
        let read = records(self.folder()).unwrap().find_map(Result::err);
        assert_eq!(read.is_some(), verdicts.chain.broken.is_some(), "{read:?} {verdicts:?}");
        let good = &self.files.iter().find(|(file, _)| file == path).unwrap().1;
        fs::write(path, good).unwrap();
        verdicts
    }

    fn is_whole(&self) {
        let verdicts = self.verify();
        assert!(verdicts.hold() && verdicts.unsigned_events == 0, "{verdicts:?}");
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The line, from 1, that a byte is of.
fn line_of(bytes: &[u8], at: usize) -> u64 {
    bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1
}

/// Where the chain breaks.
fn broken(verdicts: &Verdicts) -> Option<(&str, u64)> {
    verdicts.chain.broken.as_ref().map(|damage| (damage.segment.as_str(), damage.line))
}

#[tokio::test]
async fn every_bit_flipped() {
    let log = Log::of(times(9, 200)).await;
    log.is_whole();
    let full = times(0, 1) == 1;
    let mut flipped = 0;
    for (path, good) in &log.files {
        let file = File::options().write(true).open(path).unwrap();
        let name = name(path);
        for at in 0..good.len() {
            let line = line_of(good, at);
            // Without its end, the last line is none any more.
            let ends = at + 1 == good.len();
            for bit in (0..8).filter(|bit| full || *bit == at % 8) {
                file.write_all_at(&[good[at] ^ (1 << bit)], at as u64).unwrap();
                let verdicts = log.verify();
                let found = broken(&verdicts);
                let says = verdicts.checkpoints.broken.as_deref().unwrap_or_default();
                let is_missed = match name.as_str() {
                    "checkpoints.signed" if ends => found.is_none() && verdicts.unsigned_events > 0,
                    "checkpoints.signed" => found.is_none() && says.contains(&format!("line {line}: ")),
                    "00000003.jsonl" if ends => found.is_none() && says.contains("1 event is missing"),
                    segment => found == Some((segment, line)),
                };
                assert!(is_missed, "bit {bit} of {name}, byte {at}, line {line}: {verdicts:?}");
                flipped += 1;
            }
            file.write_all_at(&[good[at]], at as u64).unwrap();
        }
    }
    log.is_whole();
    held("one bit of a log flipped: verify names the line", flipped);
}

#[tokio::test]
async fn every_line_deleted_doubled_or_swapped() {
    let log = Log::of(times(12, 200)).await;
    let mut changed = [0; 3];
    for (number, (path, good)) in log.segments().iter().enumerate() {
        let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
        for at in 0..lines.len() {
            let here = (name(path), at as u64 + 1);
            let mut without = lines.clone();
            without.remove(at);
            let verdicts = log.with(path, &without.concat());
            let next = log.segments().get(number + 1).map(|(path, _)| (name(path), 1));
            let found = broken(&verdicts).map(|(segment, line)| (segment.to_owned(), line));
            match (at + 1 == lines.len(), next) {
                (false, _) => assert_eq!(found, Some(here.clone()), "{verdicts:?}"),
                (true, Some(next)) => assert_eq!(found, Some(next), "{verdicts:?}"),
                (true, None) => {
                    assert_eq!(found, None);
                    assert!(verdicts.checkpoints.broken.unwrap().contains("1 event is missing at the end"));
                }
            }
            changed[0] += 1;

            let mut twice = lines.clone();
            twice.insert(at, lines[at]);
            let verdicts = log.with(path, &twice.concat());
            assert_eq!(broken(&verdicts), Some((here.0.as_str(), here.1 + 1)), "{verdicts:?}");
            changed[1] += 1;

            if at + 1 < lines.len() {
                let mut swapped = lines.clone();
                swapped.swap(at, at + 1);
                let verdicts = log.with(path, &swapped.concat());
                assert_eq!(broken(&verdicts), Some((here.0.as_str(), here.1)), "{verdicts:?}");
                changed[2] += 1;
            }
        }
    }
    log.is_whole();
    held("a line deleted: verify names the first bad line", changed[0]);
    held("a line doubled: verify names the first bad line", changed[1]);
    held("a line swapped with its neighbour: verify names the first bad line", changed[2]);
}

#[tokio::test]
async fn the_tail_cut_at_every_byte() {
    let log = Log::of(times(9, 200)).await;
    let step = times(9, 1);
    let (path, good) = &log.segments()[2];
    let (checkpoints, signed) = &log.files[3];
    // With the checkpoints that speak of what is cut off, and with those alone that speak of the segment's first line.
    let first = signed
        .split_inclusive(|byte| *byte == b'\n')
        .take_while(|line| !line.windows(15).any(|text| text == br#""00000003.jsonl"#));
    let before: usize = first.map(<[u8]>::len).sum();
    let early = before + signed[before..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for signed in [&signed[..], &signed[..early]] {
        fs::write(checkpoints, signed).unwrap();
        for cut in (0..good.len()).step_by(step) {
            let verdicts = log.with(path, &good[..cut]);
            assert!(verdicts.chain.broken.is_none(), "what is left is a chain: {verdicts:?}");
            let whole = good[..cut].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let unfinished = good[whole..cut].trim_ascii_end(); // blanks at the end are none of it
            assert_eq!(verdicts.chain.unfinished_bytes, unfinished.len() as u64);
            match &verdicts.checkpoints.broken {
                Some(missing) => assert!(missing.contains("missing at the end"), "{missing}"),
                // Nobody signed for what is gone: that is what is said.
                None => {
                    let last = verdicts.checkpoints.last_sequence.unwrap();
                    assert!(signed.len() == early && verdicts.unsigned_events == verdicts.chain.last_sequence - last);
                }
            }
        }
    }
    fs::write(checkpoints, signed).unwrap();
    // A start refuses what verify calls cut.
    for cut in (0..good.len()).step_by(good.len() / 10) {
        fs::write(path, &good[..cut]).unwrap();
        assert!(log.rig.open().is_err());
    }
    fs::write(path, good).unwrap();
    log.is_whole();
    held("the tail cut at a byte: missed, or said to be beyond the last checkpoint", good.len().div_ceil(step) * 2);
}
