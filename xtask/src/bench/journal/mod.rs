//! `bench journal`: how fast events become durable, and how fast a long log is verified and opened. All in one run, on
//! one disk, each beside its peers of `xtask/peers`.

mod log;
mod writers;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{Goal, Times, output};
use crate::{root, suites::cargo};

/// Of an event's body, for everybody.
const BYTES: usize = 400;
const ROUNDS: usize = 3;

pub(super) fn run() -> Result<Vec<Goal>, String> {
    let disk = Disk::empty()?;
    disk.has(log::NEEDED)?;
    let programs = Programs::build()?;
    let mut goals = writers::run(&programs, disk.folder())?;
    goals.extend(log::run(&programs, disk.folder())?);
    Ok(goals)
}

/// The folder of all that is written. It is taken away with this.
pub(super) struct Disk(PathBuf);

impl Disk {
    pub(super) fn empty() -> Result<Self, String> {
        let disk = Disk(root().join("target/bench-data"));
        let made = disk.take_away().and_then(|()| fs::create_dir_all(&disk.0));
        made.map_err(|error| format!("{} cannot be made: {error}", disk.0.display()))?;
        let kind = disk.df("fstype")?;
        if ["tmpfs", "ramfs"].contains(&kind.as_str()) {
            return Err(format!("{} is {kind}, and nothing is durable there: build on a disk", disk.0.display()));
        }
        println!("disk: {kind}");
        Ok(disk)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// That there is so much room, in bytes.
    fn has(&self, needed: u64) -> Result<(), String> {
        let says = self.df("avail")?;
        let free: u64 = says.parse().map_err(|_| format!("`df` says `{says}`, which is no number of bytes"))?;
        if free >= needed {
            return Ok(());
        }
        Err(format!("{} has {free} bytes free, and {needed} are needed: make room", self.0.display()))
    }

    fn df(&self, field: &str) -> Result<String, String> {
        let said = output(Command::new("df").arg("-B1").arg(format!("--output={field}")).arg(&self.0))?;
        let text = String::from_utf8_lossy(&said.stdout);
        // The line before is the field's name.
        text.lines().nth(1).map(|value| value.trim().to_owned()).ok_or_else(|| format!("`df` says no {field}: {text}"))
    }

    fn take_away(&self) -> std::io::Result<()> {
        if self.0.exists() { fs::remove_dir_all(&self.0) } else { Ok(()) }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(error) = self.take_away() {
            eprintln!("{} cannot be taken away: {error}", self.0.display());
        }
    }
}

/// What is measured, built.
struct Programs {
    rocky: PathBuf,
    peers: PathBuf,
}

impl Programs {
    fn build() -> Result<Self, String> {
        eprintln!("building rocky's own measurements, and its peers");
        let rocky = rocky_tests()?;
        let mut peers = cargo(&["build", "--bin", "journal"]);
        // From inside: its own `.cargo/config.toml` is found only there. No flags, as rocky has none that matter.
        peers.current_dir(root().join("xtask/peers")).env("RUSTFLAGS", "");
        Ok(Programs { rocky, peers: built(peers, "peers", "journal")? })
    }

    /// Runs one of rocky's own measurements, a test of `hatch::bench`.
    fn rocky(&self, measurement: &str, settings: &[(&str, String)]) -> Result<Said, String> {
        let mut command = Command::new(&self.rocky);
        command.args(["--exact", &format!("hatch::bench::{measurement}"), "--nocapture"]);
        for (name, value) in settings {
            command.env(format!("ROCKY_BENCH_{}", name.to_uppercase()), value);
        }
        Said::by(&mut command)
    }

    fn peer(&self, peer: &str, settings: &[(&str, String)]) -> Result<Said, String> {
        let mut command = Command::new(&self.peers);
        command.arg(peer);
        for (name, value) in settings {
            command.arg(format!("--{name}")).arg(value);
        }
        Said::by(&mut command)
    }
}

/// The SDK's own measurements: tests that are compiled for nobody else.
pub(super) fn rocky_tests() -> Result<PathBuf, String> {
    let mut rocky = cargo(&["test", "--no-run", "-p", "rocky-sdk", "--no-default-features", "--lib"]);
    rocky.current_dir(root()).env("RUSTFLAGS", "--cfg rocky_bench");
    built(rocky, "bench", "rocky_sdk")
}

/// Builds a program in a target folder of its own; where it lies.
pub(super) fn built(mut command: Command, target: &str, name: &str) -> Result<PathBuf, String> {
    command.args(["--release", "--locked", "--message-format=json-render-diagnostics"]);
    command.env("CARGO_TARGET_DIR", root().join("target").join(target)).env_remove("CARGO_ENCODED_RUSTFLAGS");
    let said = output(&mut command)?;
    executable(&String::from_utf8_lossy(&said.stdout), name)
        .ok_or_else(|| format!("cargo names no executable of `{name}`: {command:?}"))
}

/// Of what cargo says: where the program of this target lies.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_it = messages.filter(|message| message["target"]["name"].as_str() == Some(name));
    of_it.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back()
}

/// The line of JSON that a measurement prints.
pub(super) struct Said(Value);

impl Said {
    pub(super) fn by(command: &mut Command) -> Result<Self, String> {
        let said = output(command)?;
        let text = String::from_utf8_lossy(&said.stdout);
        Said::read(&text).ok_or_else(|| format!("this printed no line of JSON: {command:?}\n{text}"))
    }

    /// libtest may have begun the line.
    fn read(text: &str) -> Option<Self> {
        text.lines().find_map(|line| serde_json::from_str(&line[line.find('{')?..]).ok()).map(Said)
    }

    pub(super) fn number(&self, name: &str) -> Result<f64, String> {
        self.0[name].as_f64().ok_or_else(|| self.has_no(name))
    }

    fn count(&self, name: &str) -> Result<u64, String> {
        self.0[name].as_u64().ok_or_else(|| self.has_no(name))
    }

    fn has_no(&self, name: &str) -> String {
        format!("a measurement says no `{name}`: {}", self.0)
    }
}

/// A goal for a number.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

impl Bound {
    fn holds(self, measured: f64) -> bool {
        match self {
            Bound::AtLeast(least) => measured >= least,
            Bound::AtMost(most) => measured <= most,
            Bound::Below(more) => measured < more,
        }
    }

    /// `times` is what was measured each time; `unit` stands behind it, with its space.
    pub(super) fn goal(self, name: impl Into<String>, times: &Times, unit: &str) -> Goal {
        let measured = format!("{}{unit}", spread(times));
        Goal { name: name.into(), goal: format!("{self}{unit}"), measured, met: Some(self.holds(times.median())) }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(least) => write!(f, ">= {least}"),
            Bound::AtMost(most) => write!(f, "<= {most}"),
            Bound::Below(more) => write!(f, "< {more}"),
        }
    }
}

/// What no goal is set for.
pub(super) fn information(name: impl Into<String>, times: &Times, unit: &str) -> Goal {
    Goal { name: name.into(), goal: "-".to_owned(), measured: format!("{}{unit}", spread(times)), met: None }
}

/// The median, the least and the most.
fn spread(times: &Times) -> String {
    let least = times.0.iter().copied().fold(f64::NAN, f64::min);
    let most = times.0.iter().copied().fold(f64::NAN, f64::max);
    format!("{:.3} ({least:.3}..{most:.3})", times.median())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_is_read_behind_what_libtest_says() {
        let said =
            Said::read("\nrunning 1 test\ntest hatch::bench::open ... {\"seconds\":0.5,\"peak_kib\":9}\nok\n").unwrap();
        assert_eq!((said.number("seconds"), said.count("peak_kib")), (Ok(0.5), Ok(9)));
        assert!(said.count("events").unwrap_err().contains("`events`"));
        assert!(Said::read("running 0 tests\n").is_none());
    }

    #[test]
    fn the_executable_is_the_one_of_its_target() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"build-script-build"},"executable":"/b"}
            {"reason":"compiler-artifact","target":{"name":"rocky_sdk"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"rocky_sdk"},"executable":"/t/rocky_sdk-00"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "rocky_sdk"), Some("/t/rocky_sdk-00".into()));
        assert_eq!(executable(messages, "journal"), None);
    }

    #[test]
    fn a_goal_is_met_at_its_bound_and_never_by_no_number() {
        let goal = |bound: Bound, times: &[f64]| bound.goal("x", &Times(times.to_vec()), " s");
        assert_eq!(goal(Bound::AtLeast(25.0), &[24.0, 25.0, 30.0]).met, Some(true));
        assert_eq!(goal(Bound::AtMost(1.1), &[1.2]).met, Some(false));
        assert_eq!(goal(Bound::Below(1.0), &[1.0]).met, Some(false));
        assert_eq!(goal(Bound::Below(1.0), &[]).met, Some(false));
        let shown = goal(Bound::Below(1.0), &[0.25, 0.5]);
        assert_eq!((shown.goal, shown.measured), ("< 1 s".to_owned(), "0.375 (0.250..0.500) s".to_owned()));
    }
}
