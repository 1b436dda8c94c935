//! The process is killed at any moment, with 64 writers at work.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;

use super::{Dice, held, times};
use crate::hatch::{
    Journal, JournalOptions, Verifier,
    journal::rig::{Rig, patiently, rotate, write},
    records,
};

const FOLDER: &str = "ROCKY_TEST_KILLED";
const WRITERS: usize = 64;
/// A folder takes that many kills before the next one.
const A_FOLDER: usize = 20;

fn options() -> JournalOptions {
    let mut options = JournalOptions::new("test");
    options.segment_bytes = 256 << 10;
    options.checkpoint_events = 100;
    options.checkpoint_every = Duration::from_millis(20);
    options
}

/// Says what it is about to write, and what it was told is durable.
async fn write_until_killed(folder: &Path) {
    let journal = Arc::new(patiently(|| Journal::open(folder, options())).unwrap());
    let say = |text: String| writeln!(std::io::stdout(), "{text}").unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                for at in 0.. {
                    let id = Uuid::now_v7();
                    say(format!("start {id}"));
                    write(&journal, "a.started", Some(id)).await.unwrap();
                    say(format!("started {id}"));
                    if writer == 0 && at % 50 == 49 {
                        rotate(&journal).await.unwrap();
                    }
                    say(format!("end {id}"));
                    write(&journal, "a.done", Some(id)).await.unwrap();
                    say(format!("ended {id}"));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// What the process said before it was killed: how often each line was submitted and acknowledged.
#[derive(Default)]
struct Said {
    submitted: HashMap<(Uuid, &'static str), u32>,
    told: HashSet<(Uuid, &'static str)>,
}

impl Said {
    fn hear(&mut self, line: &str) {
        let Some((word, id)) = line.split_once(' ') else { return };
        let Ok(id) = id.parse() else { return };
        match word {
            "start" => *self.submitted.entry((id, "a.started")).or_default() += 1,
            "end" => *self.submitted.entry((id, "a.done")).or_default() += 1,
            "started" => drop(self.told.insert((id, "a.started"))),
            "ended" => drop(self.told.insert((id, "a.done"))),
            _ => {}
        }
    }
}

fn kill_one(folder: &Path, after: Duration) -> Said {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hatch::faults::kill::killed_at_any_moment", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // The first word is the moment from which on it is at work.
    let first = lines.by_ref().find(|line| line.starts_with("start ")).expect("it is at work");
    let listener = std::thread::spawn(move || {
        let mut said = Said::default();
        said.hear(&first);
        lines.for_each(|line| said.hear(&line));
        said
    });
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    listener.join().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_until_killed(folder.as_ref()).await;
    }
    let mut dice = Dice::new();
    let (mut kills, mut acknowledged, mut unfinished) = (0, 0, 0);
    let rounds = times(6, 200);
    while kills < rounds {
        let rig = Rig::new();
        let (mut before, mut submitted) = (HashSet::new(), HashSet::new());
        for _ in 0..A_FOLDER.min(rounds - kills) {
            let said = kill_one(&rig.folder, Duration::from_micros(dice.next() % 120_000));
            submitted.extend(said.submitted.keys().copied());
            before.extend(said.told.iter().copied());
            acknowledged += said.told.len();

            let journal = patiently(|| Journal::open(&rig.folder, options())).expect("each open succeeds");
            let verdicts = Verifier::new().verify(&rig.folder, &|_| {}).unwrap();
            assert!(verdicts.hold(), "{verdicts:?}");
            let mut there: HashSet<(Uuid, String)> = HashSet::new();
            let mut open = HashSet::new();
            for line in records(&rig.folder).unwrap() {
                let line = line.unwrap();
                let Some(id) = line.actionid else { continue };
                assert!(there.insert((id, line.kind.clone())), "twice: {line:?}");
                match line.kind.as_str() {
                    "a.started" => assert!(open.insert(id)),
                    _ => assert!(open.remove(&id), "an outcome of nothing: {line:?}"),
                }
            }
            for (id, kind) in &before {
                assert!(there.contains(&(*id, (*kind).to_owned())), "acknowledged and missing: {kind} {id}");
            }
            for (id, kind) in &there {
                let kind = if kind == "a.started" { "a.started" } else { "a.done" };
                assert!(submitted.contains(&(*id, kind)), "invented: {kind} {id}");
            }
            let tombstones: HashSet<Uuid> = journal.tombstones().iter().map(|left| left.actionid).collect();
            assert_eq!(tombstones, open, "tombstones are the started events without an outcome");
            unfinished += open.len();
            for id in open {
                submitted.insert((id, "a.done"));
                write(&journal, "a.done", Some(id)).await.unwrap();
                before.insert((id, "a.done"));
            }
            journal.close();
            kills += 1;
        }
    }
    assert!(acknowledged > rounds && unfinished > 0, "the writers were at work: {acknowledged}, {unfinished}");
    held(
        "kill -9 under 64 writers: nothing acknowledged is missing, nothing is invented, tombstones are exact",
        format!("{kills} ({acknowledged} acknowledged, {unfinished} tombstones)"),
    );
}
