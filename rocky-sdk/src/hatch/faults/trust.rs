//! Who may hold a journal, and which files are one.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use super::held;
use crate::hatch::{
    Journal, JournalOptions, OpenError,
    journal::rig::{Rig, write},
};

const FOLDER: &str = "ROCKY_TEST_HELD";

#[tokio::test]
async fn one_holder() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        // The other process.
        let refused = Journal::open(folder.as_ref(), JournalOptions::new("test")).unwrap_err();
        assert!(matches!(refused, OpenError::Held(_)), "{refused}");
        println!("refused");
        return;
    }
    let rig = Rig::new();
    let journal = rig.open().unwrap();
    assert!(matches!(rig.open(), Err(OpenError::Held(_))));
    held("a second open in one process: refused", 1);
    let itself = std::env::current_exe().unwrap();
    let other = Command::new(itself)
        .args(["--exact", "hatch::faults::trust::one_holder", "--nocapture"])
        .env(FOLDER, &rig.folder)
        .output()
        .unwrap();
    assert!(other.status.success() && String::from_utf8_lossy(&other.stdout).contains("refused"), "{other:?}");
    held("a second process: refused", 1);
    write(&journal, "a.one", None).await.unwrap();
    journal.close();
    rig.open().unwrap();
}

#[tokio::test]
async fn files_of_another_kind_mode_or_owner() {
    let rig = Rig::new();
    rig.open().unwrap().close();
    let refused = || rig.open().map(drop).unwrap_err().to_string();
    let elsewhere = rig.folder.with_extension("elsewhere");
    for name in ["00000001.jsonl", "lock", "checkpoint.key", "checkpoints.signed"] {
        let path = rig.folder.join(name);
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(refused().contains("not what belongs there"), "{name}: {}", refused());
        fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        assert!(refused().contains("not what belongs there"), "{name}: {}", refused());
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
        for mode in [0o644, 0o660, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(refused().contains("chmod 600"), "{name} {mode:o}: {}", refused());
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&rig.folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused().contains("chmod 700"), "{}", refused());
    fs::set_permissions(&rig.folder, fs::Permissions::from_mode(0o700)).unwrap();
    held("a file that is a link, a pipe, or open to others: refused", 4 * 5 + 1);

    // Only root can give a file away; who is not has the rest of the table.
    if rustix::process::geteuid().is_root() {
        for name in ["", "00000001.jsonl", "lock", "checkpoint.key", "checkpoints.signed"] {
            let path = rig.folder.join(name);
            std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
            assert!(refused().contains("belongs to user 65534"), "{name}: {}", refused());
            std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        }
        held("a file or folder of another user: refused", 5);
    }
    rig.open().unwrap();
}
