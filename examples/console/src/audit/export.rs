//! `audit export`: a copy of the log, which is verified where it is kept.
//!
//! A running console fills its segment with blanks and writes lines in their place, so what is read there may have a
//! hole. The copy ends with a line that could be read, with all before it, before the copy was begun.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use rocky_sdk::hatch::{CheckpointKey, Record, tail};
use rustix::fs::OFlags;

use super::{line, verify};
use crate::{Ended, Failure};

const CHECKPOINTS: &str = "checkpoints.signed";
/// Where segments stop being believed, when no segment says so yet.
const DOUBT: &str = "uncertain.json";
const KEY: &str = "checkpoint.pub";
/// How often a copy is begun, where a running console took something away meanwhile.
const TRIES: usize = 5;
/// How long until it is begun again.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest line that a segment is expected to begin with.
const LONGEST: u64 = 64 << 20;

/// Why a copy was not made.
enum Stopped {
    /// A console took something away meanwhile: another copy may be made.
    Changed(String),
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Stopped::Failed(failure)
    }
}

pub(super) fn run(hatch: &Path, folder: &Path) -> Ended {
    let key = CheckpointKey::of(hatch)?;
    DirBuilder::new().mode(0o700).create(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Failed(format!("{} is there already: name a folder that is not", folder.display()))
        }
        _ => at(folder)(error),
    })?;
    if let Err(failure) = copied(hatch, folder, &key) {
        // Half a copy could be taken for a whole one.
        if let Err(error) = fs::remove_dir_all(folder) {
            eprintln!("rocky-console: half a copy is left in {}: {error}", folder.display());
        }
        return Err(failure);
    }
    let verdicts = verify::verified(folder, Some(key), true)?;
    let mut told = verify::told(&verdicts);
    told.push(format!("copied to {}; to verify the copy elsewhere:", folder.display()));
    told.push(format!("  rocky-console audit verify --folder {} --key {key}", quoted(folder)));
    line::say(&told)?;
    Ok(verify::exit_code(&verdicts))
}

/// Copies the log, and again where it changed meanwhile.
fn copied(hatch: &Path, folder: &Path, key: &CheckpointKey) -> Result<(), Failure> {
    let mut tries = 1;
    loop {
        match copy(hatch, folder, key) {
            Ok(()) => return Ok(()),
            Err(Stopped::Failed(failure)) => return Err(failure),
            Err(Stopped::Changed(what)) if tries == TRIES => {
                return Err(Failure::Failed(format!(
                    "{what}, and something was each of the {TRIES} times that it was begun: run it again, or have more \
                     segments kept (ROCKY_HATCH_KEEP)"
                )));
            }
            Err(Stopped::Changed(_)) => {}
        }
        tries += 1;
        empty(folder)?;
        std::thread::sleep(PAUSE);
    }
}

fn copy(hatch: &Path, folder: &Path, key: &CheckpointKey) -> Result<(), Stopped> {
    // Before all else: what is gone by then has its event, and its checkpoint, in what is read then.
    let oldest = segments(hatch)?.into_iter().next();
    // Before the segments: what is signed for stands in the lines that are read then, whatever is written meanwhile.
    let doubt = read(&hatch.join(DOUBT))?;
    let mut checkpoints = read(&hatch.join(CHECKPOINTS))?;
    if let Some(lines) = &mut checkpoints {
        lines.truncate(behind_the_last_line(lines));
    }
    let last = last_line(hatch);
    let segments = segments(hatch)?;
    if segments.first() != oldest.as_ref() {
        return Err(taken_away(&hatch.join(oldest.as_deref().unwrap_or_default())));
    }
    let holds_last = match &last {
        Some(last) => segment_of(hatch, &segments, last)?,
        None => segments.len().saturating_sub(1),
    };
    for name in segments.iter().take(holds_last) {
        copy_segment(&hatch.join(name), &folder.join(name), false)?;
    }
    if let Some(name) = segments.get(holds_last) {
        let (from, to) = (hatch.join(name), folder.join(name));
        match &last {
            Some(last) => copy_up_to(last, &from, &to)?,
            None => copy_segment(&from, &to, true)?,
        }
    }
    let key = Some(format!("{key}\n").into_bytes());
    for (name, bytes) in [(DOUBT, doubt), (CHECKPOINTS, checkpoints), (KEY, key)] {
        if let Some(bytes) = bytes {
            let path = folder.join(name);
            let mut file = create(&path)?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(at(&path))?;
        }
    }
    Ok(File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?)
}

/// The last line that stands in the log; `None` where there is none, or where it cannot be read to its end: then it is
/// copied as it is, and the verdict on the copy says the rest.
fn last_line(hatch: &Path) -> Option<Record> {
    for _ in 0..TRIES {
        match tail(hatch, 1) {
            Ok((mut last, _)) => return last.pop(),
            // A line that is taken back while it is read looks damaged, once.
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
    None
}

/// Which of the segments has that line: the newest that does not begin behind it.
fn segment_of(hatch: &Path, segments: &[String], line: &Record) -> Result<usize, Stopped> {
    for (number, name) in segments.iter().enumerate().rev() {
        let first = first_line(&hatch.join(name))?;
        // Each has 20 digits.
        if first.is_some_and(|first| first.sequence <= line.sequence) {
            return Ok(number);
        }
    }
    Err(taken_away(hatch))
}

/// A segment's first line; `None` where it is not whole.
fn first_line(path: &Path) -> Result<Option<Record>, Stopped> {
    let mut line = Vec::new();
    let mut lines = BufReader::new(open_segment(path)?).take(LONGEST);
    lines.read_until(b'\n', &mut line).map_err(at(path))?;
    Ok(serde_json::from_slice(&line).ok())
}

/// The names of the segments, in their order.
fn segments(hatch: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(hatch).map_err(at(hatch))? {
        let name = entry.map_err(at(hatch))?.file_name();
        let Some(name) = name.to_str() else { continue };
        let digits = name.strip_suffix(".jsonl").filter(|digits| digits.len() == 8);
        if digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Copies a segment as it is, but no part of a line at the end of one that is written.
fn copy_segment(from: &Path, to: &Path, is_written: bool) -> Result<(), Stopped> {
    let source = open_segment(from)?;
    let size = source.metadata().map_err(at(from))?.len();
    let mut copy = create(to)?;
    io::copy(&mut source.take(size), &mut copy).map_err(at(to))?;
    if is_written {
        whole_lines(&copy).and_then(|end| copy.set_len(end)).map_err(at(to))?;
    }
    Ok(copy.sync_all().map_err(at(to))?)
}

/// Copies the segment that has this line, and nothing behind it.
fn copy_up_to(last: &Record, from: &Path, to: &Path) -> Result<(), Stopped> {
    let mut lines = BufReader::with_capacity(1 << 16, open_segment(from)?);
    let mut copy = BufWriter::with_capacity(1 << 16, create(to)?);
    let mut line = Vec::new();
    while line.strip_suffix(b"\n") != Some(last.json().as_bytes()) {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(at(from))? == 0 {
            // Its write failed.
            return Err(taken_away(from));
        }
        copy.write_all(&line).map_err(at(to))?;
    }
    Ok(copy.flush().and_then(|()| copy.get_ref().sync_all()).map_err(at(to))?)
}

fn open_segment(path: &Path) -> Result<File, Stopped> {
    open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => taken_away(path),
        _ => at(path)(error).into(),
    })
}

fn taken_away(path: &Path) -> Stopped {
    Stopped::Changed(format!("{}, or a part of it, was taken away while it was copied", path.display()))
}

/// Takes away what there is of a copy.
fn empty(folder: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        fs::remove_file(&path).map_err(at(&path))?;
    }
    Ok(())
}

/// Where a file's last whole line ends.
fn whole_lines(file: &File) -> io::Result<u64> {
    let mut block = [0; 4096];
    let mut end = file.metadata()?.len();
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let block = &mut block[..usize::try_from(end - begin).unwrap_or_default()];
        file.read_exact_at(block, begin)?;
        match behind_the_last_line(block) {
            0 => end = begin,
            behind => return Ok(begin + behind as u64),
        }
    }
    Ok(0)
}

fn behind_the_last_line(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
}

/// A small file; `None` where it is not there.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let mut bytes = Vec::new();
    match open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

/// A file that is there; not through a link, and nothing that is no file.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

/// A new file that is ours alone.
fn create(path: &Path) -> Result<File, Failure> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path).map_err(at(path))
}

fn at(path: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| Failure::Failed(format!("{}: {error}", path.display()))
}

/// As a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+@:".contains(letter);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_end_with_a_newline() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(whole_lines(&file).unwrap(), 0);
        file.write_all(&[b'x'; 5000]).unwrap();
        assert_eq!(whole_lines(&file).unwrap(), 0);
        file.write_all(b"\n").unwrap();
        assert_eq!(whole_lines(&file).unwrap(), 5001);
        file.write_all(&[b'y'; 4095]).unwrap();
        assert_eq!(whole_lines(&file).unwrap(), 5001);
        file.write_all(&[b'y'; 9000]).unwrap();
        assert_eq!(whole_lines(&file).unwrap(), 5001);
    }

    #[test]
    fn a_shell_reads_a_path_as_it_is() {
        for (path, text) in [("/a/b-c.d", "/a/b-c.d"), ("a b", "'a b'"), ("it's;$x", r"'it'\''s;$x'")] {
            assert_eq!(quoted(Path::new(path)), text);
        }
    }
}
