//! The input, read as a program that builds a hatch folder.
//!
//! Bytes by chance never get past a hash or a signature, so a program says what a line is to say, and the hash and the
//! signature are put under it here, by the public rule and without the code that is tested. Where a program does not
//! lie, it builds what a writer would have left.
//!
//! An operation is one byte, modulo 16, and what it takes. Behind the input's end there are zeros.
//!
//! - A *chunk* is a byte, its length, and so many bytes.
//! - A *file* is a byte: 255 `checkpoints.signed`, 254 `uncertain.json`, 253 `checkpoint.key`, 252 the segment 99999999,
//!   any other the segment of that number.
//! - A *place* in a file is two bytes, little-endian: 0x7fff is beyond everything, 0x7ffe is the mark, with the highest
//!   bit it is where that line begins, else it is an offset.
//! - A *digit* is a byte, of which 64 equal hexadecimal digits are made, in place of a hash.
//! - A *seal* is a byte of bits: 1: eight bytes for the sequence, 2: digit for the `prevhash`, 4: without its newline,
//!   8: not the first of its batch.
//!
//! |    | operation | takes |
//! |---:|-----------|-------|
//! |  0 | go on in a segment | file |
//! |  1 | bytes as they are, to the segment's end | chunk |
//! |  2 | a sealed event | bits; 8: source chunk, 1: type chunk, 2: action byte, 4: data chunk; *seal* |
//! |  3 | a sealed `segment.opened` | bits; 1: previous file (255: none), 2: digit for its hash, 4: open list (count % 8; action byte, file, place), 8: uncertain list (count % 8; file, place, two bytes), 16: chunk behind the rest of `data`; *seal* |
//! |  4 | a sealed `segment.deleted` | file; bits; 1: digit for its last hash; *seal* |
//! |  5 | `uncertain.json` | count % 8; file, place |
//! |  6 | bytes as they are, to a file's end | file, chunk |
//! |  7 | a signed checkpoint | bits; 32: of the mark, 1: eight bytes for its sequence, 2: digit for its hash, 4: file and place, 8: by another key, 16: without its newline |
//! |  8 | flip bits | file, place, mask |
//! |  9 | cut off | file, place |
//! | 10 | take away | file |
//! | 11 | mark where the chain stands | |
//! | 12 | go back there: what was written since stays, and the chain forgets it | |
//! | 13 | begin to follow the end | |
//! | 14 | the chain stands elsewhere | eight bytes for its sequence, digit |
//! | 15 | a sealed line | chunk before its place in the chain; *seal* |

use std::{collections::BTreeMap, fs, io::Write, iter, os::unix::fs::OpenOptionsExt, path::Path, sync::LazyLock};

use ed25519_dalek::{Signer as _, SigningKey};
use rocky_sdk::hatch::{Record, Records, ScanError, records, tail};
use sha2::{Digest, Sha256};

use crate::said;

pub(crate) const CHECKPOINTS: &str = "checkpoints.signed";
pub(crate) const DOUBTS: &str = "uncertain.json";
const KEY: &str = "checkpoint.key";
const SOURCE: &[u8] = b"/rocky/f/1";
const TIME: &str = "2026-01-01T00:00:00.000000Z";

/// So many and no more, so that one input takes milliseconds.
const OPERATIONS: usize = 256;
const LINES: usize = 64;
const FOLLOWERS: usize = 2;

static OURS: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[7; 32]));
static ANOTHER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[8; 32]));

/// The public half of the key that signs where a program does not lie.
pub(crate) fn key() -> String {
    hex::encode(OURS.verifying_key().as_bytes())
}

/// The name of a segment.
pub(crate) fn numbered(number: u64) -> String {
    format!("{number:08}.jsonl")
}

/// A hatch folder, as a program left it.
pub(crate) struct Folder<'a> {
    pub(crate) hatch: &'a Path,
    files: BTreeMap<String, Vec<u8>>,
    /// Of these, what is on the disk.
    stored: BTreeMap<String, Vec<u8>>,
    pen: Pen,
    mark: Pen,
    /// The hash of each segment's last line, when it is gone too.
    last_hashes: BTreeMap<String, String>,
    lines: usize,
    followers: usize,
    following: Option<Following>,
}

/// Somebody who follows the end of the journal while it is written.
pub(crate) struct Following {
    pub(crate) follower: Records,
    /// How many lines there were when that began.
    pub(crate) seen: usize,
    /// Whether since then the newest segment grew, or one behind it was begun, and nothing else was done.
    only_grew: bool,
}

/// Where the chain stands.
#[derive(Clone)]
struct Pen {
    segment: u64,
    /// Of the segment, where this is a mark.
    length: u64,
    sequence: u64,
    hash: String,
    /// The actions that have started and have no outcome, and where their lines are.
    open: BTreeMap<u8, (String, u64)>,
}

impl Pen {
    fn still_open(&self) -> Vec<String> {
        self.open.iter().map(|(action, (segment, offset))| still_open(*action, segment, *offset)).collect()
    }
}

impl<'a> Folder<'a> {
    /// Runs the program. What was in the folder before is taken away first.
    pub(crate) fn built_by(program: &[u8], hatch: &'a Path) -> Self {
        for entry in fs::read_dir(hatch).expect("the folder is ours") {
            fs::remove_file(entry.expect("the folder is ours").path())
                .expect("the folder holds files, and they are ours");
        }
        let pen = Pen { segment: 1, length: 0, sequence: 0, hash: digits(0), open: BTreeMap::new() };
        let mut folder = Folder {
            hatch,
            files: BTreeMap::new(),
            stored: BTreeMap::new(),
            mark: pen.clone(),
            pen,
            last_hashes: BTreeMap::new(),
            lines: 0,
            followers: 0,
            following: None,
        };
        let mut program = Program(program);
        for _ in 0..OPERATIONS {
            let Some(operation) = program.operation() else { break };
            folder.operate(operation, &mut program);
        }
        folder.store();
        folder
    }

    /// The segments in their order.
    pub(crate) fn segments(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        self.files.iter().filter(|(name, _)| is_segment(name)).map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
    }

    pub(crate) fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// Whoever follows, where nothing but lines and checkpoints was added since that began.
    pub(crate) fn take_follower(&mut self) -> Option<Following> {
        self.following.take().filter(|following| following.only_grew)
    }

    fn operate(&mut self, operation: u8, program: &mut Program<'_>) {
        match operation % 16 {
            0 => self.go_on_in(number(program.byte())),
            1 => self.append(&numbered(self.pen.segment), program.chunk()),
            2 => self.event(program),
            3 => self.opened(program),
            4 => self.deleted(program),
            5 => self.doubt(program),
            6 => self.append(&named(program.byte()), program.chunk()),
            7 => self.sign(program),
            8 => self.flip(program),
            9 => self.cut(program),
            10 => self.take_away(&named(program.byte())),
            11 => self.mark = Pen { length: self.length(&numbered(self.pen.segment)), ..self.pen.clone() },
            12 => self.pen = self.mark.clone(),
            13 => self.follow(),
            14 => (self.pen.sequence, self.pen.hash) = (program.eight(), digits(program.byte())),
            _ => {
                let line = program.chunk().to_vec();
                self.seal(line, program);
            }
        }
    }

    fn go_on_in(&mut self, segment: u64) {
        self.pen.segment = segment;
        self.append(&numbered(segment), b"");
    }

    fn event(&mut self, program: &mut Program<'_>) {
        let given = program.byte();
        let source: &[u8] = if given & 8 != 0 { program.chunk() } else { SOURCE };
        let kind = (given & 1 != 0).then(|| program.chunk());
        let action = (given & 2 != 0).then(|| program.byte());
        let data: &[u8] = if given & 4 != 0 { program.chunk() } else { b"{}" };
        let usual: &[u8] = match action {
            None => b"note",
            Some(action) if self.pen.open.contains_key(&action) => b"a.done",
            Some(_) => b"a.started",
        };
        let mut line = self.head(source, kind.unwrap_or(usual));
        if let Some(action) = action {
            line.extend_from_slice(b",\"tenant\":\"acme\",\"actor\":\"ada\",\"role\":\"admin\"");
            line.extend_from_slice(format!(",\"actionid\":\"{}\"", actionid(action)).as_bytes());
        }
        line.extend_from_slice(b",\"data\":");
        line.extend_from_slice(data);
        let begins = self.length(&numbered(self.pen.segment));
        let is_sealed = self.seal(line, program);
        if let Some(action) = action.filter(|_| is_sealed)
            && self.pen.open.remove(&action).is_none()
        {
            self.pen.open.insert(action, (numbered(self.pen.segment), begins));
        }
    }

    fn opened(&mut self, program: &mut Program<'_>) {
        let lies = program.byte();
        let mut previous = self.pen.segment.checked_sub(1).filter(|number| *number > 0).map(numbered);
        if lies & 1 != 0 {
            let file = program.byte();
            previous = (file != 255).then(|| named(file));
        }
        let previous = previous.map_or("null".to_owned(), |name| format!("\"{name}\""));
        let previous_hash = if lies & 2 != 0 { digits(program.byte()) } else { self.pen.hash.clone() };
        let mut open = self.pen.still_open();
        if lies & 4 != 0 {
            open.clear();
            for _ in 0..program.byte() % 8 {
                let (action, segment) = (program.byte(), named(program.byte()));
                open.push(still_open(action, &segment, self.place(&segment, program.two())));
            }
        }
        let mut data =
            format!("{{\"previous\":{previous},\"previous_hash\":\"{previous_hash}\",\"open\":[{}]", open.join(","));
        if lies & 8 != 0 {
            let mut uncertain = Vec::new();
            for _ in 0..program.byte() % 8 {
                let segment = named(program.byte());
                let (offset, bytes) = (self.place(&segment, program.two()), program.two());
                uncertain.push(format!("{{\"segment\":\"{segment}\",\"offset\":{offset},\"bytes\":{bytes}}}"));
            }
            data.push_str(&format!(",\"uncertain\":[{}]", uncertain.join(",")));
        }
        let mut line = self.head(SOURCE, b"segment.opened");
        line.extend_from_slice(b",\"data\":");
        line.extend_from_slice(data.as_bytes());
        if lies & 16 != 0 {
            line.extend_from_slice(program.chunk());
        }
        line.push(b'}');
        self.seal(line, program);
    }

    fn deleted(&mut self, program: &mut Program<'_>) {
        let (segment, lies) = (named(program.byte()), program.byte());
        let last_hash = match self.last_hashes.get(&segment) {
            _ if lies & 1 != 0 => digits(program.byte()),
            Some(last_hash) => last_hash.clone(),
            None => self.pen.hash.clone(),
        };
        let mut line = self.head(SOURCE, b"segment.deleted");
        let data = format!(",\"data\":{{\"segment\":\"{segment}\",\"last_hash\":\"{last_hash}\"}}");
        line.extend_from_slice(data.as_bytes());
        self.seal(line, program);
    }

    fn doubt(&mut self, program: &mut Program<'_>) {
        let mut doubts = Vec::new();
        for _ in 0..program.byte() % 8 {
            let segment = number(program.byte());
            let offset = self.place(&numbered(segment), program.two());
            doubts.push(format!("{{\"segment\":{segment},\"offset\":{offset}}}"));
        }
        self.files.insert(DOUBTS.to_owned(), format!("[{}]", doubts.join(",")).into_bytes());
        self.did_not_only_grow();
    }

    fn sign(&mut self, program: &mut Program<'_>) {
        let lies = program.byte();
        let of_mark = lies & 32 != 0;
        let pen = if of_mark { &self.mark } else { &self.pen };
        let sequence = if lies & 1 != 0 { program.eight() } else { pen.sequence };
        let hash = if lies & 2 != 0 { digits(program.byte()) } else { pen.hash.clone() };
        let mut segment = numbered(pen.segment);
        let mut offset = if of_mark { pen.length } else { self.length(&segment) };
        if lies & 4 != 0 {
            segment = named(program.byte());
            offset = self.place(&segment, program.two());
        }
        let open = pen.still_open().join(",");
        let signer = if lies & 8 != 0 { &*ANOTHER } else { &*OURS };
        let key = hex::encode(signer.verifying_key().as_bytes());
        let source = String::from_utf8_lossy(SOURCE);
        let mut line = format!(
            "{{\"source\":\"{source}\",\"sequence\":{sequence},\"hash\":\"{hash}\",\"segment\":\"{segment}\",\
             \"offset\":{offset},\"time\":\"{TIME}\",\"open\":[{open}],\"key\":\"{key}\""
        );
        let signature = signer.sign(format!("rocky hatch checkpoint 1\n{line}").as_bytes());
        line.push_str(&format!(",\"signature\":\"{}\"}}", hex::encode(signature.to_bytes())));
        if lies & 16 == 0 {
            line.push('\n');
        }
        self.files.entry(CHECKPOINTS.to_owned()).or_default().extend_from_slice(line.as_bytes());
    }

    fn flip(&mut self, program: &mut Program<'_>) {
        let name = named(program.byte());
        let (at, mask) = (self.place(&name, program.two()), program.byte());
        let bytes = self.files.get_mut(&name);
        if let Some(byte) = usize::try_from(at).ok().and_then(|at| bytes?.get_mut(at)) {
            *byte ^= mask;
        }
        self.did_not_only_grow();
    }

    fn cut(&mut self, program: &mut Program<'_>) {
        let name = named(program.byte());
        let length = self.place(&name, program.two());
        if let Some(bytes) = self.files.get_mut(&name) {
            bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
        self.did_not_only_grow();
    }

    fn take_away(&mut self, name: &str) {
        self.files.remove(name);
        self.did_not_only_grow();
    }

    /// Reads what there is, and lets somebody follow what is written behind it.
    fn follow(&mut self) {
        if self.followers == FOLLOWERS {
            return;
        }
        self.followers += 1;
        self.store();
        let seen: Result<Vec<Record>, ScanError> = records(self.hatch).and_then(Iterator::collect);
        self.following = match (seen, tail(self.hatch, 0)) {
            (Ok(seen), Ok((_, follower))) => {
                // Nothing says where the chain of an empty folder will begin; and what is signed for before it is there
                // is damage to whoever began before it was.
                let last = seen.last().and_then(|last| last.sequence.parse::<u64>().ok());
                let signed = said::spoken_of(self.file(CHECKPOINTS).unwrap_or_default());
                let only_grew = last.is_some_and(|last| signed <= last);
                Some(Following { follower, seen: seen.len(), only_grew })
            }
            _ => None,
        };
    }

    /// How a line begins, up to what stands in front of its `actionid` or its `data`.
    fn head(&self, source: &[u8], kind: &[u8]) -> Vec<u8> {
        let id = format!("01890000-0000-7000-8000-{:012x}", self.lines);
        let parts: [&[u8]; 9] = [
            b"{\"specversion\":\"1.0\",\"id\":\"",
            id.as_bytes(),
            b"\",\"source\":\"",
            source,
            b"\",\"type\":\"",
            kind,
            b"\",\"time\":\"",
            TIME.as_bytes(),
            b"\"",
        ];
        parts.concat()
    }

    /// Ends a line with its place in the chain, and appends it; `false` where there are enough.
    fn seal(&mut self, mut line: Vec<u8>, program: &mut Program<'_>) -> bool {
        if self.lines == LINES {
            return false;
        }
        self.lines += 1;
        let how = program.byte();
        let sequence = if how & 1 != 0 { program.eight() } else { self.pen.sequence.wrapping_add(1) };
        let prevhash = if how & 2 != 0 { digits(program.byte()) } else { self.pen.hash.clone() };
        if how & 8 == 0 {
            line.extend_from_slice(b",\"batch\":1");
        }
        line.extend_from_slice(format!(",\"sequence\":\"{sequence:020}\",\"prevhash\":\"{prevhash}\"").as_bytes());
        let hash = hex::encode(Sha256::new().chain_update(b"rocky hatch line 1\n").chain_update(&line).finalize());
        line.extend_from_slice(format!(",\"hash\":\"{hash}\"}}").as_bytes());
        if how & 4 == 0 {
            line.push(b'\n');
        }
        let segment = numbered(self.pen.segment);
        self.append(&segment, &line);
        self.last_hashes.insert(segment, hash.clone());
        (self.pen.sequence, self.pen.hash) = (sequence, hash);
        true
    }

    fn append(&mut self, name: &str, bytes: &[u8]) {
        let is_behind_all = self.files.keys().all(|other| !is_segment(other) || other.as_str() <= name);
        if !is_segment(name) || !is_behind_all {
            self.did_not_only_grow();
        }
        self.files.entry(name.to_owned()).or_default().extend_from_slice(bytes);
    }

    fn did_not_only_grow(&mut self) {
        if let Some(following) = &mut self.following {
            following.only_grew = false;
        }
    }

    fn length(&self, name: &str) -> u64 {
        self.file(name).map_or(0, |bytes| bytes.len() as u64)
    }

    fn place(&self, name: &str, said: u16) -> u64 {
        match said {
            0x7fff => u64::MAX,
            0x7ffe => self.mark.length,
            offset if offset < 0x8000 => u64::from(offset),
            line => {
                let bytes = self.file(name).unwrap_or_default();
                let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at as u64);
                let begins: Vec<u64> = iter::once(0).chain(newlines.map(|newline| newline + 1)).collect();
                begins[usize::from(line & 0x7fff) % begins.len()]
            }
        }
    }

    /// Writes to the disk what is not there yet, into the files that are.
    fn store(&mut self) {
        for name in self.stored.keys().filter(|name| !self.files.contains_key(*name)) {
            fs::remove_file(self.hatch.join(name)).expect("it was stored");
        }
        for (name, bytes) in self.files.iter().filter(|(name, bytes)| self.stored.get(*name) != Some(*bytes)) {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let stored = options.open(self.hatch.join(name)).and_then(|mut file| file.write_all(bytes));
            stored.expect("the folder is ours, and has room");
        }
        self.stored.clone_from(&self.files);
    }
}

/// What is still to be read of the input.
struct Program<'p>(&'p [u8]);

impl<'p> Program<'p> {
    fn operation(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.operation().unwrap_or(0)
    }

    fn two(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn eight(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn chunk(&mut self) -> &'p [u8] {
        let length = usize::from(self.byte());
        let rest: &'p [u8] = self.0;
        let (chunk, rest) = rest.split_at(length.min(rest.len()));
        self.0 = rest;
        chunk
    }
}

fn number(file: u8) -> u64 {
    if file == 252 { 99_999_999 } else { u64::from(file) }
}

fn named(file: u8) -> String {
    match file {
        255 => CHECKPOINTS.to_owned(),
        254 => DOUBTS.to_owned(),
        253 => KEY.to_owned(),
        segment => numbered(number(segment)),
    }
}

fn is_segment(name: &str) -> bool {
    name.ends_with(".jsonl")
}

fn actionid(action: u8) -> String {
    format!("01890000-0000-7000-9000-{action:012x}")
}

fn still_open(action: u8, segment: &str, offset: u64) -> String {
    format!("{{\"actionid\":\"{}\",\"segment\":\"{segment}\",\"offset\":{offset}}}", actionid(action))
}

fn digits(digit: u8) -> String {
    format!("{:x}", digit & 15).repeat(64)
}
