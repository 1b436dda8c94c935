//! How many events a second become durable, for one writer and for many, and how long each waits.

use std::{collections::BTreeMap, path::Path};

use super::{BYTES, Bound, Programs, ROUNDS, Said};
use crate::bench::{Goal, Times};

const WRITERS: [usize; 4] = [1, 8, 64, 512];
/// So many writers the goals are about.
const COUNTED: usize = 64;
const SECONDS: f64 = 2.0;
const ROCKY: &str = "rocky";
const JOURNALS: [&str; 5] = [ROCKY, "naive", "sqlite-each", "sqlite-batched", "raft-engine"];

pub(super) fn run(programs: &Programs, folder: &Path) -> Result<Vec<Goal>, String> {
    let measured = Measured::of(programs, folder)?;
    measured.table();
    Ok(vec![
        measured.faster_than("naive", 25.0),
        measured.faster_than("sqlite-batched", 1.0),
        measured.waits_less_than("sqlite-batched"),
        measured.faster_than("raft-engine", 1.5),
        measured.near_the_ceiling(),
    ])
}

/// What one journal did in one round.
#[derive(Debug, Clone, Copy)]
struct Point {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Point {
    fn said(said: &Said) -> Result<Self, String> {
        let [per_second, p50_us, p99_us] = ["per_second", "p50_us", "p99_us"].map(|name| said.number(name));
        Ok(Point { per_second: per_second?, p50_us: p50_us?, p99_us: p99_us? })
    }
}

/// All rounds.
#[derive(Default)]
struct Measured {
    /// By journal and writers, a point a round.
    points: BTreeMap<(&'static str, usize), Vec<Point>>,
    /// Events a second that the disk takes in batches as large as rocky's, a round each.
    ceiling: Vec<f64>,
}

impl Measured {
    /// One after the other in each round: a disk that slows down slows down all of them.
    fn of(programs: &Programs, folder: &Path) -> Result<Self, String> {
        let mut measured = Measured::default();
        for round in 1..=ROUNDS {
            for writers in WRITERS {
                for journal in JOURNALS {
                    let settings = settings(writers, BYTES, folder);
                    let said = match journal {
                        ROCKY => programs.rocky("writers", &settings)?,
                        peer => programs.peer(peer, &settings)?,
                    };
                    let point = Point::said(&said)?;
                    eprintln!("round {round} of {ROUNDS}: {journal}, {writers} writers: {}", cell(point));
                    measured.points.entry((journal, writers)).or_default().push(point);
                    if journal == ROCKY && writers == COUNTED {
                        let ceiling = ceiling(programs, folder, &said)?;
                        eprintln!("round {round} of {ROUNDS}: the disk in batches like rocky's: {ceiling:.0} events/s");
                        measured.ceiling.push(ceiling);
                    }
                }
            }
        }
        Ok(measured)
    }

    fn points(&self, journal: &'static str, writers: usize) -> &[Point] {
        self.points.get(&(journal, writers)).map_or(&[], Vec::as_slice)
    }

    /// The medians, a row for each journal.
    fn table(&self) {
        println!("\nevents/s, p50 ms, p99 ms: medians of {ROUNDS} rounds of {SECONDS} s, events of {BYTES} bytes");
        let heads = WRITERS.map(|writers| format!("{:>25}", format!("{writers} writers")));
        println!("{:<14} | {}", "journal", heads.join(" | "));
        for journal in JOURNALS {
            let cells = WRITERS.map(|writers| {
                let points = self.points(journal, writers);
                let median = |of: fn(&Point) -> f64| Times(points.iter().map(of).collect()).median();
                cell(Point {
                    per_second: median(|point| point.per_second),
                    p50_us: median(|point| point.p50_us),
                    p99_us: median(|point| point.p99_us),
                })
            });
            println!("{journal:<14} | {}", cells.join(" | "));
        }
        println!("the disk in batches like rocky's at {COUNTED}: {:.0} events/s", Times(self.ceiling.clone()).median());
    }

    fn faster_than(&self, peer: &'static str, least: f64) -> Goal {
        let ratios = self.ratios(peer, |point| point.per_second);
        Bound::AtLeast(least).goal(format!("events/s of {COUNTED} writers, rocky / {peer}"), &ratios, "")
    }

    fn waits_less_than(&self, peer: &'static str) -> Goal {
        let ratios = self.ratios(peer, |point| point.p99_us);
        Bound::Below(1.0).goal(format!("p99 of {COUNTED} writers, rocky / {peer}"), &ratios, "")
    }

    fn near_the_ceiling(&self) -> Goal {
        let rocky = self.points(ROCKY, COUNTED).iter();
        let ratios = Times(rocky.zip(&self.ceiling).map(|(rocky, ceiling)| rocky.per_second / ceiling).collect());
        Bound::AtLeast(0.8).goal(format!("events/s of {COUNTED} writers, rocky / the disk alone"), &ratios, "")
    }

    /// Rocky's by the peer's, round by round.
    fn ratios(&self, peer: &'static str, of: fn(&Point) -> f64) -> Times {
        let pairs = self.points(ROCKY, COUNTED).iter().zip(self.points(peer, COUNTED));
        Times(pairs.map(|(rocky, peer)| of(rocky) / of(peer)).collect())
    }
}

fn settings(writers: usize, bytes: usize, folder: &Path) -> [(&'static str, String); 4] {
    [
        ("writers", writers.to_string()),
        ("seconds", SECONDS.to_string()),
        ("bytes", bytes.to_string()),
        ("folder", folder.display().to_string()),
    ]
}

/// Events a second of the disk alone, in batches of as many lines and as long ones as rocky just wrote.
fn ceiling(programs: &Programs, folder: &Path, rocky: &Said) -> Result<f64, String> {
    let batch = rocky.number("batch")?.round().max(1.0);
    // Rocky counts the newline, the ceiling adds it.
    let bytes = usize::try_from(rocky.count("line_bytes")?.saturating_sub(1));
    let bytes = bytes.map_err(|_| "rocky's lines are longer than memory".to_owned())?;
    let mut settings = settings(1, bytes, folder).to_vec();
    settings.push(("batch", batch.to_string()));
    programs.peer("ceiling", &settings)?.number("per_second")
}

fn cell(Point { per_second, p50_us, p99_us }: Point) -> String {
    format!("{per_second:>9.0} {:>7.2} {:>7.2}", p50_us / 1000.0, p99_us / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measured {
        let mut measured = Measured::default();
        for (rocky, naive, ceiling) in [(100.0, 5.0, 110.0), (120.0, 4.0, 120.0), (90.0, 3.0, 200.0)] {
            let point = |per_second| Point { per_second, p50_us: 1.0, p99_us: 1e6 / per_second };
            measured.points.entry((ROCKY, COUNTED)).or_default().push(point(rocky));
            measured.points.entry(("naive", COUNTED)).or_default().push(point(naive));
            measured.ceiling.push(ceiling);
        }
        measured
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_own() {
        let faster = measured().faster_than("naive", 25.0);
        assert_eq!((faster.measured.as_str(), faster.met), ("30.000 (20.000..30.000)", Some(true)));
        assert_eq!(measured().waits_less_than("naive").met, Some(true));
        assert_eq!(measured().near_the_ceiling().met, Some(true));
        assert_eq!(measured().faster_than("raft-engine", 1.5).met, Some(false), "what was not measured meets no goal");
    }
}
