//! The power goes: what was not synced is gone, or any part of it is there.
//!
//! The layer lies between the writer and its files. It knows what each file had when it was last synced, and which names were
//! in the folder when that was; at a moment of its choosing it makes the disk as it would be found, and nothing that the
//! writer does after that reaches it.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use uuid::Uuid;

use super::{
    Dice, held,
    kill::{DONE, KEPT, STARTED, Said},
    times,
};
use crate::hatch::{
    Journal, JournalOptions, Record,
    checkpoint::Checkpoint,
    journal::{
        rig::{patiently, write},
        storage::{Displaced, Doubt, FileStorage, Storage},
    },
    segment,
};

/// What is kept of it or lost.
const BLOCK: usize = 512;

#[derive(Clone, Copy, PartialEq)]
enum Unsynced {
    Forgotten,
    AnyBlocks,
}

/// The disk under a journal.
struct Disk {
    folder: PathBuf,
    /// Where the disk is laid when the power goes.
    found: PathBuf,
    unsynced: Unsynced,
    dice: Dice,
    /// Storage calls until then.
    left: usize,
    gone: bool,
    /// What is safe of each name that is safe.
    safe: BTreeMap<String, Content>,
}

/// What a name stands for.
#[derive(Clone, Default)]
struct Content {
    /// None where the name is not there.
    inode: Option<u64>,
    bytes: Vec<u8>,
}

impl Content {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Content { inode: Some(fs::metadata(path)?.ino()), bytes: fs::read(path)? })
    }
}

#[derive(Clone)]
struct Power(Arc<Mutex<Disk>>);

struct Layer {
    storage: FileStorage,
    power: Power,
}

impl Power {
    fn is_gone(&self) -> bool {
        self.0.lock().unwrap().gone
    }

    /// The power may go before a call and in the middle of it: what it did is then unsynced.
    fn over<T>(&self, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.0.lock().unwrap();
        disk.tick();
        if disk.gone {
            return Err(io::Error::other("the power is gone"));
        }
        drop(disk);
        let result = call();
        let mut disk = self.0.lock().unwrap();
        disk.tick();
        if disk.gone {
            return Err(io::Error::other("the power is gone"));
        }
        result
    }

    /// The names that are in the folder are safe now, and what these files have.
    fn synced(&self, files: impl Fn(&str) -> bool) {
        let mut disk = self.0.lock().unwrap();
        if disk.gone {
            return;
        }
        let names = disk.names();
        disk.safe.retain(|name, _| names.contains(name));
        for name in names {
            if files(&name) || !disk.safe.contains_key(&name) {
                let content = Content::of(&disk.folder.join(&name)).unwrap();
                disk.safe.insert(name, content);
            }
        }
    }

    /// Whether it is safe that the journal takes this segment away itself, and that it signed for that.
    fn is_vouched_for(&self, deleted: &str, active: &str) -> bool {
        let disk = self.0.lock().unwrap();
        let text = |name: &str| String::from_utf8_lossy(&disk.safe[name].bytes).into_owned();
        let lines = text(active);
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Record>(line).ok());
        let mut said = lines.filter(|line| line.kind == segment::DELETED);
        let said = said.find(|line| line.data_text("segment").as_deref() == Some(deleted));
        let signed = text("checkpoints.signed");
        let signed = signed.lines().next_back().and_then(|line| serde_json::from_str::<Checkpoint>(line).ok());
        said.is_some_and(|said| signed.is_some_and(|signed| signed.sequence >= said.sequence.parse::<u64>().unwrap()))
    }
}

impl Disk {
    /// What is in the folder.
    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "ballast").collect()
    }

    fn tick(&mut self) {
        if self.gone {
            return;
        }
        if self.left > 0 {
            self.left -= 1;
            return;
        }
        self.gone = true;
        fs::create_dir(&self.found).unwrap();
        fs::set_permissions(&self.found, fs::Permissions::from_mode(0o700)).unwrap();
        let mut names: HashSet<String> = self.safe.keys().cloned().collect();
        if self.unsynced == Unsynced::AnyBlocks {
            // A name that was not made safe may be there, and one that was taken away may still be.
            let now = self.names();
            names.retain(|name| now.contains(name) || self.dice.below(2) == 0);
            names.extend(now.into_iter().filter(|_| self.dice.below(2) == 0));
        }
        for name in names {
            let safe = self.safe.get(&name).cloned().unwrap_or_default();
            let now = Content::of(&self.folder.join(&name)).unwrap_or_else(|_| safe.clone());
            // A file that takes another's place was synced before: the one or the other is there, as a whole.
            let replaced = safe.inode.is_some() && safe.inode != now.inode;
            let bytes = match self.unsynced {
                Unsynced::Forgotten => safe.bytes,
                Unsynced::AnyBlocks if replaced && self.dice.below(2) == 0 => now.bytes,
                Unsynced::AnyBlocks if replaced => safe.bytes,
                Unsynced::AnyBlocks => any_blocks(&mut self.dice, &safe.bytes, &now.bytes),
            };
            let path = self.found.join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// A file that was `safe` and reads as `now`: of each block that differs, the one or the other.
fn any_blocks(dice: &mut Dice, safe: &[u8], now: &[u8]) -> Vec<u8> {
    let mut found = safe.to_vec();
    for (at, block) in now.chunks(BLOCK).enumerate() {
        let (begin, end) = (at * BLOCK, at * BLOCK + block.len());
        if safe.get(begin..end) != Some(block) && dice.below(2) == 0 {
            found.resize(found.len().max(end), 0);
            found[begin..end].copy_from_slice(block);
        }
    }
    if now.len() < safe.len() && dice.below(2) == 0 {
        found.truncate(now.len());
    }
    found
}

impl Layer {
    /// What the opening does to the files before this it makes safe itself; the power may go in the midst of that too.
    fn new(storage: FileStorage, power: Power) -> Self {
        power.0.lock().unwrap().tick();
        power.synced(|_| true);
        Layer { storage, power }
    }
}

impl Storage for Layer {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        // In two parts, so that the power can go between them.
        let (first, second) = bytes.split_at(bytes.len() / 2);
        self.power.over(|| self.storage.append(first))?;
        self.power.over(|| self.storage.append(second))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.power.over(|| self.storage.sync())?;
        let name = self.storage.active();
        self.power.synced(|synced| *synced == name);
        Ok(())
    }

    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.power.over(|| self.storage.cut_back(length))?;
        let name = self.storage.active();
        self.power.synced(|synced| *synced == name);
        Ok(())
    }

    fn in_place(&self) -> Result<(), Displaced> {
        self.storage.in_place()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.power.over(|| self.storage.finish())?;
        let name = self.storage.active();
        self.power.synced(|synced| *synced == name);
        Ok(())
    }

    fn release_ballast(&mut self) -> io::Result<()> {
        self.storage.release_ballast()
    }

    fn restore_ballast(&mut self) -> io::Result<()> {
        self.storage.restore_ballast()
    }

    fn create_next(&mut self, name: &str, line: &[u8]) -> io::Result<()> {
        self.power.over(|| self.storage.create_next(name, line))
    }

    fn abandon_next(&mut self) -> io::Result<()> {
        self.power.over(|| self.storage.abandon_next())
    }

    fn go_on_in_next(&mut self) -> io::Result<()> {
        // The file is synced, then its name: the power may go before the name is safe, and then either may be there.
        self.power.over(|| self.storage.go_on_in_next())?;
        self.power.synced(|_| true);
        Ok(())
    }

    fn doubt(&mut self, doubts: &[Doubt]) -> io::Result<()> {
        self.power.over(|| self.storage.doubt(doubts))?;
        self.power.synced(|name| name == "uncertain.json");
        Ok(())
    }

    fn last_hash(&self, number: u64) -> io::Result<String> {
        self.storage.last_hash(number)
    }

    fn delete(&mut self, name: &str) -> io::Result<()> {
        let active = self.storage.active();
        assert!(self.power.is_vouched_for(name, &active), "nothing that is safe says that {name} goes");
        self.power.over(|| self.storage.delete(name))?;
        // The checkpoints that spoke of it alone are left out of a new file.
        self.power.synced(|name| name == "checkpoints.signed");
        Ok(())
    }

    fn checkpoint(&mut self, line: &[u8]) -> io::Result<()> {
        self.power.over(|| self.storage.checkpoint(line))?;
        self.power.synced(|name| name == "checkpoints.signed");
        Ok(())
    }
}

fn options(keep: Option<u64>) -> JournalOptions {
    let mut options = JournalOptions::new("test");
    options.event_bytes = 4096;
    // Where segments go, each batch begins one.
    options.segment_bytes = if keep.is_some() { 32 << 10 } else { 128 << 10 };
    options.keep_segments = keep;
    options.checkpoint_events = 40;
    options.checkpoint_every = Duration::from_secs(3600);
    options
}

/// Opens the journal with the power about to go, and writes until it does.
async fn until_the_power_goes(power: &Power, options: JournalOptions, said: Said) -> Said {
    let folder = power.0.lock().unwrap().folder.clone();
    power.synced(|_| true);
    let opened = patiently(|| {
        let power = power.clone();
        Journal::open_over(&folder, options.clone(), move |storage| Layer::new(storage, power))
    });
    let journal = match opened {
        Ok(journal) => Arc::new(journal),
        Err(error) => {
            assert!(power.is_gone(), "each open succeeds: {error}");
            return said;
        }
    };
    let said = Arc::new(Mutex::new(said));
    let writers: Vec<_> = (0..64)
        .map(|_| {
            let (journal, power, said) = (Arc::clone(&journal), power.clone(), Arc::clone(&said));
            tokio::spawn(async move {
                while !power.is_gone() {
                    let id = Uuid::now_v7();
                    for kind in [STARTED, DONE] {
                        said.lock().unwrap().about_to_write(id, kind);
                        if write(&journal, kind, Some(id)).await.is_err() {
                            return;
                        }
                        said.lock().unwrap().durable(id, kind);
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    journal.close();
    std::mem::take(&mut *said.lock().unwrap())
}

/// What was seen over all rounds.
#[derive(Default)]
struct Seen {
    acknowledged: usize,
    /// Unfinished batches.
    torn: usize,
    /// Events that went with their segments.
    gone: u64,
}

async fn power_goes(unsynced: Unsynced, rounds: usize) -> Seen {
    let mut seen = Seen::default();
    let mut done = 0;
    while done < rounds {
        let home = tempfile::tempdir().unwrap();
        let mut folder = home.path().join("0");
        patiently(|| Journal::open(&folder, options(None))).unwrap().close();
        let (mut said, mut gone) = (Said::default(), 0);
        for round in 0..20.min(rounds - done) {
            let keep = (round % 2 == 1).then_some(KEPT);
            // In two rounds of four it goes again soon, while the journal is opened that the first time left.
            let calls: &[usize] = if round % 4 < 2 { &[400] } else { &[400, 10] };
            for (time, most) in calls.iter().enumerate() {
                let mut dice = Dice::new();
                let left = dice.below(*most);
                let found = home.path().join(format!("{round}.{time}"));
                let disk = Disk {
                    folder: folder.clone(),
                    found: found.clone(),
                    unsynced,
                    dice,
                    left,
                    gone: false,
                    safe: BTreeMap::new(),
                };
                let power = Power(Arc::new(Mutex::new(disk)));
                said = until_the_power_goes(&power, options(keep), said).await;
                assert!(power.is_gone());
                folder = found;
            }
            (_, gone) = said.is_kept_in(&folder, options(keep)).await;
            seen.torn +=
                fs::read_dir(&folder).unwrap().filter(|entry| is_torn(&entry.as_ref().unwrap().path())).count();
            done += 1;
        }
        seen.acknowledged += said.acknowledged();
        seen.gone += gone;
    }
    assert!(seen.acknowledged > rounds && seen.gone > 0, "{} acknowledged, {} gone", seen.acknowledged, seen.gone);
    seen
}

fn is_torn(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_was_not_synced_is_forgotten() {
    let rounds = times(8, 200);
    let Seen { acknowledged, gone, .. } = power_goes(Unsynced::Forgotten, rounds).await;
    held(
        "the power goes, and all that was not synced: as after a kill",
        format!("{rounds} ({acknowledged} acknowledged, {gone} gone with their segments)"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_part_of_what_was_not_synced_is_there() {
    let rounds = times(8, 200);
    let Seen { acknowledged, torn, gone } = power_goes(Unsynced::AnyBlocks, rounds).await;
    assert!(torn > 0);
    held(
        "the power goes, and any blocks that were not synced: as after a kill",
        format!("{rounds} ({acknowledged} acknowledged, {torn} unfinished batches, {gone} gone with their segments)"),
    );
}
