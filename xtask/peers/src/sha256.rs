//! `sha256`: SHA-256 alone over the lines of a journal, on as many cores. Whoever checks a chain cannot be faster.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use memchr::memchr;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::args::at;

/// Hashed before each line, as HATCH does.
const DOMAIN: &[u8] = b"rocky hatch line 1\n";
/// What a line's hash is not over: `,"hash":"`, 64 digits and `"}`.
const SUFFIX: usize = 75;
/// Each is read by itself, by whichever core is free.
const PIECE: u64 = 4 << 20;
/// How much more is read for a line that ends behind its piece.
const MORE: u64 = 64 << 10;

/// What was hashed, and how long it took.
#[derive(Debug, Serialize)]
pub struct Hashed {
    peer: &'static str,
    bytes: u64,
    lines: u64,
    seconds: f64,
    /// All hashes in one, so that none of them can be left out.
    check: String,
}

/// Hashes every whole line of the folder's `*.jsonl` files.
///
/// # Errors
/// A file cannot be read, there is no line, or one is too short to be HATCH's.
pub fn run(folder: &Path, threads: usize) -> Result<Hashed, String> {
    let began = Instant::now();
    let files = segments(folder)?;
    let pieces: Vec<Piece<'_>> = files.iter().flat_map(in_pieces).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<Sum, String> {
        let (mut sum, mut buffer) = (Sum::default(), Buffer::default());
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            piece.hash(&mut buffer, &mut sum)?;
        }
        Ok(sum)
    };
    let sum = thread::scope(|scope| {
        let mut others = Vec::new();
        for _ in 1..threads {
            let other = thread::Builder::new().spawn_scoped(scope, work);
            others.push(other.map_err(|error| format!("a thread cannot be begun: {error}"))?);
        }
        let mut sum: Sum = work()?;
        for other in others {
            sum.add(&other.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))?);
        }
        Ok::<Sum, String>(sum)
    })?;
    let seconds = began.elapsed().as_secs_f64();
    if sum.lines == 0 {
        return Err(format!("{} holds no line of a `*.jsonl` file", folder.display()));
    }
    let check = sum.check.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Hashed { peer: "sha256", bytes: sum.bytes, lines: sum.lines, seconds, check })
}

/// A file as long as it was when it was first looked at.
struct Segment {
    path: PathBuf,
    file: File,
    size: u64,
}

fn segments(folder: &Path) -> Result<Vec<Segment>, String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    let open = |path: PathBuf| -> Result<Segment, String> {
        let file = File::open(&path).map_err(at(&path))?;
        let size = file.metadata().map_err(at(&path))?.len();
        Ok(Segment { path, file, size })
    };
    paths.into_iter().map(open).collect()
}

/// The lines of a file that begin in a range of [`PIECE`] bytes.
struct Piece<'a> {
    segment: &'a Segment,
    begin: u64,
}

fn in_pieces(segment: &Segment) -> impl Iterator<Item = Piece<'_>> {
    (0..segment.size.div_ceil(PIECE)).map(move |number| Piece { segment, begin: number * PIECE })
}

/// What was read of a file, from `from` on. Its memory is kept from piece to piece.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    from: u64,
}

impl Buffer {
    fn read_to(&mut self, segment: &Segment, end: u64) -> Result<(), String> {
        let filled = usize::try_from(end - self.from).map_err(|_| "a line is too long for this machine".to_owned())?;
        if self.bytes.len() < filled {
            self.bytes.resize(filled, 0);
        }
        let new = &mut self.bytes[self.filled..filled];
        segment.file.read_exact_at(new, self.from + self.filled as u64).map_err(at(&segment.path))?;
        self.filled = filled;
        Ok(())
    }

    fn read(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Piece<'_> {
    fn hash(&self, buffer: &mut Buffer, sum: &mut Sum) -> Result<(), String> {
        let Piece { segment, begin } = *self;
        let end = (begin + PIECE).min(segment.size);
        // One byte more in front: a line begins with the piece only where the one before ends there.
        (buffer.from, buffer.filled) = (begin.saturating_sub(1), 0);
        buffer.read_to(segment, end)?;
        let mut line_at = match memchr(b'\n', buffer.read()) {
            _ if begin == 0 => 0,
            Some(newline) => newline + 1,
            None => return Ok(()),
        };
        while buffer.from + (line_at as u64) < end {
            let length = loop {
                if let Some(length) = memchr(b'\n', &buffer.read()[line_at..]) {
                    break length;
                }
                let read = buffer.from + buffer.filled as u64;
                if read == segment.size {
                    return Ok(()); // a line without its end is none
                }
                buffer.read_to(segment, (read + MORE).min(segment.size))?;
            };
            let line = &buffer.read()[line_at..line_at + length];
            let hashed = line.len().checked_sub(SUFFIX).and_then(|length| line.get(..length));
            let hashed = hashed.ok_or_else(|| format!("{}: a line is none of HATCH's", segment.path.display()))?;
            sum.take(hashed, length as u64 + 1);
            line_at += length + 1;
        }
        Ok(())
    }
}

/// What one thread hashed.
#[derive(Default)]
struct Sum {
    bytes: u64,
    lines: u64,
    check: [u8; 32],
}

impl Sum {
    fn take(&mut self, hashed: &[u8], bytes: u64) {
        let digest = Sha256::new().chain_update(DOMAIN).chain_update(hashed).finalize();
        self.add(&Sum { bytes, lines: 1, check: digest.into() });
    }

    fn add(&mut self, other: &Sum) {
        self.bytes += other.bytes;
        self.lines += other.lines;
        for (byte, other) in self.check.iter_mut().zip(other.check) {
            *byte ^= other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn every_line_is_hashed_once_however_it_is_cut_in_pieces() {
        let scratch = Scratch::new(&std::env::temp_dir(), "sha256-test").unwrap();
        let (mut text, mut whole) = (Vec::new(), Sum::default());
        // Some are longer than what is read at once, one is longer than a piece.
        let lengths = (0..20_000).map(|number| 100 + number % 300).chain([200_000, 5 << 20, 80, 200_000]);
        for (number, length) in lengths.enumerate() {
            let mut line = format!("{number:010}").into_bytes();
            line.resize(length, b'x');
            whole.take(&line[..length - SUFFIX], length as u64 + 1);
            text.extend_from_slice(&line);
            text.push(b'\n');
        }
        std::fs::write(scratch.path().join("00000001.jsonl"), &text).unwrap();
        let expected: String = whole.check.iter().map(|byte| format!("{byte:02x}")).collect();
        for threads in [1, 3] {
            let hashed = run(scratch.path(), threads).unwrap();
            assert_eq!((hashed.lines, hashed.bytes), (20_004, text.len() as u64));
            assert_eq!(hashed.check, expected);
        }
        text.extend_from_slice(b"{\"torn");
        std::fs::write(scratch.path().join("00000001.jsonl"), &text).unwrap();
        assert_eq!(run(scratch.path(), 2).unwrap().lines, 20_004);
        std::fs::write(scratch.path().join("00000002.jsonl"), "short\n").unwrap();
        assert!(run(scratch.path(), 2).is_err());
    }
}
