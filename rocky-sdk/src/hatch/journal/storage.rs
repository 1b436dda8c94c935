//! What the writer needs of a file, so that faults can be put under it.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::private_files;

/// Why the file at the path is not the file that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Displaced {
    /// Deleted, moved, replaced, or the folder is gone: writing goes on when it is back.
    Gone(String),
    /// Cut or written by another hand: the chain cannot be vouched for any more.
    Tampered(String),
}

/// One append-only segment and the ballast beside it.
pub(crate) trait Storage: Send + 'static {
    /// Appends all the bytes, or fails with some of them written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the segment back, durably.
    fn cut_back(&mut self, length: u64) -> io::Result<()>;
    /// Checks that the path still names the open file and that the file has this length.
    fn in_place(&self, length: u64) -> Result<(), Displaced>;
    /// Gives the reserved room back to the file system.
    fn release_ballast(&mut self) -> io::Result<()>;
    /// Takes the reserved room; fails where the disk is full.
    fn restore_ballast(&mut self) -> io::Result<()>;
}

/// A segment on a real file system.
pub(crate) struct FileStorage {
    file: File,
    place: Place,
    ballast: PathBuf,
    ballast_bytes: u64,
}

/// Which file a path should name.
#[derive(Clone)]
pub(crate) struct Place {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Place {
    pub(crate) fn of(path: &Path, file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Place { path: path.to_owned(), device: meta.dev(), inode: meta.ino() })
    }

    /// The length of the file at the path, when it is still the one that was opened.
    pub(crate) fn check(&self) -> Result<u64, Displaced> {
        let path = self.path.display();
        match std::fs::symlink_metadata(&self.path) {
            Ok(meta) if (meta.dev(), meta.ino()) == (self.device, self.inode) => Ok(meta.len()),
            Ok(_) => Err(Displaced::Gone(format!("{path} was replaced: put the journal's file back"))),
            Err(error) => Err(Displaced::Gone(format!("{path} is not there ({error}): put the journal's file back"))),
        }
    }
}

impl FileStorage {
    pub(crate) fn new(path: &Path, file: File, ballast: PathBuf, ballast_bytes: u64) -> io::Result<Self> {
        let place = Place::of(path, &file)?;
        Ok(FileStorage { file, place, ballast, ballast_bytes })
    }

    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }
}

impl Storage for FileStorage {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_data()
    }

    fn in_place(&self, length: u64) -> Result<(), Displaced> {
        let found = self.place.check()?;
        if found == length {
            return Ok(());
        }
        let path = self.place.path.display();
        Err(Displaced::Tampered(format!(
            "{path} has {found} bytes where {length} were written: another hand changed it"
        )))
    }

    fn release_ballast(&mut self) -> io::Result<()> {
        std::fs::remove_file(&self.ballast).or_else(private_files::missing_is_fine)
    }

    fn restore_ballast(&mut self) -> io::Result<()> {
        let already = std::fs::symlink_metadata(&self.ballast).is_ok_and(|meta| meta.len() == self.ballast_bytes);
        if already {
            return Ok(());
        }
        self.release_ballast()?;
        let file = private_files::options().write(true).create_new(true).open(&self.ballast)?;
        let taken = match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, self.ballast_bytes) {
            // Not every file system knows how to: write it out there.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(&file, self.ballast_bytes),
            other => other.map_err(io::Error::from),
        };
        let taken = taken.and_then(|()| file.sync_all());
        if taken.is_err() {
            self.release_ballast()?;
        }
        taken
    }
}

fn fill(mut file: &File, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0x5a), bytes), &mut file).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A device cannot be synced, and says so to whoever really asks.
    #[test]
    fn a_sync_is_asked_of_the_system() {
        let device = File::options().write(true).open("/dev/null").unwrap();
        let mut storage = FileStorage::new(Path::new("/dev/null"), device, PathBuf::new(), 0).unwrap();
        assert!(storage.append(b"x").is_ok());
        assert!(storage.sync().is_err());
    }
}
