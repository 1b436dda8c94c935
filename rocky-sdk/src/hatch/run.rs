//! The quick way through a segment: each line checked against the one before by slicing bytes, and no JSON read.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
};

use foldhash::fast::RandomState;
use memchr::{memchr, memmem};
use uuid::Uuid;

use super::{
    line::{self, Link, Place},
    record::{Record, ScanError},
    segment::{self, Deleted},
};
use crate::private_files;

/// Read at once: it stays in a core's own cache until its lines are hashed.
const BLOCK: usize = 128 << 10;
/// No line is longer; a writer refuses a larger event long before.
const LONGEST: usize = 64 << 20;
/// How each line begins, up to its 36 digits of `id`, and from there to its `source`.
pub(super) const ID: &[u8] = b"{\"specversion\":\"1.0\",\"id\":\"";
const SOURCE: &[u8] = b"\",\"source\":\"";
const KIND: &[u8] = b"\",\"type\":\"";
const ACTIONID: &[u8] = b",\"actionid\":\"";
const UUID: usize = 36;

/// Lines of one segment, or of several one behind the other.
#[derive(Default)]
pub(super) struct Run {
    pub(super) lines: u64,
    /// Where the first line begins, and its place in the chain: the run takes that as given.
    pub(super) first: Option<(u64, Place)>,
    /// Where the chain stands behind the last line.
    pub(super) last: Option<Link>,
    /// Where the last line ends.
    pub(super) end: Option<u64>,
    /// Where the first line begins that cannot be, and why.
    pub(super) broken: Option<(u64, String)>,
    /// Whether that line's hash is not that of its content: it may not be written to its end.
    pub(super) may_be_unfinished: bool,
    /// The actions of which an odd number of lines was seen: the first starts an action, the second ends it.
    pub(super) open: HashMap<Uuid, u64, RandomState>,
    /// What the run says of segments that were taken away, and in which event.
    pub(super) deleted: Vec<(Deleted, u64)>,
    /// The events that say that nobody had signed for what was before them.
    pub(super) unsigned: Vec<u64>,
    /// The chain's name, and what stands behind it in each line.
    source: Option<Box<[u8]>>,
}

/// Looks for what stands in front of `data`.
struct Finders {
    data: memmem::Finder<'static>,
    actionid: memmem::Finder<'static>,
    kind: memmem::Finder<'static>,
}

/// Reads the lines of a segment that begin in this range, and no byte from `end` on. `buffer` is for whoever reads on.
pub(super) fn read(path: &Path, range: Range<u64>, end: Option<u64>, buffer: &mut Vec<u8>) -> Result<Run, ScanError> {
    let at = private_files::io_at(path);
    let file = private_files::open(path, private_files::options().read(true))?;
    let size = file.metadata().map_err(&at)?.len();
    let finders = Finders {
        data: memmem::Finder::new(",\"data\":"),
        actionid: memmem::Finder::new(ACTIONID),
        kind: memmem::Finder::new(KIND),
    };
    let mut run = Run::default();
    // From the byte before: where that ends a line, the next one begins in the range.
    let mut lines = Lines::new(&file, range.start.saturating_sub(1), size.min(end.unwrap_or(size)), buffer);
    if range.start > 0 && lines.next().map_err(&at)?.is_none() {
        return Ok(run);
    }
    while lines.begins() < range.end {
        let offset = lines.begins();
        let Some(line) = lines.next().map_err(&at)? else { break };
        if let Err(reason) = run.take(&finders, offset, line) {
            (run.broken, run.may_be_unfinished) = (Some((offset, reason)), line::place(line).is_err());
            break;
        }
        run.end = Some(lines.begins());
    }
    Ok(run)
}

impl Run {
    fn take(&mut self, finders: &Finders, offset: u64, line: &[u8]) -> Result<(), String> {
        let place = line::place(line)?;
        match &self.last {
            Some(last) => place.follows(last)?,
            None => self.first = Some((offset, place)),
        }
        let rest = self.behind_source(finders, line)?;
        let head = &rest[..finders.data.find(rest).ok_or("it is no event: it has no data")?];
        match actionid(finders, head) {
            Some(id) => {
                let id = uuid(id).or_else(|| Uuid::try_parse_ascii(id).ok()).ok_or("its actionid is no UUID")?;
                toggle(&mut self.open, id, offset);
            }
            None if says(finders, head, segment::DELETED) => {
                let (record, _) = Record::read(line)?;
                let deleted = serde_json::from_str(record.data.get());
                let deleted = deleted.map_err(|error| format!("it does not say which segment is gone: {error}"))?;
                self.deleted.push((deleted, place.itself.sequence));
            }
            None if says(finders, head, segment::UNSIGNED) => self.unsigned.push(place.itself.sequence),
            None => {}
        }
        self.last = Some(place.itself);
        self.lines += 1;
        Ok(())
    }

    /// What stands in the line behind its source, which is the other lines' too.
    fn behind_source<'l>(&mut self, finders: &Finders, line: &'l [u8]) -> Result<&'l [u8], String> {
        let rest = line.strip_prefix(ID).and_then(|rest| rest.get(UUID..)?.strip_prefix(SOURCE));
        let rest = rest.ok_or("it is no event of HATCH: it does not begin as one")?;
        if self.source.is_none() {
            let end = finders.kind.find(rest).ok_or("it is no event of HATCH: it has no type")?;
            self.source = Some(rest[..end + KIND.len()].into());
        }
        let source = self.source.as_deref().unwrap_or_default();
        let behind = rest.strip_prefix(source).and_then(|_| rest.get(source.len() - KIND.len()..));
        behind.ok_or_else(|| format!("its source is not {}, but another chain's", text(source)))
    }

    /// The chain's name, where there was a line.
    pub(super) fn source(&self) -> Option<String> {
        self.source.as_ref().map(|source| text(source).into_owned())
    }

    /// Whether another run's lines are of the same chain, as far as both have any.
    pub(super) fn same_source(&self, other: &Run) -> bool {
        match (&self.source, &other.source) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }
}

/// The `actionid`, of what stands before `data`: as a rule it is the last there.
fn actionid<'h>(finders: &Finders, head: &'h [u8]) -> Option<&'h [u8]> {
    let last = head.len().checked_sub(ACTIONID.len() + UUID + 1).map(|at| &head[at..]);
    let id = last.and_then(|last| last.strip_prefix(ACTIONID)?.strip_suffix(b"\""));
    id.or_else(|| {
        let from = finders.actionid.find(head)? + ACTIONID.len();
        Some(head.get(from..from + UUID).unwrap_or(&head[from..]))
    })
}

/// A UUID as HATCH writes it: 36 bytes, in small letters. Many digits at once: each line of an action has one.
fn uuid(text: &[u8]) -> Option<Uuid> {
    let text: &[u8; UUID] = text.try_into().ok()?;
    let mut digits = [0; 32];
    let mut to = 0;
    for (from, length) in [(0, 8), (9, 4), (14, 4), (19, 4), (24, 12)] {
        digits[to..to + length].copy_from_slice(&text[from..from + length]);
        to += length;
    }
    let mut wrong = [8, 13, 18, 23].iter().any(|at| text[*at] != b'-');
    let mut values = [0; 32];
    for (value, digit) in values.iter_mut().zip(digits) {
        let letter = digit >= b'a';
        *value = if letter { digit.wrapping_sub(b'a' - 10) } else { digit.wrapping_sub(b'0') };
        wrong |= if letter { *value > 15 } else { *value > 9 };
    }
    let mut bytes = [0; 16];
    for (byte, two) in bytes.iter_mut().zip(values.chunks_exact(2)) {
        *byte = two[0] << 4 | two[1];
    }
    (!wrong).then_some(Uuid::from_bytes(bytes))
}

/// Takes an action as started there, or as over where it had started.
pub(super) fn toggle<T>(open: &mut HashMap<Uuid, T, RandomState>, id: Uuid, begins: T) {
    match open.entry(id) {
        Entry::Occupied(started) => drop(started.remove()),
        Entry::Vacant(vacant) => drop(vacant.insert(begins)),
    }
}

fn text(source: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(source.strip_suffix(KIND).unwrap_or(source))
}

/// Whether a line, of which this is what stands before `data`, is an event of that name.
fn says(finders: &Finders, head: &[u8], kind: &str) -> bool {
    let named = finders.kind.find(head).map(|at| &head[at + KIND.len()..]);
    named.and_then(|named| named.strip_prefix(kind.as_bytes())).is_some_and(|rest| rest.starts_with(b"\""))
}

/// A file's lines from an offset on, block by block.
struct Lines<'a> {
    file: &'a File,
    /// Up to where there is something to read.
    size: u64,
    /// Where the next line begins, in the file.
    begins: u64,
    buffer: &'a mut Vec<u8>,
    /// Where it begins in the buffer.
    begin: usize,
    /// How far the buffer is filled.
    filled: usize,
}

impl<'a> Lines<'a> {
    fn new(file: &'a File, begins: u64, size: u64, buffer: &'a mut Vec<u8>) -> Self {
        Lines { file, size, begins, buffer, begin: 0, filled: 0 }
    }

    fn begins(&self) -> u64 {
        self.begins
    }

    /// The next line without its end; `None` where there is no end.
    fn next(&mut self) -> std::io::Result<Option<&[u8]>> {
        let mut searched = self.begin;
        loop {
            if let Some(length) = memchr(b'\n', &self.buffer[searched..self.filled]) {
                let begin = std::mem::replace(&mut self.begin, searched + length + 1);
                self.begins += (self.begin - begin) as u64;
                return Ok(Some(&self.buffer[begin..self.begin - 1]));
            }
            self.buffer.copy_within(self.begin..self.filled, 0);
            self.filled -= self.begin;
            self.begin = 0;
            searched = self.filled;
            if self.filled > LONGEST {
                return Ok(None);
            }
            if self.buffer.len() - self.filled < BLOCK {
                self.buffer.resize(self.filled + BLOCK, 0);
            }
            let from = self.begins + self.filled as u64;
            let room = usize::try_from(self.size.saturating_sub(from)).unwrap_or(usize::MAX).min(BLOCK);
            let read = match self.file.read_at(&mut self.buffer[self.filled..self.filled + room], from) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                return Ok(None);
            }
            self.filled += read;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_read_as_the_library_reads_it_or_not_at_all() {
        for _ in 0..1000 {
            let id = Uuid::now_v7();
            assert_eq!(uuid(id.to_string().as_bytes()), Some(id));
        }
        let right = Uuid::now_v7().to_string().into_bytes();
        for at in 0..UUID {
            for other in 0..=255 {
                let mut text = right.clone();
                text[at] = other;
                let read = uuid(&text);
                assert!(read.is_none() || read == Uuid::try_parse_ascii(&text).ok(), "{}", text.escape_ascii());
                let small = !other.is_ascii_uppercase();
                assert!(read.is_some() || !small || Uuid::try_parse_ascii(&text).is_err(), "{}", text.escape_ascii());
            }
        }
        assert_eq!(uuid(&right[..35]), None);
    }
}
