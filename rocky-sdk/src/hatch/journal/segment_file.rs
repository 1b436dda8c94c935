//! The file of the segment that is written, filled with blanks ahead of its lines.
//!
//! A file that grows with each batch makes the file system write its new length with each `fdatasync`. Lines that take the
//! place of blanks spare it that. The blanks are cut off when the segment is sealed or the journal is closed; after a crash
//! they are there until the next start, and no reader takes them for a line.

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    time::{Duration, Instant},
};

use rustix::io::Errno;

use crate::hatch::segment::BLANK;

/// A segment is filled ahead by as much as it has, but no less and no more than this.
const LEAST: u64 = 64 << 10;
const MOST: u64 = 4 << 20;
/// After a disk had no room to fill ahead.
const AGAIN: Duration = Duration::from_secs(1);

pub(super) struct SegmentFile {
    file: File,
    /// Where the lines end that were written.
    length: u64,
    /// Where the file ends.
    filled: u64,
    /// How much of that was there at the last sync.
    synced: u64,
    /// Up to there it is filled ahead: there it is sealed.
    full: u64,
    not_before: Option<Instant>,
}

impl SegmentFile {
    /// A file that has lines up to `length`, and nothing behind.
    pub(super) fn new(file: File, length: u64, full: u64) -> Self {
        SegmentFile { file, length, filled: length, synced: length, full, not_before: None }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.length + bytes.len() as u64;
        if end > self.filled && self.not_before.is_none_or(|not_before| not_before <= Instant::now()) {
            let target = (end + end.clamp(LEAST, MOST)).min(self.full);
            // A disk without room for that may still have room for the lines.
            self.not_before = self.fill(target).is_err().then(|| Instant::now() + AGAIN);
        }
        if let Err(error) = self.file.write_all_at(bytes, self.length) {
            self.filled = self.file.metadata()?.len(); // some of it may be there
            return Err(error);
        }
        (self.length, self.filled) = (end, end.max(self.filled));
        Ok(())
    }

    fn fill(&mut self, target: u64) -> io::Result<()> {
        let blanks = [BLANK; LEAST as usize];
        let from = self.filled;
        while self.filled < target {
            let much = usize::try_from(target - self.filled).unwrap_or(usize::MAX).min(blanks.len());
            match self.file.write_at(&blanks[..much], self.filled) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.filled += written as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.file.set_len(from)?;
                    self.filled = from;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Makes it durable as it is.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if self.filled != self.synced {
            self.confirm()?;
        }
        self.synced = self.filled;
        Ok(())
    }

    /// Asks for one more change, of nothing, after a sync that had a new length to make durable.
    ///
    /// ext4 says yes to a sync in the midst of which it gave up its journal, though it never wrote down which blocks are the
    /// file's (seen on Linux 6.18). A change is refused from then on.
    fn confirm(&self) -> io::Result<()> {
        let nothing = || rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, 1);
        match rustix::io::retry_on_intr(nothing) {
            // Not every file system knows how to, and a full one says that it is full: it has given up nothing.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOSPC | Errno::DQUOT) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Cuts it back to these lines, durably.
    pub(super) fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        (self.length, self.filled) = (length, length);
        self.file.sync_data()?;
        self.confirm()?;
        self.synced = length;
        Ok(())
    }

    /// Cuts the blanks off, durably.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.filled == self.length { Ok(()) } else { self.cut_back(self.length) }
    }

    /// How large the file is where no other hand was at it.
    pub(super) fn size(&self) -> u64 {
        self.filled
    }
}

/// Writes what stands there once more, as it is, and makes it durable.
///
/// Where the disk once failed to take a page, the kernel says so to one sync, and from then on the page counts as written:
/// who reads the file sees it, and the next sync says yes to it. Only what is written again is tried again.
pub(super) fn write_anew(file: &File, range: Range<u64>) -> io::Result<()> {
    let mut bytes = vec![0; LEAST as usize];
    let mut at = range.start;
    while at < range.end {
        let much = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(bytes.len());
        file.read_exact_at(&mut bytes[..much], at)?;
        file.write_all_at(&bytes[..much], at)?;
        at += much as u64;
    }
    file.sync_all()
}
