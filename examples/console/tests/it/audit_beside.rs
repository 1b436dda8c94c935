//! The audit log is followed and copied while it is written: lines are taken back, and segments taken away.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Lines, Read, Write},
    ops::Range,
    os::unix::fs::FileExt,
    path::PathBuf,
    process::{Child, ChildStdout, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    audit::{Said, audit, lines, rotate, says, verdict},
    console::{Console, Home, until},
};

/// From then on the local user may only look: each request to change something is refused, and is one event.
fn observe(home: &Home) {
    let identity = home.path.join("identity.json");
    let text = fs::read_to_string(&identity).unwrap();
    fs::write(&identity, text.replace("\"admin\"", "\"observer\"")).unwrap();
}

fn denied(console: &Console) {
    assert_eq!(console.provision("acme", "solo").status, 403);
}

/// A log without a console, and lines that can stand behind it.
struct Log {
    home: Home,
    segment: PathBuf,
    /// The first checkpoint, which speaks of the first event.
    signed: Vec<u8>,
    /// What stands in its segment at first.
    begun: Vec<u8>,
    /// Lines that were written together, behind that.
    batch: Vec<u8>,
}

impl Log {
    fn new() -> Self {
        let home = Home::new();
        let segment = home.hatch().join("00000001.jsonl");
        let console = home.serve();
        observe(&home);
        until("lines that are written together", || {
            std::thread::scope(|scope| {
                for _ in 0..32 {
                    scope.spawn(|| denied(&console));
                }
            });
            batch_of_several(&fs::read(&segment).unwrap()).is_some()
        });
        assert_eq!(console.stop().0, Some(0));
        let all = fs::read(&segment).unwrap();
        let batch = batch_of_several(&all).unwrap();
        let signed = fs::read(home.hatch().join("checkpoints.signed")).unwrap();
        let first = signed.split_inclusive(|byte| *byte == b'\n').next().unwrap().to_vec();
        let (begun, batch) = (all[..batch.start].to_vec(), all[batch].to_vec());
        Log { home, segment, signed: first, begun, batch }
    }

    /// Puts these bytes behind what stood there at first.
    fn put(&self, behind: &[u8]) {
        fs::write(&self.segment, [&self.begun[..], behind].concat()).unwrap();
        fs::write(self.home.hatch().join("checkpoints.signed"), &self.signed).unwrap();
    }

    /// So many lines that a console writes behind what stood there at first, each durable before the next.
    fn others(&self, many: usize) -> Vec<u8> {
        self.put(b"");
        let console = self.home.serve();
        for _ in 0..many {
            denied(&console);
        }
        assert_eq!(console.stop().0, Some(0));
        let others = fs::read(&self.segment).unwrap().split_off(self.begun.len());
        assert_eq!(lines_of(&others).len(), many);
        self.put(b"");
        others
    }

    fn append(&self, bytes: &[u8]) {
        File::options().append(true).open(&self.segment).unwrap().write_all(bytes).unwrap();
    }

    /// Takes back what was written behind what stood there at first.
    fn take_back(&self) {
        File::options().write(true).open(&self.segment).unwrap().set_len(self.begun.len() as u64).unwrap();
    }

    fn follow(&self) -> Follower {
        let mut follower = Follower::new(&self.home);
        follower.shows(&lines_of(&self.begun)[lines_of(&self.begun).len() - 1..]);
        follower
    }
}

fn lines_of(bytes: &[u8]) -> Vec<&str> {
    std::str::from_utf8(bytes).unwrap().lines().collect()
}

fn event(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

/// The sequence of an event, as people write it.
fn number(line: &str) -> u64 {
    event(line)["sequence"].as_str().unwrap().parse().unwrap()
}

/// Where the last lines stand that were written together, and are more than one.
fn batch_of_several(bytes: &[u8]) -> Option<Range<usize>> {
    let (mut begins, mut end) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        if event(std::str::from_utf8(line).unwrap())["batchstart"] == true {
            begins.push((end, 0));
        }
        begins.last_mut().unwrap().1 += 1;
        end += line.len();
    }
    let ends = begins.iter().skip(1).map(|(begin, _)| *begin).chain([end]);
    let batches = begins.iter().zip(ends).filter(|((_, many), _)| *many > 1);
    batches.last().map(|((begin, _), end)| *begin..end)
}

/// `audit tail --follow`, from the last line on.
struct Follower {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
}

impl Follower {
    fn new(home: &Home) -> Self {
        let mut command = audit(home, &["tail", "-n", "1", "--follow", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        Follower { child, out }
    }

    /// What it shows next.
    #[track_caller]
    fn shows<Line: AsRef<str>>(&mut self, expected: &[Line]) {
        for expected in expected {
            match self.out.next() {
                Some(line) => assert_eq!(line.unwrap(), expected.as_ref()),
                None => panic!("it ended, and this was to come: {}", expected.as_ref()),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Its end, and what it showed and said until then.
    fn ends(mut self) -> Said {
        let out = self.out.by_ref().map(Result::unwrap).collect::<Vec<_>>().join("\n");
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        Said { code: self.child.wait().unwrap().code(), out, err }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // A test that failed may have left it standing still.
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

#[test]
fn who_follows_goes_on_behind_lines_that_were_taken_back() {
    let log = Log::new();
    let (one, three) = (log.others(1), log.others(3));
    let mut follower = log.follow();
    log.append(&log.batch);
    follower.shows(&lines_of(&log.batch));
    // As after a failed write: the segment is shorter, and then another line stands there.
    log.take_back();
    log.append(&one);
    follower.shows(&lines_of(&one));
    // Quicker than anybody looks: it is never seen shorter.
    let file = File::options().write(true).open(&log.segment).unwrap();
    file.write_all_at(&three, log.begun.len() as u64).unwrap();
    follower.shows(&lines_of(&three));

    follower.signal(Signal::INT);
    let ended = follower.ends();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "nothing twice: {ended:?}");
    let said: Vec<&str> = ended.err.lines().collect();
    assert_eq!(said.len(), 2, "{ended:?}");
    let batch = lines_of(&log.batch);
    let events = format!("events {} to {} (", number(batch[0]), number(batch[batch.len() - 1]));
    assert!(said[0].contains(&events) && said[0].contains("stand any more"), "{ended:?}");
    assert!(said[0].contains(event(batch[1])["id"].as_str().unwrap()), "{ended:?}");
    let event = format!("event {} ({})", number(batch[0]), event(lines_of(&one)[0])["id"].as_str().unwrap());
    assert!(said[1].contains(&event), "{ended:?}");
}

#[test]
fn who_follows_ends_at_damage_and_at_lines_that_were_durable_and_are_gone() {
    let log = Log::new();
    let others = log.others(3);
    let others = lines_of(&others);

    let mut follower = log.follow();
    let changed = others[1].replacen("auth.denied", "auth.denier", 1);
    log.append(format!("{}\n{changed}\n{}\n", others[0], others[2]).as_bytes());
    follower.shows(&others[..1]);
    let ended = follower.ends();
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains("is damaged at line") && ended.err.lines().count() == 1, "{ended:?}");

    // A failed write takes back what was written together, and no more.
    log.put(b"");
    let mut follower = log.follow();
    log.append(format!("{}\n", others.join("\n")).as_bytes());
    follower.shows(&others);
    log.take_back();
    let ended = follower.ends();
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.err.contains("were cut off or changed") && ended.err.lines().count() == 1, "{ended:?}");
}

#[test]
fn who_follows_goes_on_when_the_segment_is_taken_away() {
    let home = Home::new();
    let console = home.serve_with(&[("ROCKY_HATCH_KEEP", "1")]);
    observe(&home);
    denied(&console);
    let all = || lines(&home, &["show", "--json"]);
    let there = |segment: &str| home.hatch().join(segment).exists();
    let mut follower = Follower::new(&home);
    follower.shows(&all()[1..]);

    // It has read its segment to the end when that goes: nothing is missed.
    follower.signal(Signal::STOP);
    for _ in 0..2 {
        assert_eq!(rotate(&home).0, Some(0));
    }
    denied(&console);
    assert!(!there("00000001.jsonl") && there("00000002.jsonl"));
    follower.signal(Signal::CONT);
    let shown = all();
    follower.shows(&shown);

    // The rest of its segment it can still read, as it has it open; but not those behind it.
    follower.signal(Signal::STOP);
    denied(&console);
    let rest = all().split_off(shown.len());
    for _ in 0..3 {
        assert_eq!(rotate(&home).0, Some(0));
    }
    assert!(!there("00000004.jsonl") && there("00000005.jsonl"));
    follower.signal(Signal::CONT);
    let left = all();
    follower.shows(&rest);
    follower.shows(&left);

    follower.signal(Signal::INT);
    let ended = follower.ends();
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "nothing twice: {ended:?}");
    let missed = format!("not shown: events {} to {}: ", number(rest.last().unwrap()) + 1, number(&left[0]) - 1);
    assert!(ended.err.contains(&missed) && ended.err.lines().count() == 1, "{missed}: {ended:?}");
}

/// A copy in a folder of this name, and what was said of it.
fn export(home: &Home, name: &str) -> (PathBuf, Said) {
    let copy = home.path.with_file_name(name);
    let said = says(home, &["export", copy.to_str().unwrap()]);
    (copy, said)
}

#[test]
fn lines_behind_a_hole_are_not_copied() {
    let log = Log::new();
    // Of lines that are being written, the last ones were seen, and the first one was not.
    let first = lines_of(&log.batch)[0].len() + 1;
    log.put(&[" ".repeat(first).as_bytes(), &log.batch[first..], b"    "].concat());
    let (copy, said) = export(&log.home, "copy");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(fs::read(copy.join("00000001.jsonl")).unwrap(), log.begun);
    assert!(!verdict(&said, "chain").contains("no whole line"), "{said:?}");
}

#[test]
fn what_is_damaged_is_copied_as_it_is() {
    let log = Log::new();
    let others = log.others(2);
    let others = lines_of(&others);
    let changed = others[0].replacen("auth.denied", "auth.denier", 1);
    log.put(format!("{changed}\n{}\n{{", others[1]).as_bytes());
    let (copy, said) = export(&log.home, "copy");
    assert_eq!(said.code, Some(3), "{said:?}");
    let mut damaged = fs::read(&log.segment).unwrap();
    damaged.pop();
    assert_eq!(fs::read(copy.join("00000001.jsonl")).unwrap(), damaged);
}

/// Segments are begun and taken away, and many write, while one copy after the other is made.
#[test]
fn a_copy_is_whole_whatever_is_written_meanwhile() {
    let home = Home::new();
    let console = home.serve_with(&[("ROCKY_HATCH_KEEP", "2"), ("ROCKY_HATCH_SEGMENT_MIB", "1")]);
    observe(&home);
    let (oldest, over) = (home.hatch().join("00000001.jsonl"), AtomicBool::new(false));
    let copies = std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    denied(&console);
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(rotate(&home).0, Some(0));
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        // Nothing is asserted before the others are told to end.
        let mut copies = Vec::new();
        while copies.len() < 10 || (oldest.exists() && copies.len() < 100) {
            copies.push(export(&home, &format!("copy-{}", copies.len())));
        }
        over.store(true, Ordering::Relaxed);
        copies
    });
    for (copy, said) in copies {
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}: {said:?}", copy.display());
        assert!(!verdict(&said, "chain").contains("no whole line"), "{said:?}");
        for entry in fs::read_dir(&copy).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let is_whole = |line: &str| line.starts_with('{') && line.ends_with("}\n");
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                assert!(text.split_inclusive('\n').all(is_whole), "{}", path.display());
            }
        }
    }
    assert!(!oldest.exists(), "segments were taken away meanwhile");
}
