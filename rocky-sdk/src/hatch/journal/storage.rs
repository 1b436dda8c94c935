//! What the writer needs of a file, so that faults can be put under it.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::segment_file::SegmentFile;
use crate::{
    hatch::{checkpoint, record::ScanError, segment},
    private_files::{self, PrivateFileError},
};

/// The file that says so.
pub(crate) const DOUBT: &str = "uncertain.json";

/// What was written, was not told to anybody, and may or may not be on the disk.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Doubt {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// Why the file at the path is not the file that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Displaced {
    /// Deleted, moved, replaced, or the folder is gone: writing goes on when it is back.
    Gone(String),
    /// Cut or written by another hand: the chain cannot be vouched for any more.
    Tampered(String),
}

/// The segment that is written, the checkpoints, and the ballast beside them.
pub(crate) trait Storage: Send + 'static {
    /// Appends all the bytes, or fails with some of them written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the segment back, durably.
    fn cut_back(&mut self, length: u64) -> io::Result<()>;
    /// Checks that the path still names the open file and that the file has the length that it was given.
    fn in_place(&self) -> Result<(), Displaced>;
    /// Leaves nothing behind the last line: the journal is closed.
    fn finish(&mut self) -> io::Result<()>;
    /// Gives the reserved room back to the file system.
    fn release_ballast(&mut self) -> io::Result<()>;
    /// Takes the reserved room; fails where the disk is full.
    fn restore_ballast(&mut self) -> io::Result<()>;
    /// Makes the next segment's file, with its first line, beside the one that is written.
    fn create_next(&mut self, name: &str, line: &[u8]) -> io::Result<()>;
    /// Takes the next segment's file away again.
    fn abandon_next(&mut self) -> io::Result<()>;
    /// Makes the next segment durable and goes on in it.
    fn go_on_in_next(&mut self) -> io::Result<()>;
    /// Remembers beyond this process that nobody knows what stands in this segment from there on.
    fn doubt(&mut self, doubts: &[Doubt]) -> io::Result<()>;
    /// The hash of a sealed segment's last line, as the segment behind it has it.
    fn last_hash(&self, number: u64) -> io::Result<String>;
    /// Takes a sealed segment away, durably.
    fn delete(&mut self, name: &str) -> io::Result<()>;
    /// Appends a checkpoint's line behind the last one, durably.
    fn checkpoint(&mut self, line: &[u8]) -> io::Result<()>;
}

/// A segment on a real file system.
pub(crate) struct FileStorage {
    active: SegmentFile,
    place: Place,
    /// From how many bytes on a segment is sealed.
    full: u64,
    /// The next one, and how long its first line is.
    next: Option<(PathBuf, File, u64)>,
    pub(super) folder: PathBuf,
    /// The folder, to be synced: opened once, so that it can be synced where no more can be opened.
    names: File,
    ballast_bytes: u64,
    /// Where the last checkpoint ends.
    signed: u64,
}

/// Which file the active segment's path should name; a handle to what the writer says.
#[derive(Clone)]
pub(crate) struct Place(Arc<Mutex<Named>>);

#[derive(Clone)]
struct Named {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Named {
    fn of(path: &Path, file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Named { path: path.to_owned(), device: meta.dev(), inode: meta.ino() })
    }
}

impl Place {
    fn named(&self) -> Named {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The length of the file at the path, when it is still the one that was opened.
    pub(crate) fn check(&self) -> Result<u64, Displaced> {
        let named = self.named();
        let path = named.path.display();
        match std::fs::symlink_metadata(&named.path) {
            Ok(meta) if (meta.dev(), meta.ino()) == (named.device, named.inode) => Ok(meta.len()),
            Ok(_) => Err(Displaced::Gone(format!("{path} was replaced: put the journal's file back"))),
            Err(error) => Err(Displaced::Gone(format!("{path} is not there ({error}): put the journal's file back"))),
        }
    }
}

impl FileStorage {
    /// The segment at `path` in `folder`, which has lines up to `length`, beside which the ballast lies, and the checkpoints, which end at `signed`.
    /// What is behind that was not finished, and is cut off.
    pub(crate) fn new(
        folder: &Path,
        (path, file, length): (&Path, File, u64),
        full: u64,
        ballast_bytes: u64,
        signed: u64,
    ) -> io::Result<Self> {
        match private_files::open(&folder.join(checkpoint::FILE), private_files::options().write(true)) {
            Ok(checkpoints) if checkpoints.metadata()?.len() > signed => {
                checkpoints.set_len(signed).and_then(|()| checkpoints.sync_all())?;
            }
            Err(error) if !error.is_missing() => return Err(io::Error::other(error)),
            _ => {}
        }
        let place = Place(Arc::new(Mutex::new(Named::of(path, &file)?)));
        let active = SegmentFile::new(file, length, full);
        Ok(FileStorage {
            active,
            place,
            full,
            next: None,
            folder: folder.to_owned(),
            names: File::open(folder)?,
            ballast_bytes,
            signed,
        })
    }

    /// The name of the segment that is written.
    #[cfg(test)]
    pub(crate) fn active(&self) -> String {
        segment::name(&self.place.named().path)
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    pub(crate) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Leaves those checkpoints that speak of segments behind this one: the others say nothing any more. It waits until
    /// they are half of all, so that little is written anew.
    fn shorten_checkpoints(&mut self, gone: &str) -> Result<(), PrivateFileError> {
        let left = checkpoint::behind(&self.folder, gone, self.signed)?;
        let length = left.len() as u64;
        if length > self.signed / 2 {
            return Ok(()); // not for a few of them
        }
        let path = self.folder.join(checkpoint::FILE);
        let replaced = private_files::replace(&path, &left);
        // It may be in place, and only not be known to stay there.
        if replaced.is_ok() || std::fs::metadata(&path).is_ok_and(|meta| meta.len() == length) {
            self.signed = length;
        }
        replaced
    }
}

impl Storage for FileStorage {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.active.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.active.sync()
    }

    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.active.cut_back(length)
    }

    fn in_place(&self) -> Result<(), Displaced> {
        let (found, size) = (self.place.check()?, self.active.size());
        if found == size {
            return Ok(());
        }
        let named = self.place.named();
        let path = named.path.display();
        Err(Displaced::Tampered(format!("{path} has {found} bytes where {size} were written: another hand changed it")))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.active.finish()
    }

    fn release_ballast(&mut self) -> io::Result<()> {
        std::fs::remove_file(self.ballast()).or_else(private_files::missing_is_fine)
    }

    fn restore_ballast(&mut self) -> io::Result<()> {
        let already = std::fs::symlink_metadata(self.ballast()).is_ok_and(|meta| meta.len() == self.ballast_bytes);
        if already {
            return Ok(());
        }
        self.release_ballast()?;
        let file = private_files::options().write(true).create_new(true).open(self.ballast())?;
        let taken = match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, self.ballast_bytes) {
            // Not every file system knows how to: write it out there.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => fill(&file, self.ballast_bytes),
            other => other.map_err(io::Error::from),
        };
        let taken = taken.and_then(|()| file.sync_all());
        drop(file); // while it is open its blocks are
        if taken.is_err() {
            self.release_ballast()?;
        }
        taken
    }

    fn create_next(&mut self, name: &str, line: &[u8]) -> io::Result<()> {
        // Under a name of no segment, until its first line is durable: nobody reads a segment that is half begun.
        let path = self.folder.join(name);
        let beside = path.with_extension("next");
        std::fs::remove_file(&beside).or_else(private_files::missing_is_fine)?;
        let mut file = private_files::options().write(true).create_new(true).open(&beside)?;
        let written = file.write_all(line);
        self.next = Some((path, file, line.len() as u64));
        written
    }

    fn abandon_next(&mut self) -> io::Result<()> {
        match self.next.take() {
            Some((path, ..)) => std::fs::remove_file(path.with_extension("next")),
            None => Ok(()),
        }
    }

    fn go_on_in_next(&mut self) -> io::Result<()> {
        let Some((path, file, length)) = self.next.take() else {
            return Err(io::Error::other("there is no next segment"));
        };
        file.sync_all()?;
        self.active.finish()?;
        if std::fs::symlink_metadata(&path).is_ok() {
            return Err(io::Error::other(format!("{} is there already: another hand made it", path.display())));
        }
        std::fs::rename(path.with_extension("next"), &path)?;
        self.names.sync_all()?;
        *self.place.0.lock().unwrap_or_else(PoisonError::into_inner) = Named::of(&path, &file)?;
        self.active = SegmentFile::new(file, length, self.full);
        Ok(())
    }

    fn doubt(&mut self, doubts: &[Doubt]) -> io::Result<()> {
        // It has to fit on a disk that is full.
        self.release_ballast()?;
        private_files::replace(&self.folder.join(DOUBT), &serde_json::to_vec(doubts)?).map_err(io::Error::other)
    }

    fn last_hash(&self, number: u64) -> io::Result<String> {
        // One whose first line is not there, because it was left in doubt, is passed over: the next one goes on from the same.
        for behind in number + 1.. {
            let opened = segment::opened(&self.folder.join(segment::numbered(behind)));
            match opened {
                Ok(Some(opened)) => return Ok(opened.previous_hash),
                Ok(None) | Err(ScanError::Damaged { .. }) => {}
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Err(io::Error::other("no segment is behind it"))
    }

    fn delete(&mut self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(name)).or_else(private_files::missing_is_fine)?;
        self.names.sync_all()?;
        if let Err(error) = self.shorten_checkpoints(name) {
            tracing::warn!(%error, "checkpoints of a segment that was taken away are kept");
        }
        Ok(())
    }

    fn checkpoint(&mut self, line: &[u8]) -> io::Result<()> {
        let path = self.folder.join(checkpoint::FILE);
        let file = private_files::open(&path, private_files::options().append(true).create(true));
        let mut file = file.map_err(io::Error::other)?;
        match file.metadata()?.len() {
            found if found == self.signed => {}
            found if found > self.signed => file.set_len(self.signed)?, // what was not finished, and nobody was told of
            found => {
                let cut = format!("{} has {found} bytes where {} were written", path.display(), self.signed);
                return Err(io::Error::other(format!("{cut}: another hand cut it")));
            }
        }
        file.write_all(line)?;
        file.sync_all()?;
        if self.signed == 0 {
            self.names.sync_all()?;
        }
        self.signed += line.len() as u64;
        Ok(())
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
        let mut storage = FileStorage::new(Path::new("/dev"), (Path::new("/dev/null"), device, 0), 0, 0, 0).unwrap();
        assert!(storage.sync().is_err());
    }
}
