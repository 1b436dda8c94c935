//! A journal in pieces of a few MiB: each is read by itself, by whichever core is free, and then they are put together.

use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::{Damage, Found, Progress};
use crate::{
    hatch::{
        line::Link,
        reader::{chain_before, ends, segments},
        record::ScanError,
        run::{self, Run},
        segment::{self, Deleted, Position, StillOpen},
    },
    private_files,
};

const PIECE: u64 = 4 << 20;

/// The lines of a segment that begin in a range.
struct Piece<'a> {
    segment: &'a Segment,
    range: Range<u64>,
}

/// A segment as it was when it was first looked at.
struct Segment {
    path: PathBuf,
    size: u64,
    /// Where it stops being believed.
    end: Option<u64>,
    /// No other is behind it: its last line may be unfinished.
    newest: bool,
}

impl Segment {
    fn of(path: PathBuf, end: Option<u64>, newest: bool) -> Result<Self, ScanError> {
        let file = private_files::open(&path, private_files::options().read(true))?;
        let size = file.metadata().map_err(private_files::io_at(&path))?.len();
        Ok(Segment { path, size, end, newest })
    }

    /// How much of it is to be read.
    fn believed(&self) -> u64 {
        self.end.unwrap_or(self.size).min(self.size)
    }
}

/// Reads every segment.
pub(super) fn read_all(hatch: &Path, threads: usize, progress: &(dyn Fn(Progress) + Sync)) -> Result<Found, ScanError> {
    // First what is in doubt: a service that starts meanwhile writes it into a segment, and then takes the marker away.
    let doubts = segment::doubts(hatch)?;
    let paths = segments(hatch)?;
    let ends = ends(&paths, &doubts);
    let before = chain_before(&paths, &ends);
    let newest = paths.len();
    let of = |(at, path): (usize, PathBuf)| {
        let end = ends.get(&segment::name(&path)).copied();
        Segment::of(path, end, at + 1 == newest)
    };
    let segments = paths.into_iter().enumerate().map(of).collect::<Result<Vec<Segment>, ScanError>>()?;
    let oldest = segments.iter().find(|segment| segment.end != Some(0));
    let pieces: Vec<Piece<'_>> = segments.iter().flat_map(in_pieces).collect();
    let mut together = Together::new(oldest, before);
    let mut put = || {
        for (piece, run) in pieces.iter().zip(read(&pieces, threads, progress)) {
            let segment = piece.segment;
            if segment.newest && together.whole < piece.range.start {
                // A writer was at work there when the piece before was read: the rest is read anew, as one.
                let rest = Piece { segment, range: together.whole..segment.believed() };
                let run = read_one(&rest, &mut Vec::new())?;
                together.put(&rest, run)?;
                break;
            }
            together.put(piece, run?)?;
            if together.unfinished.is_some() {
                break;
            }
        }
        segments.first().map_or(Ok(0), |oldest| together.is_vouched_for(oldest, &before))
    };
    let (vouched, broken) = match put() {
        Ok(vouched) => (vouched, None),
        Err(error) => (0, Some(damage(error)?)),
    };
    let unfinished_bytes = match segments.last().filter(|newest| broken.is_none() && newest.believed() > together.whole)
    {
        Some(newest) => segment::behind(&newest.path, together.whole)?.len() as u64,
        None => 0,
    };
    // What was not read as a line of the chain is not believed either.
    let mut ends = ends;
    let read_last = together.read_last;
    for segment in &segments {
        let name = segment::name(&segment.path);
        let whole = match (segment::number(&name)).cmp(&read_last) {
            std::cmp::Ordering::Less => continue,
            std::cmp::Ordering::Equal => together.whole,
            std::cmp::Ordering::Greater => 0,
        };
        ends.entry(name).and_modify(|end| *end = whole.min(*end)).or_insert(whole);
    }
    Ok(Found {
        segments: segments.len() as u64,
        source: together.named.as_ref().and_then(Run::source),
        before,
        ends,
        vouched,
        unsigned: together.unsigned,
        chain: together.chain,
        unfinished_bytes,
        unfinished: together.unfinished,
        open: together.open.into_iter().map(|(actionid, place)| (actionid, position(place))).collect(),
        broken,
    })
}

fn position((number, offset): (u64, u64)) -> Position {
    Position { segment: segment::numbered(number), offset }
}

/// A verdict, where it is one.
fn damage(error: ScanError) -> Result<Damage, ScanError> {
    match error {
        ScanError::Damaged { path, line, offset, reason } => {
            Ok(Damage { segment: segment::name(&path), line, offset, reason })
        }
        error @ ScanError::File(_) => Err(error),
    }
}

fn in_pieces(segment: &Segment) -> impl Iterator<Item = Piece<'_>> {
    let size = segment.believed();
    (0..size.div_ceil(PIECE).max(1)).map(move |number| {
        let begin = number * PIECE;
        Piece { segment, range: begin..(begin + PIECE).min(size) }
    })
}

/// What is read of them, in their order.
fn read(
    pieces: &[Piece<'_>],
    threads: usize,
    progress: &(dyn Fn(Progress) + Sync),
) -> impl Iterator<Item = Result<Run, ScanError>> {
    let of = pieces.iter().map(|piece| piece.range.end - piece.range.start).sum();
    let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let runs: Vec<OnceLock<Result<Run, ScanError>>> = pieces.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        let mut buffer = Vec::new();
        while let Some((piece, run)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            pieces.get(at).zip(runs.get(at))
        } {
            run.get_or_init(|| read_one(piece, &mut buffer));
            let much = piece.range.end - piece.range.start;
            progress(Progress { bytes: bytes.fetch_add(much, Ordering::Relaxed) + much, of });
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    runs.into_iter().filter_map(OnceLock::into_inner)
}

/// All that is to be known of a piece: the service may take its segment away right after.
fn read_one(piece: &Piece<'_>, buffer: &mut Vec<u8>) -> Result<Run, ScanError> {
    let Piece { segment, range } = piece;
    let run = run::read(&segment.path, range.clone(), Some(segment.believed()), buffer)?;
    if range.start == 0 && run.lines > 0 {
        segment::opened(&segment.path)?;
    }
    Ok(run)
}

/// The pieces so far, one behind the other.
struct Together {
    chain: Link,
    /// Where the last line ends of the segment that is read.
    whole: u64,
    /// A run that has lines, for the chain's name.
    named: Option<Run>,
    /// The actions that have started and have no outcome yet: the number of the segment, and where the line begins.
    open: HashMap<Uuid, (u64, u64), RandomState>,
    deleted: Vec<(Deleted, u64)>,
    unsigned: Vec<u64>,
    /// What is wrong with the line behind the last one, where it is one that a crash can have left.
    unfinished: Option<Damage>,
    /// The number of the segment that was read last.
    read_last: Option<u64>,
}

impl Together {
    /// `oldest` is the first segment that is believed.
    fn new(oldest: Option<&Segment>, chain: Link) -> Self {
        // What it was begun with: of these, some lines may be in segments that were taken away.
        let opened = oldest.and_then(|oldest| segment::opened(&oldest.path).ok().flatten());
        let open = opened.map(|opened| opened.open).unwrap_or_default();
        let place =
            |open: &StillOpen| (open.actionid, (segment::number(&open.segment).unwrap_or_default(), open.offset));
        let open = open.iter().map(place).collect();
        Together {
            chain,
            whole: 0,
            named: None,
            open,
            deleted: Vec::new(),
            unsigned: Vec::new(),
            unfinished: None,
            read_last: None,
        }
    }

    /// Takes the next piece, of which this was read. What is damaged ends it.
    fn put(&mut self, piece: &Piece<'_>, run: Run) -> Result<(), ScanError> {
        let path = &piece.segment.path;
        let damaged = |offset, reason: &str| Err(segment::damaged(path, offset, reason));
        let begins = piece.range.start == 0;
        if begins {
            (self.whole, self.read_last) = (0, segment::number(&segment::name(path)));
        }
        if let Some((offset, place)) = &run.first {
            place.follows(&self.chain).or_else(|reason| damaged(*offset, &reason))?;
            if self.named.as_ref().is_some_and(|named| !named.same_source(&run)) {
                return damaged(*offset, "its source is another chain's");
            }
        }
        self.chain = run.last.unwrap_or(self.chain);
        self.whole = run.end.unwrap_or(self.whole);
        self.unsigned.extend(&run.unsigned);
        let number = segment::number(&segment::name(path)).unwrap_or_default();
        for (actionid, offset) in &run.open {
            run::toggle(&mut self.open, *actionid, (number, *offset));
        }
        if let Some((offset, reason)) = &run.broken {
            let newest = piece.segment.newest && piece.segment.end.is_none() && run.may_be_unfinished;
            if !newest || !segment::is_unfinished(path, *offset, &self.chain)? {
                return damaged(*offset, reason);
            }
            self.unfinished = damage(segment::damaged(path, *offset, reason)).ok();
        }
        let ends = piece.range.end >= piece.segment.believed();
        if ends && !piece.segment.newest && self.whole != piece.segment.believed() {
            return damaged(self.whole, "it ends in the middle of a line, and another segment follows");
        }
        if ends && !piece.segment.newest && self.whole == 0 && piece.segment.end != Some(0) {
            return damaged(0, "it has no line, and another segment follows");
        }
        self.deleted.extend(run.deleted.iter().cloned());
        if run.lines > 0 && self.named.is_none() {
            self.named = Some(run);
        }
        Ok(())
    }

    /// Where segments before the oldest were taken away, an event says so, and how the last of them ended: which event it is.
    fn is_vouched_for(&self, oldest: &Segment, before: &Link) -> Result<u64, ScanError> {
        let number = segment::number(&segment::name(&oldest.path)).unwrap_or(1);
        let Some(previous) = number.checked_sub(1).filter(|previous| *previous > 0).map(segment::numbered) else {
            return match *before {
                Link::GENESIS => Ok(0),
                _ => Err(segment::damaged(&oldest.path, 0, "nothing stands before the first segment")),
            };
        };
        let mut said = self.deleted.iter().filter(|(deleted, _)| deleted.segment == previous);
        let reason = format!("{previous} is gone, and no `segment.deleted` says that it was taken away");
        said.find(|(deleted, _)| deleted.last_hash == before.hash.as_str())
            .map(|(_, sequence)| *sequence)
            .ok_or_else(|| segment::damaged(&oldest.path, 0, &reason))
    }
}
