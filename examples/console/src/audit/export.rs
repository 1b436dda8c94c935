//! `audit export`: a copy of the log, which is verified where it is kept.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::Path,
};

use rocky_sdk::hatch::CheckpointKey;
use rustix::fs::OFlags;

use super::{line, verify};
use crate::{Ended, Failure};

const CHECKPOINTS: &str = "checkpoints.signed";
/// Where segments stop being believed, when no segment says so yet.
const DOUBT: &str = "uncertain.json";
const KEY: &str = "checkpoint.pub";

pub(super) fn run(hatch: &Path, folder: &Path) -> Ended {
    let key = CheckpointKey::of(hatch)?;
    DirBuilder::new().mode(0o700).create(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::Failed(format!("{} is there already: name a folder that is not", folder.display()))
        }
        _ => at(folder)(error),
    })?;
    if let Err(failure) = copy(hatch, folder, &key) {
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

fn copy(hatch: &Path, folder: &Path, key: &CheckpointKey) -> Result<(), Failure> {
    // Before the segments: what is signed for stands in the lines that are read then, whatever is written meanwhile.
    let doubt = read(&hatch.join(DOUBT))?;
    let mut checkpoints = read(&hatch.join(CHECKPOINTS))?;
    if let Some(lines) = &mut checkpoints {
        lines.truncate(behind_the_last_line(lines));
    }
    let segments = segments(hatch)?;
    for (number, name) in segments.iter().enumerate() {
        let newest = number + 1 == segments.len();
        copy_segment(&hatch.join(name), &folder.join(name), newest)?;
    }
    let key = Some(format!("{key}\n").into_bytes());
    for (name, bytes) in [(DOUBT, doubt), (CHECKPOINTS, checkpoints), (KEY, key)] {
        if let Some(bytes) = bytes {
            let path = folder.join(name);
            let mut file = create(&path)?;
            file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(at(&path))?;
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
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

/// Copies a segment as it is, but not the line that is being written at the end of the newest.
fn copy_segment(from: &Path, to: &Path, newest: bool) -> Result<(), Failure> {
    let source = open(from).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Failed(format!(
            "{} was taken away while the log was copied, because newer segments are kept in its place: run it again",
            from.display()
        )),
        _ => at(from)(error),
    })?;
    let size = source.metadata().map_err(at(from))?.len();
    let mut copy = create(to)?;
    io::copy(&mut source.take(size), &mut copy).map_err(at(to))?;
    if newest {
        whole_lines(&copy).and_then(|end| copy.set_len(end)).map_err(at(to))?;
    }
    copy.sync_all().map_err(at(to))
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
