//! Faults under the journal: a storage that fails, fills up or hangs when a test says so.

use std::{
    io,
    sync::{Arc, Condvar, Mutex},
};

use super::storage::{Displaced, Doubt, FileStorage, Storage};
use crate::hatch::checkpoint;

/// What goes wrong, settable while the journal is open.
#[derive(Debug, Default, Clone)]
pub(crate) struct Faults {
    /// Bytes that still fit on the disk.
    pub(crate) room: Option<usize>,
    /// `write` fails with this after this many bytes.
    pub(crate) append: Option<(usize, io::ErrorKind)>,
    /// `fdatasync` fails.
    pub(crate) sync: bool,
    /// `ftruncate` fails.
    pub(crate) cut_back: bool,
    /// A new segment's first line cannot be written.
    pub(crate) begin: bool,
    /// A checkpoint cannot be written.
    pub(crate) unsigned: bool,
    /// `fdatasync` waits until this is taken back.
    pub(crate) hang: bool,
    /// How many times `fdatasync` succeeded.
    pub(crate) syncs: usize,
    /// The ballast: bytes of `room` that it holds.
    ballast: usize,
}

/// The test's hand on the faults.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<(Mutex<Faults>, Condvar)>);

impl Hand {
    pub(crate) fn set(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    pub(crate) fn now(&self) -> Faults {
        self.0.0.lock().unwrap().clone()
    }

    pub(crate) fn over(&self, storage: FileStorage) -> Faulty {
        Faulty { storage, hand: self.clone() }
    }
}

/// A real file with a hand on it.
pub(crate) struct Faulty {
    storage: FileStorage,
    hand: Hand,
}

const BALLAST: usize = 16 << 10;

impl Storage for Faulty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let faults = self.hand.now();
        if let Some((written, kind)) = faults.append {
            self.storage.append(&bytes[..written.min(bytes.len())])?;
            return Err(kind.into());
        }
        if let Some(room) = faults.room {
            let fits = room.min(bytes.len());
            self.storage.append(&bytes[..fits])?;
            self.hand.set(|faults| faults.room = Some(room - fits));
            if fits < bytes.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            return Ok(());
        }
        self.storage.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut faults = self.hand.0.0.lock().unwrap();
        while faults.hang {
            faults = self.hand.0.1.wait(faults).unwrap();
        }
        if faults.sync {
            return Err(io::Error::other("EIO"));
        }
        faults.syncs += 1;
        drop(faults);
        self.storage.sync()
    }

    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        if self.hand.now().cut_back {
            return Err(io::Error::other("EIO"));
        }
        self.storage.cut_back(length)
    }

    fn in_place(&self) -> Result<(), Displaced> {
        self.storage.in_place()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.storage.finish()
    }

    fn release_ballast(&mut self) -> io::Result<()> {
        self.hand.set(|faults| {
            faults.room = faults.room.map(|room| room + faults.ballast);
            faults.ballast = 0;
        });
        self.storage.release_ballast()
    }

    fn restore_ballast(&mut self) -> io::Result<()> {
        let missing = BALLAST - self.hand.now().ballast;
        if self.hand.now().room.is_some_and(|room| room < missing) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.hand.set(|faults| {
            faults.room = faults.room.map(|room| room - missing);
            faults.ballast = BALLAST;
        });
        self.storage.restore_ballast()
    }

    fn create_next(&mut self, name: &str, line: &[u8]) -> io::Result<()> {
        let faults = self.hand.now();
        if faults.room.is_some_and(|room| room < line.len()) || faults.begin {
            // Some of it is written, as on a real disk.
            self.storage.create_next(name, &line[..line.len() / 2])?;
            return Err(if faults.begin { io::Error::other("EIO") } else { io::ErrorKind::StorageFull.into() });
        }
        self.hand.set(|faults| faults.room = faults.room.map(|room| room - line.len()));
        self.storage.create_next(name, line)
    }

    fn abandon_next(&mut self) -> io::Result<()> {
        if self.hand.now().cut_back {
            return Err(io::Error::other("EIO"));
        }
        self.storage.abandon_next()
    }

    fn go_on_in_next(&mut self) -> io::Result<()> {
        if self.hand.now().sync {
            return Err(io::Error::other("EIO"));
        }
        self.storage.go_on_in_next()
    }

    fn doubt(&mut self, doubts: &[Doubt]) -> io::Result<()> {
        self.storage.doubt(doubts)
    }

    fn last_hash(&self, number: u64) -> io::Result<String> {
        self.storage.last_hash(number)
    }

    fn delete(&mut self, name: &str) -> io::Result<()> {
        self.storage.delete(name)
    }

    fn checkpoint(&mut self, line: &[u8]) -> io::Result<()> {
        let faults = self.hand.now();
        if faults.unsigned {
            // Some of it is written, as on a real disk.
            let path = self.storage.folder.join(checkpoint::FILE);
            io::Write::write_all(&mut std::fs::File::options().append(true).open(path)?, &line[..line.len() / 2])?;
            return Err(io::Error::other("EIO"));
        }
        self.storage.checkpoint(line)
    }
}
