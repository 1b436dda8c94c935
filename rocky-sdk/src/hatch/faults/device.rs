//! A device that takes no page for a while, and forgets which.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    disk::{ids, is_possible, options, put, run},
    held, times,
};
use crate::hatch::{Journal, Verifier, journal::rig::patiently};

/// An ext4 in a file that has no blocks of its own, on a tmpfs that can be full: a page that needs one is lost then.
struct ThinDisk {
    home: tempfile::TempDir,
}

impl ThinDisk {
    fn new() -> Self {
        let disk = ThinDisk { home: tempfile::tempdir().unwrap() };
        fs::create_dir(disk.at("room")).unwrap();
        fs::create_dir(disk.at("disk")).unwrap();
        run("mount", &["-t", "tmpfs", "-o", "size=6m", "none", &disk.at("room")]);
        File::create(disk.at("room/image")).unwrap().set_len(16 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-O", "^has_journal", &disk.at("room/image")]);
        disk.mount();
        disk
    }

    fn at(&self, name: &str) -> String {
        self.home.path().join(name).to_str().unwrap().to_owned()
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", &self.at("room/image"), &self.at("disk")]);
    }

    fn hatch(&self) -> PathBuf {
        Path::new(&self.at("disk")).join("hatch")
    }

    fn fill(&self) {
        let mut filler = File::create(self.at("room/filler")).unwrap();
        while filler.write_all(&[1; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.at("room/filler")).unwrap();
    }
}

impl Drop for ThinDisk {
    fn drop(&mut self) {
        for folder in ["disk", "room"] {
            if std::thread::panicking() {
                let at = self.at(folder);
                if let Err(error) = std::process::Command::new("umount").arg("-l").arg(&at).status() {
                    eprintln!("{at} is still mounted: {error}");
                }
            } else {
                run("umount", &[&self.at(folder)]);
            }
        }
    }
}

/// The sync that fails is the last that a process does: no marker says what is in doubt, and the next sync says yes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_failed_sync_left_in_memory_only() {
    if !is_possible(&["mkfs.ext4", "mount", "umount"]) {
        return;
    }
    let rounds = times(1, 20);
    for _ in 0..rounds {
        let disk = ThinDisk::new();
        let folder = disk.hatch();
        let journal = Arc::new(patiently(|| Journal::open(&folder, options())).unwrap());
        put(&journal, "a.event", Uuid::now_v7()).await.unwrap();
        disk.fill();
        // Many at once: more than the page that the next line would begin in, and make whole.
        while journal.trouble().is_none() {
            let writers: Vec<_> = (0..32)
                .map(|_| {
                    let journal = Arc::clone(&journal);
                    tokio::spawn(async move { put(&journal, "a.event", Uuid::now_v7()).await })
                })
                .collect();
            for writer in writers {
                writer.await.unwrap().ok();
            }
        }
        let trouble = journal.trouble().unwrap_or_default();
        assert!(trouble.contains("fdatasync failed"), "{trouble}");
        journal.close();
        drop(journal);
        fs::remove_file(folder.join("uncertain.json")).ok();
        disk.make_room();

        let journal = patiently(|| Journal::open(&folder, options())).unwrap();
        let mut told = ids(&folder, "a.event");
        let id = Uuid::now_v7();
        put(&journal, "a.event", id).await.unwrap();
        told.insert(id);
        journal.close();
        drop(journal);
        run("umount", &[&disk.at("disk")]);
        disk.mount();
        assert_eq!(ids(&folder, "a.event"), told, "what the start believed is on the disk");
        let verdicts = Verifier::new().verify(&folder, &|_| {}).unwrap();
        assert!(verdicts.hold(), "{verdicts:?}");
    }
    held("a failed sync that nobody wrote down: what the next start believes is made durable again", rounds);
}
