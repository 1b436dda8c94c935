//! A real disk that is full, fails or hangs: a small ext4 in a file, system calls that a tracer makes fail, and a file
//! that may grow no further.
//!
//! But for the last these need root, `mkfs.ext4`, `mount` and `strace`. Where they are not there these tests say so and
//! are left out; under `cargo xtask faults` and in CI they fail.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use uuid::Uuid;

use super::{Dice, held, times};
use crate::hatch::{
    Journal, JournalOptions, Record, Verifier,
    event::{Actor, Event},
    journal::{Kind, Line, Ticket, WriteError, rig::patiently},
    records,
    relay::durable,
};

const FOLDER: &str = "ROCKY_TEST_TRACED";

/// Whether these programs and root are there.
pub(super) fn is_possible(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain(["/sbin", "/usr/sbin"].map(PathBuf::from)).collect();
    let missing: Vec<_> =
        programs.iter().filter(|program| !folders.iter().any(|folder| folder.join(program).is_file())).collect();
    let possible = missing.is_empty() && rustix::process::geteuid().is_root();
    let required = ["ROCKY_FAULTS", "CI"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(possible || !required, "this needs root, and {missing:?}");
    if !possible {
        eprintln!("left out: this needs root, and {missing:?}");
    }
    possible
}

pub(super) fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An ext4 of 8 MiB in a file, mounted.
struct SmallDisk {
    _home: tempfile::TempDir,
    image: String,
    at: String,
}

impl SmallDisk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (image, at) = (home.path().join("image"), home.path().join("disk"));
        File::create(&image).unwrap().set_len(8 << 20).unwrap();
        fs::create_dir(&at).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let disk = SmallDisk { image: text(&image), at: text(&at), _home: home };
        run("mkfs.ext4", &["-q", &disk.image]);
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &["-o", "loop,errors=remount-ro", &self.image, &self.at]);
    }

    fn hatch(&self) -> PathBuf {
        Path::new(&self.at).join("hatch")
    }

    /// Takes all the room there is, but for this much.
    fn fill(&self, left: usize) {
        let mut file = File::create(self.filler()).unwrap();
        let mut size = 0;
        for much in [64 << 10, 4096, 512] {
            while file.write_all(&vec![1; much]).is_ok() {
                size += much;
            }
        }
        file.set_len((size.saturating_sub(left)) as u64).unwrap();
        file.sync_all().unwrap();
    }

    fn filler(&self) -> PathBuf {
        Path::new(&self.at).join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            run("umount", &[&self.at]);
        } else if let Err(error) = Command::new("umount").arg("-l").arg(&self.at).status() {
            eprintln!("{} is still mounted: {error}", self.at);
        }
    }
}

pub(super) fn options() -> JournalOptions {
    let mut options = JournalOptions::new("test");
    options.open_actions = 64;
    options.waiting_bytes = 1 << 20;
    options
}

fn line(journal: &Journal, kind: &str, id: Uuid) -> Line {
    line_of(journal, kind, id, 700)
}

/// An event that has so many bytes to say.
fn line_of(journal: &Journal, kind: &str, id: Uuid, bytes: usize) -> Line {
    let data = serde_json::json!({ "fill": "x".repeat(bytes) });
    let who = Actor { tenant: Some("acme"), actor: Some("ada"), role: Some("admin") };
    let event = Event { kind, subject: None, who, actionid: Some(id), requestid: None, traceparent: None, data };
    Line { body: event.stamped(journal.source()).unwrap(), actionid: Some(id) }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

pub(super) async fn put(journal: &Journal, kind: &str, id: Uuid) -> Result<(), WriteError> {
    durable(journal.append(line(journal, kind, id), Kind::Other, soon()).await?, soon()).await
}

pub(super) fn ids(folder: &Path, kind: &str) -> HashSet<Uuid> {
    let lines: Vec<Record> = records(folder).unwrap().collect::<Result<_, _>>().unwrap();
    lines.into_iter().filter(|line| line.kind == kind).filter_map(|line| line.actionid).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk() {
    if !is_possible(&["mkfs.ext4", "mount", "umount"]) {
        return;
    }
    let mut dice = Dice::new();
    let (mut refused_events, mut outcomes) = (0, 0);
    let rounds = times(3, 30);
    for _ in 0..rounds {
        let disk = SmallDisk::new();
        let folder = disk.hatch();
        let journal = Arc::new(patiently(|| Journal::open(&folder, options())).unwrap());
        // Actions in flight, with a place for each outcome.
        let mut open = Vec::new();
        for _ in 0..20 {
            let id = Uuid::now_v7();
            let place = journal.reserve(soon()).await.unwrap();
            put(&journal, "a.started", id).await.unwrap();
            open.push((id, place));
        }
        disk.fill(dice.below(96 << 10));
        let (mut told, mut refused) = (HashSet::new(), HashSet::new());
        // A smaller batch may fit where a larger one did not.
        while refused.is_empty() || journal.trouble().is_none() {
            let mut batch: Vec<(Uuid, Ticket)> = Vec::new();
            for _ in 0..1 + dice.below(40) {
                let id = Uuid::now_v7();
                let begun = Instant::now();
                match journal.append(line(&journal, "b.event", id), Kind::Other, soon()).await {
                    Ok(ticket) => batch.push((id, ticket)),
                    Err(error) => panic!("{error} after {:?}", begun.elapsed()),
                }
            }
            for (id, ticket) in batch {
                match durable(ticket, soon()).await {
                    Ok(()) => assert!(told.insert(id)),
                    Err(WriteError::NoSpace) => assert!(refused.insert(id)),
                    Err(other) => panic!("{other}"),
                }
            }
        }
        refused_events += refused.len();
        assert!(journal.trouble().unwrap().contains("the disk is full"), "{:?}", journal.trouble());
        let there = ids(&folder, "b.event");
        assert!(told.is_subset(&there) && refused.is_disjoint(&there), "no ghosts");
        // What is in flight still fits.
        for (id, place) in &open {
            durable(journal.append_reserved(line(&journal, "a.done", *id), place).unwrap(), soon()).await.unwrap();
            outcomes += 1;
        }
        fs::remove_file(disk.filler()).unwrap();
        let until = soon();
        while journal.trouble().is_some() {
            // An event that is tried now finds the room; without one it is looked for by itself.
            assert!(Instant::now() < until, "it comes back by itself: {:?}", journal.trouble());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        put(&journal, "c.event", Uuid::now_v7()).await.unwrap();
        journal.close();
        let verdicts = Verifier::new().verify(&folder, &|_| {}).unwrap();
        assert!(verdicts.hold(), "{verdicts:?}");
        assert!(verdicts.tombstones.iter().all(|left| left.started != "a.started"), "each outcome is there");
        drop(journal);
    }
    held(
        "a full disk of 8 MiB: no ghosts, outcomes in flight fit, back without a restart",
        format!("{rounds} ({refused_events} refused, {outcomes} outcomes)"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_becomes_read_only() {
    if !is_possible(&["mkfs.ext4", "mount", "umount", "findmnt", "e2fsck"]) {
        return;
    }
    let rounds = times(4, 200);
    let mut acknowledged = 0;
    for _ in 0..rounds {
        let disk = SmallDisk::new();
        let folder = disk.hatch();
        let journal = Arc::new(patiently(|| Journal::open(&folder, options())).unwrap());
        let over = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..16)
            .map(|_| {
                let (journal, over) = (Arc::clone(&journal), Arc::clone(&over));
                tokio::spawn(async move {
                    let mut told = Vec::new();
                    while !over.load(Ordering::Relaxed) && told.len() < 100 {
                        let id = Uuid::now_v7();
                        match put(&journal, "a.started", id).await {
                            Ok(()) => told.push(id),
                            Err(_) => break,
                        }
                    }
                    told
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let device = run("findmnt", &["-n", "-o", "SOURCE", &disk.at]);
        fs::write(format!("/sys/fs/ext4/{}/trigger_fs_error", device.trim_start_matches("/dev/")), "1").unwrap();
        over.store(true, Ordering::Relaxed);
        let mut told = HashSet::new();
        for writer in writers {
            told.extend(writer.await.unwrap());
        }
        let refused = put(&journal, "a.started", Uuid::now_v7()).await.unwrap_err();
        assert!(matches!(refused, WriteError::Io(_) | WriteError::Poisoned(_)), "{refused}");
        assert!(journal.trouble().is_some());
        journal.close();
        drop(journal);
        run("umount", &[&disk.at]);
        // It repairs the file system and says so with exit code 1.
        Command::new("e2fsck").args(["-f", "-y", &disk.image]).env("PATH", "/usr/sbin:/sbin").output().unwrap();
        disk.mount();
        let journal = patiently(|| Journal::open(&folder, options())).unwrap();
        let there = ids(&folder, "a.started");
        assert!(told.is_subset(&there), "acknowledged and missing");
        let verdicts = Verifier::new().verify(&folder, &|_| {}).unwrap();
        assert!(verdicts.hold(), "{verdicts:?}");
        assert_eq!(journal.tombstones().len(), there.len());
        journal.close();
        drop(journal);
        acknowledged += told.len();
    }
    assert!(acknowledged > 0);
    held("a file system that becomes read-only under 16 writers: refused, and whole after a repair", rounds);
}

/// What a journal does whose process is traced: an event after the other, each said to be told or refused.
async fn write_traced(folder: &Path) {
    let journal = patiently(|| Journal::open(folder, options())).unwrap();
    for at in 0..40 {
        let id = Uuid::now_v7();
        let begun = Instant::now();
        let until = begun + Duration::from_millis(700);
        let said = match journal.append(line(&journal, "a.event", id), Kind::Other, until).await {
            Ok(ticket) => durable(ticket, until).await,
            Err(error) => Err(error),
        };
        assert!(begun.elapsed() < Duration::from_secs(3), "past its deadline, an event is refused");
        match said {
            Ok(()) => println!("told {id}"),
            Err(WriteError::Late) => println!("late {id}"),
            Err(WriteError::Poisoned(_)) => println!("poisoned {id}"),
            Err(error) => println!("refused {id} {error}"),
        }
        if at == 20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    println!("trouble {}", journal.trouble().unwrap_or_default());
    journal.close();
}

/// What the traced process said of its events, by word.
struct Traced {
    said: Vec<(String, Uuid)>,
    trouble: String,
}

impl Traced {
    fn with(folder: &Path, inject: &str) -> Self {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64,fdatasync", "-e", inject]);
        Self::of(command, "calls_that_fail", folder)
    }

    /// Beyond its limit it gets an error, and no signal that ends it: what a shell ignores, so does the program that it
    /// becomes.
    fn limited(folder: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]);
        Self::of(command, "a_write_that_is_cut_short", folder)
    }

    /// Of this test in a process of its own, which the command begins.
    fn of(mut command: Command, test: &str, folder: &Path) -> Self {
        command.arg(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("hatch::faults::disk::{test}"), "--nocapture"]).env(FOLDER, folder);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let event = |line: &str| {
            let mut words = line.split(' ');
            Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
        };
        let trouble = text.lines().find_map(|line| line.strip_prefix("trouble ")).unwrap_or_default().to_owned();
        Traced { said: text.lines().filter_map(event).collect(), trouble }
    }

    fn ids(&self, word: &str) -> HashSet<Uuid> {
        self.said.iter().filter(|(said, _)| said == word).map(|(_, id)| *id).collect()
    }
}

#[tokio::test]
async fn calls_that_fail() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_traced(folder.as_ref()).await;
    }
    if !is_possible(&["strace"]) {
        return;
    }
    // Which calls fail, and what of 40 events is told, refused, late, poisoned: at least so many.
    let table = [
        ("pwrite64:error=EINTR:when=5+3", "EINTR on write", [40, 0, 0, 0]),
        ("fdatasync:error=EINTR:when=5+3", "EINTR on fdatasync", [40, 0, 0, 0]),
        ("pwrite64:error=EIO:when=12", "EIO on write", [39, 1, 0, 0]),
        ("pwrite64:error=EIO:when=12..14", "EIO on three writes", [37, 2, 0, 0]), // one of them of blanks
        ("fdatasync:error=EIO:when=12", "EIO on fdatasync", [8, 0, 0, 20]),
        ("fdatasync:delay_enter=2000000:when=12", "a write that hangs past its deadline", [30, 0, 1, 0]),
    ];
    for (inject, what, least) in table {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("hatch");
        let traced = Traced::with(&folder, &format!("inject={inject}"));
        assert_eq!(traced.said.len(), 40, "{what}");
        let [told, refused, late, poisoned] = ["told", "refused", "late", "poisoned"].map(|word| traced.ids(word));
        for (found, least) in [&told, &refused, &late, &poisoned].iter().zip(least) {
            assert!(found.len() >= least && (least > 0 || found.is_empty()), "{what}: {:?}", traced.said);
        }
        let journal = patiently(|| Journal::open(&folder, options())).unwrap();
        let there = ids(&folder, "a.event");
        assert!(told.is_subset(&there), "{what}: acknowledged and missing");
        assert!(refused.is_disjoint(&there) && poisoned.is_disjoint(&there), "{what}: refused and there");
        let verdicts = Verifier::new().verify(&folder, &|_| {}).unwrap();
        assert!(verdicts.hold(), "{what}: {verdicts:?}");
        if poisoned.is_empty() {
            assert_eq!(traced.trouble, "", "{what}: it is over");
        } else {
            assert!(traced.trouble.contains("fdatasync failed"), "{what}: {}", traced.trouble);
            assert_eq!(verdicts.chain.segments, 2, "{what}: it goes on in a new segment");
        }
        journal.close();
        held(what, format!("{} told, {} refused, {} late", told.len(), refused.len() + poisoned.len(), late.len()));
    }
}

/// What a journal does whose file may grow to the middle of an event: large ones are refused, and small ones still fit.
async fn write_up_to_a_limit(folder: &Path) {
    let journal = patiently(|| Journal::open(folder, options())).unwrap();
    let end = || {
        let bytes = fs::read(folder.join("00000001.jsonl")).unwrap();
        bytes.iter().rposition(|byte| *byte == b'\n').unwrap() as u64 + 1
    };
    let begin = end();
    for at in 0..20 {
        let (id, bytes) = (Uuid::now_v7(), if at % 4 == 3 { 10 } else { 7000 });
        let ticket = journal.append(line_of(&journal, "a.event", id, bytes), Kind::Other, soon()).await.unwrap();
        match durable(ticket, soon()).await {
            Ok(()) => println!("told {id}"),
            Err(error) => {
                // The system wrote what fitted, and refused the rest of it.
                assert!(error.to_string().contains("(os error 27)"), "{error}");
                let verdicts = Verifier::new().verify(folder, &|_| {}).unwrap();
                assert!(verdicts.hold() && verdicts.chain.unfinished_bytes == 0, "not taken back: {verdicts:?}");
                println!("refused {id} {error}");
            }
        }
        if at == 0 {
            // Two more like it fit, and half of one.
            let limit = begin + (end() - begin) * 7 / 2;
            let limit = Rlimit { current: Some(limit), ..getrlimit(Resource::Fsize) };
            setrlimit(Resource::Fsize, limit).unwrap();
        }
    }
    println!("trouble {}", journal.trouble().unwrap_or_default());
    journal.close();
}

#[tokio::test]
async fn a_write_that_is_cut_short() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_up_to_a_limit(folder.as_ref()).await;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("hatch");
    let limited = Traced::limited(&folder);
    let [told, refused] = ["told", "refused"].map(|word| limited.ids(word));
    assert_eq!((told.len(), refused.len()), (3 + 5, 12), "the small ones are told: {:?}", limited.said);
    assert_eq!(limited.trouble, "", "it is over");
    // Without the limit.
    let journal = patiently(|| Journal::open(&folder, options())).unwrap();
    assert_eq!(ids(&folder, "a.event"), told, "told and missing, or refused and there");
    put(&journal, "b.event", Uuid::now_v7()).await.unwrap();
    journal.close();
    let verdicts = Verifier::new().verify(&folder, &|_| {}).unwrap();
    assert!(verdicts.hold(), "{verdicts:?}");
    held("a short write", format!("{} told, {} refused", told.len(), refused.len()));
}
