//! Looking for lines from the end of a file.

use std::{fs::File, io, os::unix::fs::FileExt};

/// Read at once; most lines are shorter.
const BLOCK: u64 = 4 << 10;
/// No line is longer; a writer refuses a larger event long before.
const LONGEST: u64 = 64 << 20;

/// Where the last newline before `end` stands.
pub(super) fn newline_before(file: &File, mut end: u64) -> io::Result<Option<u64>> {
    let mut block = [0; BLOCK as usize];
    while end > 0 {
        let begin = end.saturating_sub(BLOCK);
        let block = &mut block[..usize::try_from(end - begin).unwrap_or_default()];
        file.read_exact_at(block, begin)?;
        if let Some(at) = memchr::memrchr(b'\n', block) {
            return Ok(Some(begin + at as u64));
        }
        end = begin;
    }
    Ok(None)
}

/// The line whose newline ends there, and where it begins; `None` where none does.
pub(super) fn line_before(file: &File, end: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    let size = file.metadata()?.len();
    let Some(newline) = end.checked_sub(1).filter(|_| size >= end) else { return Ok(None) };
    if newline_before(file, end)? != Some(newline) {
        return Ok(None);
    }
    let begin = newline_before(file, newline)?.map_or(0, |before| before + 1);
    if newline - begin > LONGEST {
        return Ok(None);
    }
    let mut line = vec![0; usize::try_from(newline - begin).unwrap_or_default()];
    file.read_exact_at(&mut line, begin)?;
    Ok(Some((line, begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_over_blocks() {
        let mut file = tempfile::tempfile().unwrap();
        let long = "x".repeat(3 * BLOCK as usize);
        let text = format!("one\n{long}\n\ntorn");
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let size = text.len() as u64;
        let line = |end: u64| line_before(&file, end).unwrap().map(|(line, begin)| (line.len(), begin));
        let (second, third) = (4 + long.len() as u64 + 1, size - 4);
        assert_eq!(newline_before(&file, size).unwrap(), Some(third - 1));
        assert_eq!((line(4), line(second), line(third)), (Some((3, 0)), Some((long.len(), 4)), Some((0, second))));
        assert_eq!((line(0), line(3), line(size), line(size + 1)), (None, None, None, None));
    }
}
