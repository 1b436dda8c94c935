//! The process is killed at any moment: with 64 writers at work, while old segments go, and while it opens its journal.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use uuid::Uuid;

use super::{Dice, held, times};
use crate::hatch::{
    Journal, JournalOptions, Record, Verifier,
    journal::rig::{Rig, patiently, rotate, write},
    records,
    segment::{self, Opened},
};

const FOLDER: &str = "ROCKY_TEST_KILLED";
/// How many sealed segments it keeps; without it, all.
const KEEP: &str = "ROCKY_TEST_KEEPS";
const WRITERS: usize = 64;
/// A folder takes that many rounds before the next one.
const A_FOLDER: usize = 20;
/// What the process says when it begins to open its journal, and when it is at work.
const OPENING: &str = "opening";
const AT_WORK: &str = "start ";

pub(super) const STARTED: &str = "a.started";
pub(super) const DONE: &str = "a.done";
/// Sealed segments that are kept, where not all are.
pub(super) const KEPT: u64 = 2;

/// An action, and which of its two events.
type Event = (Uuid, &'static str);

fn options(keep: Option<u64>) -> JournalOptions {
    let mut options = JournalOptions::new("test");
    options.event_bytes = 4096;
    // Where segments go, each batch or two begin one.
    options.segment_bytes = if keep.is_some() { 32 << 10 } else { 256 << 10 };
    options.keep_segments = keep;
    options.checkpoint_events = 100;
    options.checkpoint_every = Duration::from_millis(20);
    options
}

/// Says what it is about to write, and what it was told is durable.
async fn write_until_killed(folder: &Path) {
    let keep = std::env::var(KEEP).ok().map(|keep| keep.parse().unwrap());
    let say = |text: String| writeln!(std::io::stdout(), "{text}").unwrap();
    say(OPENING.to_owned());
    let journal = Arc::new(patiently(|| Journal::open(folder, options(keep))).unwrap());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let journal = Arc::clone(&journal);
            tokio::spawn(async move {
                for at in 0.. {
                    let id = Uuid::now_v7();
                    say(format!("start {id}"));
                    write(&journal, STARTED, Some(id)).await.unwrap();
                    say(format!("started {id}"));
                    if writer == 0 && at % 50 == 49 {
                        rotate(&journal).await.unwrap();
                    }
                    say(format!("end {id}"));
                    write(&journal, DONE, Some(id)).await.unwrap();
                    say(format!("ended {id}"));
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// What is known of a journal's events from those who wrote them, over all its crashes: when each was about to be
/// written, and when it was told to be durable, counted in such words.
#[derive(Default)]
pub(super) struct Said {
    words: usize,
    submitted: HashMap<Event, usize>,
    told: HashMap<Event, usize>,
}

impl Said {
    pub(super) fn about_to_write(&mut self, id: Uuid, kind: &'static str) {
        self.words += 1;
        self.submitted.insert((id, kind), self.words);
    }

    pub(super) fn durable(&mut self, id: Uuid, kind: &'static str) {
        self.words += 1;
        self.told.insert((id, kind), self.words);
    }

    fn hear(&mut self, lines: &[String]) {
        for line in lines {
            let Some((word, id)) = line.split_once(' ') else { continue };
            let Ok(id) = id.parse() else { continue };
            match word {
                "start" => self.about_to_write(id, STARTED),
                "started" => self.durable(id, STARTED),
                "end" => self.about_to_write(id, DONE),
                "ended" => self.durable(id, DONE),
                _ => {}
            }
        }
    }

    /// How many events were told to be durable.
    pub(super) fn acknowledged(&self) -> usize {
        self.told.len()
    }

    /// Opens what a crash left, finds there what was said, and settles the actions without an outcome: how many those
    /// were, and how many events went with their segments.
    pub(super) async fn is_kept_in(&mut self, folder: &Path, options: JournalOptions) -> (usize, u64) {
        let journal = patiently(|| Journal::open(folder, options.clone())).expect("each open succeeds");
        let verdicts = Verifier::new().verify(folder, &|_| {}).unwrap();
        assert!(verdicts.hold(), "{verdicts:?}");
        let gone = verdicts.chain.first_sequence - 1;
        assert!(gone == 0 || verdicts.chain.segments > KEPT, "more than one too many went: {verdicts:?}");

        let (mut there, mut open) = (HashSet::new(), HashSet::new());
        for line in records(folder).unwrap() {
            let line = line.unwrap();
            let event = match (line.kind.as_str(), line.actionid) {
                (STARTED, Some(id)) => {
                    assert!(open.insert(id), "started twice: {line:?}");
                    (id, STARTED)
                }
                (DONE, Some(id)) => {
                    assert!(open.remove(&id), "an outcome of nothing: {line:?}");
                    (id, DONE)
                }
                (segment::OPENED, _) => {
                    let opened: Opened = serde_json::from_str(line.data.get()).unwrap();
                    let listed: HashSet<Uuid> = opened.open.iter().map(|open| open.actionid).collect();
                    // The oldest's alone say what began in segments that went.
                    if line.sequence == format!("{:020}", gone + 1) {
                        open = listed;
                    } else {
                        assert_eq!(listed, open, "a segment names the actions that are open: {line:?}");
                    }
                    continue;
                }
                ("log.recovered", _) => {
                    is_saved(folder, &line);
                    continue;
                }
                _ => continue,
            };
            assert!(there.insert(event), "twice: {line:?}");
            assert!(self.submitted.contains_key(&event), "invented: {line:?}");
        }

        // What went stood before all that is there, so it was about to be written before any of that was told. Verify
        // found the event that says that the segments before the oldest were taken away.
        let first_told = there.iter().filter_map(|event| self.told.get(event)).min().copied();
        for event in self.told.keys().filter(|event| !there.contains(*event)) {
            let went = gone > 0 && first_told.is_some_and(|first| self.submitted[event] < first);
            assert!(went, "acknowledged and missing: {event:?}");
        }

        let tombstones: HashSet<Uuid> = journal.tombstones().iter().map(|left| left.actionid).collect();
        assert_eq!(tombstones, open, "tombstones are the started events without an outcome");
        for id in &open {
            self.about_to_write(*id, DONE);
            write(&journal, DONE, Some(*id)).await.unwrap();
            self.durable(*id, DONE);
        }
        journal.close();
        (open.len(), gone)
    }
}

/// What an opening cut off is beside the segments, all of it.
fn is_saved(folder: &Path, recovered: &Record) {
    let data: serde_json::Value = serde_json::from_str(recovered.data.get()).unwrap();
    let saved = fs::metadata(folder.join(data["saved_as"].as_str().unwrap()));
    assert_eq!(saved.ok().map(|saved| saved.len()), data["bytes"].as_u64(), "{recovered:?}");
}

/// Starts a process on the folder, and kills it so long after it said this; what it said until then.
fn kill_one(folder: &Path, keep: Option<u64>, word: &str, after: Duration) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "hatch::faults::kill::killed_at_any_moment", "--nocapture"]).env(FOLDER, folder);
    if let Some(keep) = keep {
        command.env(KEEP, keep.to_string());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // The test's name may stand before what it says first.
    let first = lines.by_ref().find(|line| line.contains(word)).expect("it comes so far");
    let listener = std::thread::spawn(move || std::iter::once(first).chain(lines).collect());
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    listener.join().unwrap()
}

/// Leaves the beginning of a line, as a kill in the middle of a write does: the next opening has to see to it.
fn tear(rig: &Rig) {
    let newest = rig.folder.join(rig.segments().pop().unwrap());
    let bytes = fs::read(&newest).unwrap();
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let file = File::options().write(true).open(&newest).unwrap();
    file.write_all_at(br#"{"specversion":"1.0","id":"#, whole as u64).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_until_killed(folder.as_ref()).await;
    }
    let mut dice = Dice::new();
    // An opening takes from a part of a millisecond to some.
    let early = |dice: &mut Dice| Duration::from_micros(dice.next() % 3_000);
    let (mut kills, mut openings, mut acknowledged, mut unfinished, mut gone) = (0, 0, 0, 0, 0);
    let (mut round, rounds) = (0, times(6, 200));
    while round < rounds {
        let rig = Rig::new();
        let (mut said, mut gone_here) = (Said::default(), 0);
        // The very first opening too: it makes the folder, the key and a segment.
        said.hear(&kill_one(&rig.folder, None, OPENING, early(&mut dice)));
        kills += 1;
        for _ in 0..A_FOLDER.min(rounds - round) {
            let keep = (round % 2 == 1).then_some(KEPT);
            said.hear(&kill_one(&rig.folder, keep, AT_WORK, Duration::from_micros(dice.next() % 120_000)));
            kills += 1;
            for _ in 0..dice.below(3) {
                tear(&rig);
                let heard = kill_one(&rig.folder, keep, OPENING, early(&mut dice));
                openings += usize::from(!heard.iter().any(|line| line.starts_with(AT_WORK)));
                said.hear(&heard);
                kills += 1;
            }
            let (open, went) = said.is_kept_in(&rig.folder, options(keep)).await;
            unfinished += open;
            gone_here = went;
            round += 1;
        }
        acknowledged += said.acknowledged();
        gone += gone_here;
    }
    assert!(acknowledged > rounds + unfinished && unfinished > 0, "at work: {acknowledged}, {unfinished}");
    assert!(rounds < A_FOLDER || (openings > 0 && gone > 0), "also while it opened, and while segments went");
    held(
        "kill -9 under 64 writers: nothing acknowledged is missing, nothing is invented, tombstones are exact",
        format!(
            "{kills}, {openings} in an opening ({acknowledged} acknowledged, {gone} gone with their segments, \
             {unfinished} tombstones)"
        ),
    );
}
