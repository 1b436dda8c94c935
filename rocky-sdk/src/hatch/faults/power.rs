//! The power goes: what was not synced is gone, or any part of it is there.
//!
//! The layer lies between the writer and its files. It knows what each file had when it was last synced, and which names were
//! in the folder when that was; at a moment of its choosing it makes the disk as it would be found, and nothing that the
//! writer does after that reaches it.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use uuid::Uuid;

use super::{Dice, held, times};
use crate::hatch::{
    Journal, JournalOptions, Verifier,
    journal::{
        rig::{patiently, soon, write},
        storage::{Displaced, Doubt, FileStorage, Storage},
    },
    records,
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
    safe: BTreeMap<String, Vec<u8>>,
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
                let bytes = fs::read(disk.folder.join(&name)).unwrap();
                disk.safe.insert(name, bytes);
            }
        }
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
            names.extend(self.names().into_iter().filter(|_| self.dice.below(2) == 0));
        }
        for name in names {
            let safe = self.safe.get(&name).cloned().unwrap_or_default();
            let now = fs::read(self.folder.join(&name)).unwrap_or_else(|_| safe.clone());
            let bytes = match self.unsynced {
                Unsynced::Forgotten => safe,
                Unsynced::AnyBlocks => any_blocks(&mut self.dice, &safe, &now),
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
        self.power.over(|| self.storage.delete(name))?;
        self.power.synced(|_| false);
        Ok(())
    }

    fn checkpoint(&mut self, line: &[u8]) -> io::Result<()> {
        self.power.over(|| self.storage.checkpoint(line))?;
        self.power.synced(|name| name == "checkpoints.signed");
        Ok(())
    }
}

fn options() -> JournalOptions {
    let mut options = JournalOptions::new("test");
    options.segment_bytes = 128 << 10;
    options.checkpoint_events = 40;
    options.checkpoint_every = Duration::from_secs(3600);
    options
}

/// Opens the journal with the power about to go, and writes until it does; what was acknowledged and what was submitted.
async fn until_the_power_goes(power: &Power) -> (HashSet<(Uuid, String)>, HashSet<(Uuid, String)>) {
    let folder = power.0.lock().unwrap().folder.clone();
    let (told, submitted) = (Arc::new(Mutex::new(HashSet::new())), Arc::new(Mutex::new(HashSet::new())));
    let under = {
        let power = power.clone();
        move |storage| Layer { storage, power }
    };
    // What the opening itself does to the files, without the layer, is safe when it is done; its lines go through the layer.
    power.synced(|_| true);
    if let Ok(journal) = Journal::open_over(&folder, options(), under) {
        let journal = Arc::new(journal);
        let writers: Vec<_> = (0..64)
            .map(|_| {
                let (journal, power) = (Arc::clone(&journal), power.clone());
                let (told, submitted) = (Arc::clone(&told), Arc::clone(&submitted));
                tokio::spawn(async move {
                    while !power.is_gone() {
                        let id = Uuid::now_v7();
                        for kind in ["a.started", "a.done"] {
                            submitted.lock().unwrap().insert((id, kind.to_owned()));
                            if write(&journal, kind, Some(id)).await.is_err() {
                                return;
                            }
                            told.lock().unwrap().insert((id, kind.to_owned()));
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        journal.close();
    }
    let (told, submitted) = (told.lock().unwrap().clone(), submitted.lock().unwrap().clone());
    (told, submitted)
}

async fn power_goes(unsynced: Unsynced, rounds: usize) -> (usize, usize) {
    let (mut acknowledged, mut torn) = (0, 0);
    let mut done = 0;
    while done < rounds {
        let home = tempfile::tempdir().unwrap();
        let mut folder = home.path().join("0");
        patiently(|| Journal::open(&folder, options())).unwrap().close();
        let (mut told, mut submitted) = (HashSet::new(), HashSet::new());
        for round in 0..20.min(rounds - done) {
            let mut dice = Dice::new();
            let left = dice.below(400);
            let found = home.path().join(format!("{}", round + 1));
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
            let (now_told, now_submitted) = until_the_power_goes(&power).await;
            assert!(power.is_gone());
            acknowledged += now_told.len();
            told.extend(now_told);
            submitted.extend(now_submitted);
            folder = found;
            is_as_it_was_told(&folder, &mut told, &mut submitted).await;
            torn += fs::read_dir(&folder).unwrap().filter(|entry| is_torn(&entry.as_ref().unwrap().path())).count();
            done += 1;
        }
    }
    (acknowledged, torn)
}

fn is_torn(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "part")
}

async fn is_as_it_was_told(folder: &Path, told: &mut HashSet<(Uuid, String)>, submitted: &mut HashSet<(Uuid, String)>) {
    let journal = patiently(|| Journal::open(folder, options())).expect("each open succeeds");
    let verdicts = Verifier::new().verify(folder, &|_| {}).unwrap();
    assert!(verdicts.hold(), "{verdicts:?}");
    let (mut there, mut open) = (HashSet::new(), HashSet::new());
    for line in records(folder).unwrap() {
        let line = line.unwrap();
        let Some(id) = line.actionid else { continue };
        assert!(there.insert((id, line.kind.clone())), "twice: {line:?}");
        if line.kind == "a.started" {
            assert!(open.insert(id));
        } else {
            assert!(open.remove(&id), "an outcome of nothing: {line:?}");
        }
    }
    assert!(told.is_subset(&there), "acknowledged and missing: {:?}", told.difference(&there).collect::<Vec<_>>());
    assert!(there.is_subset(submitted), "invented: {:?}", there.difference(submitted).collect::<Vec<_>>());
    let tombstones: HashSet<Uuid> = journal.tombstones().iter().map(|left| left.actionid).collect();
    assert_eq!(tombstones, open);
    for id in open {
        for set in [&mut *told, &mut *submitted] {
            set.insert((id, "a.done".to_owned()));
        }
        write(&journal, "a.done", Some(id)).await.unwrap();
    }
    assert!(soon() > std::time::Instant::now());
    journal.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_was_not_synced_is_forgotten() {
    let rounds = times(8, 200);
    let (acknowledged, _) = power_goes(Unsynced::Forgotten, rounds).await;
    assert!(acknowledged > rounds);
    held(
        "the power goes, and all that was not synced: as after a kill",
        format!("{rounds} ({acknowledged} acknowledged)"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_part_of_what_was_not_synced_is_there() {
    let rounds = times(8, 200);
    let (acknowledged, torn) = power_goes(Unsynced::AnyBlocks, rounds).await;
    assert!(acknowledged > rounds && torn > 0);
    held(
        "the power goes, and any blocks that were not synced: as after a kill",
        format!("{rounds} ({acknowledged} acknowledged, {torn} unfinished batches)"),
    );
}
