//! `faults`: what can happen to a journal is done to it, at full length, and its reader is fuzzed. What of it held.

mod fuzz;
mod heard;

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use heard::Heard;

use crate::{
    needs::{self, Program},
    root,
    suites::cargo,
};

/// The modules of `hatch::faults`, the tests of [`LIMIT`], and the fuzzer.
const PARTS: [&str; 9] = ["tamper", "kill", "power", "disk", "device", "clock", "trust", "limit", "fuzz"];
/// Tests that stand elsewhere, and what each shows.
const LIMIT: [(&str, &str); 2] = [
    (
        "hatch::journal::waiting_tests::an_event_over_the_limit_is_refused",
        "an event over the limit: the journal refuses it",
    ),
    (
        "tests::names::an_action_that_is_too_large_for_its_event_does_not_start",
        "an action over its event's limit: 413 `too-large`, it does not start, and nothing is written",
    ),
];
/// The fuzzer's seconds of CPU, at full length and in short.
const FUZZED: [u32; 2] = [600, 20];

/// A line of the table.
struct Row {
    fault: String,
    times: String,
    held: bool,
}

/// Whether everything held.
pub(crate) fn run(only: Option<&str>, short: bool) -> Result<bool, String> {
    if let Some(only) = only
        && !PARTS.contains(&only)
    {
        return Err(format!("there is no such fault: they are {}", PARTS.join(", ")));
    }
    let chosen = |part: &str| only.is_none_or(|only| only == part);
    let mut programs: Vec<Program> = Vec::new();
    let mounts = chosen("disk") || chosen("device");
    if mounts {
        programs.extend(needs::DISK);
    }
    if chosen("fuzz") {
        programs.push(needs::CPP);
    }
    if let Some(missing) = needs::missing(&programs, mounts) {
        return Err(missing);
    }
    let mut rows = tests(only, short)?;
    if chosen("fuzz") {
        let [full, in_short] = FUZZED;
        rows.extend(fuzz::run(if short { in_short } else { full }));
    }
    table(&rows);
    let held = rows.iter().filter(|row| row.held).count();
    println!("faults: {held} of {} held", rows.len());
    Ok(held == rows.len())
}

/// Runs the tests of the chosen part, or of all.
fn tests(only: Option<&str>, short: bool) -> Result<Vec<Row>, String> {
    let scratch = env::temp_dir().join(format!("rocky-faults-{}", std::process::id()));
    fs::create_dir_all(&scratch).map_err(|error| format!("{} cannot be made: {error}", scratch.display()))?;
    let rows = tests_in(&scratch, only, short);
    // What a test that failed left behind may still be mounted.
    if let Err(error) = fs::remove_dir_all(&scratch) {
        eprintln!("{} cannot be taken away: {error}", scratch.display());
    }
    rows
}

fn tests_in(scratch: &Path, only: Option<&str>, short: bool) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let module = match only {
        Some("limit" | "fuzz") => None,
        Some(module) => Some(format!("hatch::faults::{module}::")),
        None => Some("hatch::faults::".to_owned()),
    };
    if let Some(module) = module {
        let heard = heard(scratch, short, "--no-default-features", &[&module])?;
        let silent: Vec<&str> = heard.silent().collect();
        if !silent.is_empty() {
            println!("passed, with no row of their own: {}", silent.join(", "));
        }
        rows.extend(heard.rows);
    }
    if only.is_none_or(|only| only == "limit") {
        let [one, other] = LIMIT.map(|(test, _)| test);
        let heard = heard(scratch, short, "--all-features", &["--exact", one, other])?;
        for (test, fault) in LIMIT {
            let (times, held) = if heard.passed(test) { ("1", true) } else { ("-", false) };
            rows.push(Row { fault: fault.to_owned(), times: times.to_owned(), held });
        }
        rows.extend(heard.rows.into_iter().filter(|row| LIMIT.iter().all(|(test, _)| *test != row.fault)));
    }
    Ok(rows)
}

/// Runs tests of the SDK one after the other, and hears what they say.
fn heard(scratch: &Path, short: bool, features: &str, tests: &[&str]) -> Result<Heard, String> {
    let mut command = cargo(&["test", "--release", "-p", "rocky-sdk", "--lib", "--locked", features, "--"]);
    command.args(tests).args(["--nocapture", "--test-threads=1"]);
    command.current_dir(root()).env("CARGO_TARGET_DIR", root().join("target/faults")).env("TMPDIR", scratch);
    match short {
        true => command.env_remove("ROCKY_FAULTS"),
        false => command.env("ROCKY_FAULTS", "full"),
    };
    println!("$ {command:?}");
    let failed = |error: io::Error| format!("cargo cannot be run or heard: {error}");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut heard = Heard::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            heard.hear(&String::from_utf8_lossy(&line.map_err(failed)?));
        }
    }
    heard.over(child.wait().map_err(failed)?.success(), &tests.join(" "));
    Ok(heard)
}

fn table(rows: &[Row]) {
    let fault = |row: &Row| row.fault.chars().count();
    let first = rows.iter().map(fault).max().unwrap_or(0).max(5);
    let second = rows.iter().map(|row| row.times.chars().count()).max().unwrap_or(0).max(5);
    println!("\n{:<first$} | {:<second$} | held", "fault", "times");
    for Row { fault, times, held } in rows {
        println!("{fault:<first$} | {times:<second$} | {}", if *held { "yes" } else { "NO" });
    }
}
