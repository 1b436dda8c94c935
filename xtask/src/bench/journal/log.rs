//! A long log: how fast it is verified, beside SHA-256 alone; how fast it is opened, and in how much memory.

use std::{path::Path, thread, time::Instant};

use super::{BYTES, Bound, Programs, ROUNDS, Said, information};
use crate::bench::{Goal, Times};

const LONG: u64 = 10_000_000;
const SHORT: u64 = 1_000_000;
/// A line's bytes at most: the event, its place in the chain and its two hashes, and its part of the checkpoints.
const LINE: u64 = 650;
/// Bytes of both logs, and what is written beside them.
pub(super) const NEEDED: u64 = (LONG + SHORT) * LINE + (1 << 30);

pub(super) fn run(programs: &Programs, folder: &Path) -> Result<Vec<Goal>, String> {
    let (long, short) = (folder.join("long"), folder.join("short"));
    make(programs, &short, SHORT)?;
    make(programs, &long, LONG)?;
    let mut goals = verify(programs, &long)?;
    goals.extend(open(programs, &long, &short)?);
    Ok(goals)
}

fn make(programs: &Programs, folder: &Path, events: u64) -> Result<(), String> {
    let most = events * LINE;
    eprintln!("making a journal of {events} events of {BYTES} bytes, {most} bytes at most: this can take minutes");
    let began = Instant::now();
    let settings =
        [("events", events.to_string()), ("bytes", BYTES.to_string()), ("folder", folder.display().to_string())];
    let made = programs.rocky("fill", &settings)?.count("events")?;
    if made != events {
        return Err(format!("a journal of {events} events was to be made, and it has {made}"));
    }
    eprintln!("made in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn verify(programs: &Programs, folder: &Path) -> Result<Vec<Goal>, String> {
    let threads = thread::available_parallelism().map_or(1, |cores| cores.get());
    let settings = [("threads", threads.to_string()), ("folder", folder.display().to_string())];
    let (mut speed, mut rocky_gb, mut sha_gb) = (Times::default(), Times::default(), Times::default());
    // Round 0 warms up: it is not counted.
    for round in 0..=ROUNDS {
        let rocky = programs.rocky("verify", &settings)?;
        let sha = programs.peer("sha256", &settings)?;
        let bytes = same(&rocky, &sha)?;
        let (ours, theirs) = (rocky.number("seconds")?, sha.number("seconds")?);
        eprintln!("verify {round} of {ROUNDS}: rocky {ours:.2} s, SHA-256 alone {theirs:.2} s, {bytes} bytes");
        if round > 0 {
            speed.0.push(theirs / ours);
            rocky_gb.0.push(bytes as f64 / ours / 1e9);
            sha_gb.0.push(bytes as f64 / theirs / 1e9);
        }
    }
    let name = format!("verify {LONG} events on {threads} cores, speed of rocky / SHA-256 alone");
    Ok(vec![
        Bound::AtLeast(0.8).goal(name, &speed, ""),
        information("verify", &rocky_gb, " GB/s"),
        information("SHA-256 alone", &sha_gb, " GB/s"),
    ])
}

/// That both went over the same bytes and lines; how many bytes.
fn same(rocky: &Said, sha: &Said) -> Result<u64, String> {
    let went_over = (rocky.count("bytes")?, rocky.count("events")?);
    let sha = (sha.count("bytes")?, sha.count("lines")?);
    if went_over == sha {
        return Ok(went_over.0);
    }
    Err(format!("verify went over (bytes, lines) {went_over:?}, and SHA-256 over {sha:?}: nothing to compare"))
}

/// Each time in a process of its own.
fn open(programs: &Programs, long: &Path, short: &Path) -> Result<Vec<Goal>, String> {
    let mut seconds = [Times::default(), Times::default()];
    let mut peaks = [Times::default(), Times::default()];
    for round in 1..=ROUNDS {
        for (at, folder) in [long, short].into_iter().enumerate() {
            let said = programs.rocky("open", &[("folder", folder.display().to_string())])?;
            let (took, peak) = (said.number("seconds")?, said.number("peak_kib")? / 1024.0);
            let events = [LONG, SHORT][at];
            eprintln!("open {round} of {ROUNDS}: {events} events in {took:.3} s, at most {peak:.1} MiB");
            seconds[at].0.push(took);
            peaks[at].0.push(peak);
        }
    }
    let [long, short] = peaks;
    let grown = Times(long.0.iter().zip(&short.0).map(|(long, short)| long / short).collect());
    Ok(vec![
        Bound::Below(1.0).goal(format!("open {LONG} events"), &seconds[0], " s"),
        information(format!("open {SHORT} events"), &seconds[1], " s"),
        Bound::AtMost(1.1).goal(format!("peak memory to open {LONG} / {SHORT} events"), &grown, ""),
        information(format!("peak memory to open {LONG} events"), &long, " MiB"),
        information(format!("peak memory to open {SHORT} events"), &short, " MiB"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_go_over_the_same_is_not_compared() {
        let said = |text: &str| Said::read(text).unwrap();
        let rocky = said(r#"{"bytes":6000,"events":10,"seconds":1.0}"#);
        assert_eq!(same(&rocky, &said(r#"{"bytes":6000,"lines":10}"#)), Ok(6000));
        assert!(same(&rocky, &said(r#"{"bytes":6000,"lines":9}"#)).is_err());
        assert!(same(&rocky, &said(r#"{"bytes":5400,"lines":10}"#)).is_err());
    }
}
