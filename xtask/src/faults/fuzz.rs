//! The fuzzer: all that reads a hatch folder, on folders that somebody else may have written, and what door 1 of a cloud
//! build reads, each for so many seconds of CPU.
//!
//! cargo-fuzz builds a target. Its program is run as it is, in processes that share what they find: so each has an
//! exit code of its own, and its own account of CPU.

use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::Row;
use crate::{root, suites::cargo};

const CARGO_FUZZ: &str = "0.13.2";
const PACKAGE: &str = "rocky-sdk/fuzz";
/// The targets, and what each shows.
const TARGETS: [(&str, &str); 2] = [
    ("reader", "the reader fuzzed, on folders that somebody else may have written: nothing found"),
    ("airlock", "door 1 of a cloud build fuzzed, on cookies and on a session server's answers: nothing found"),
];
const PROCESSES: usize = 2;
/// An input takes milliseconds: one that takes so many seconds is a finding.
const HANGS: u64 = 60;
/// Linux counts a process's CPU in hundredths of a second, whatever the machine's own clock.
const TICKS_A_SECOND: f64 = 100.0;

/// Fuzzes each target until its processes spent so many seconds of CPU together.
pub(super) fn run(wanted: u32) -> impl Iterator<Item = Row> {
    TARGETS.into_iter().map(move |(target, fault)| {
        let (times, held) = fuzz(target, f64::from(wanted)).unwrap_or_else(|why| {
            println!("{why}");
            (why.lines().next().unwrap_or_default().to_owned(), false)
        });
        Row { fault: fault.to_owned(), times, held }
    })
}

/// How often, and whether it held.
fn fuzz(target: &str, wanted: f64) -> Result<(String, bool), String> {
    let program = build(target)?;
    let scratch = Scratch::new(target)?;
    // A machine with other work to do gives less CPU than time goes by.
    let patience = Duration::from_secs_f64(wanted * 3.0);
    let mut fuzzers = Vec::new();
    for number in 0..PROCESSES {
        fuzzers.push(Fuzzer::start(target, &program, &scratch, number, patience)?);
    }
    let (began, mut told) = (Instant::now(), Instant::now());
    loop {
        thread::sleep(Duration::from_millis(500));
        let mut ended = false;
        for fuzzer in &mut fuzzers {
            ended |= fuzzer.has_ended()?;
        }
        let spent = spent(&fuzzers);
        if ended || spent >= wanted || began.elapsed() >= patience {
            break;
        }
        if told.elapsed() >= Duration::from_secs(30) {
            println!("fuzz: {spent:.0} of {wanted} s of CPU");
            told = Instant::now();
        }
    }
    fs::write(scratch.stop(), "stop").map_err(at(&scratch.stop()))?;
    for fuzzer in &mut fuzzers {
        fuzzer.end()?;
    }
    judge(target, &fuzzers, wanted)
}

fn spent(fuzzers: &[Fuzzer]) -> f64 {
    fuzzers.iter().map(|fuzzer| fuzzer.cpu).sum()
}

fn judge(target: &str, fuzzers: &[Fuzzer], wanted: f64) -> Result<(String, bool), String> {
    let (mut inputs, mut trouble) = (0, Vec::new());
    for fuzzer in fuzzers {
        let log = fs::read(&fuzzer.log).map_err(at(&fuzzer.log))?;
        let log = String::from_utf8_lossy(&log);
        inputs += executed(&log);
        if fuzzer.status.is_some_and(|status| status.success()) {
            continue;
        }
        let lines: Vec<&str> = log.lines().collect();
        println!("\nthe end of {}:\n{}", fuzzer.log.display(), lines[lines.len().saturating_sub(60)..].join("\n"));
        match finding(&log) {
            Some(artifact) => {
                println!("again: RUSTC_BOOTSTRAP=1 cargo fuzz run {target} --fuzz-dir {PACKAGE} {artifact}");
                trouble.push(format!("found {artifact}"));
            }
            None => {
                let ended = fuzzer.status.map_or("not ended".to_owned(), |status| status.to_string());
                trouble.push(format!("{ended}: see {}", fuzzer.log.display()));
            }
        }
    }
    let spent = spent(fuzzers);
    let mut times = format!("{spent:.0} s of CPU, {inputs} inputs");
    if trouble.is_empty() && spent < wanted {
        trouble.push(format!("no {wanted} s of CPU were to be had"));
    }
    for trouble in &trouble {
        times = format!("{times}; {trouble}");
    }
    Ok((times, trouble.is_empty()))
}

/// How many inputs it ran, by its own count at the end.
fn executed(log: &str) -> u64 {
    let count = log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
}

/// Where the input lies that it stopped at.
fn finding(log: &str) -> Option<&str> {
    log.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, artifact)| artifact.trim())
}

/// What the processes share, in the project's target folder: the corpus of the repository is read and not written.
struct Scratch(PathBuf);

impl Scratch {
    fn new(target: &str) -> Result<Self, String> {
        let scratch = Scratch(root().join("target/faults/fuzz"));
        if scratch.0.exists() {
            fs::remove_dir_all(&scratch.0).map_err(at(&scratch.0))?;
        }
        for folder in [scratch.corpus(), artifacts(target)] {
            fs::create_dir_all(&folder).map_err(at(&folder))?;
        }
        Ok(scratch)
    }

    fn corpus(&self) -> PathBuf {
        self.0.join("corpus")
    }

    /// They stop where there is this file.
    fn stop(&self) -> PathBuf {
        self.0.join("stop")
    }
}

/// Where cargo-fuzz itself keeps what was found; git does not see it, and no later run takes it away.
fn artifacts(target: &str) -> PathBuf {
    root().join(PACKAGE).join("artifacts").join(target)
}

/// A process that fuzzes. It ends with this.
struct Fuzzer {
    child: Child,
    log: PathBuf,
    /// Seconds of CPU when it was last looked at, which is no more than it had.
    cpu: f64,
    status: Option<ExitStatus>,
}

impl Fuzzer {
    fn start(
        target: &str,
        program: &Path,
        scratch: &Scratch,
        number: usize,
        patience: Duration,
    ) -> Result<Self, String> {
        let log = scratch.0.join(format!("{number}.log"));
        let stdout = File::create(&log).map_err(at(&log))?;
        let stderr = stdout.try_clone().map_err(at(&log))?;
        let mut command = Command::new(program);
        command.arg(format!("-artifact_prefix={}/", artifacts(target).display()));
        command.arg(format!("-stop_file={}", scratch.stop().display()));
        command.args(["-max_len=4096", "-print_final_stats=1"]);
        command.arg(format!("-timeout={HANGS}"));
        // Where nobody is there any more to stop it.
        command.arg(format!("-max_total_time={}", patience.as_secs() + 60));
        command.arg(scratch.corpus()).arg(root().join(PACKAGE).join("corpus").join(target));
        // As cargo-fuzz runs it.
        command.env("ASAN_OPTIONS", "detect_odr_violation=0").current_dir(root());
        println!("$ {command:?}");
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().map_err(at(program))?;
        Ok(Fuzzer { child, log, cpu: 0.0, status: None })
    }

    fn has_ended(&mut self) -> Result<bool, String> {
        if self.status.is_none() {
            // Before it is waited for: until then, what ended keeps its account.
            let path = PathBuf::from(format!("/proc/{}/stat", self.child.id()));
            let stat = fs::read_to_string(&path).map_err(at(&path))?;
            self.cpu = seconds_of_cpu(&stat).ok_or_else(|| format!("{} says {stat}", path.display()))?;
            self.status = self.child.try_wait().map_err(at(&path))?;
        }
        Ok(self.status.is_some())
    }

    /// Waits for its end, once it is told to stop.
    fn end(&mut self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(2 * HANGS);
        while !self.has_ended()? {
            if Instant::now() >= until {
                return Err(format!("a process does not stop: see {}", self.log.display()));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Fuzzer {
    fn drop(&mut self) {
        // It may have ended, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let folder = format!("rocky-fuzz-reader-{}", self.child.id());
        for folder in [Path::new("/dev/shm").join(&folder), env::temp_dir().join(&folder)] {
            if folder.exists()
                && let Err(error) = fs::remove_dir_all(&folder)
            {
                eprintln!("{} cannot be taken away: {error}", folder.display());
            }
        }
    }
}

/// Of `/proc/PID/stat`: in user space and in the kernel, of all threads.
fn seconds_of_cpu(stat: &str) -> Option<f64> {
    // The program's name stands in brackets, and may have some itself.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some((user + system) / TICKS_A_SECOND)
}

/// The program that fuzzes.
fn build(target: &str) -> Result<PathBuf, String> {
    let cargo_fuzz = install()?;
    let package = root().join(PACKAGE);
    // cargo-fuzz would write a new Cargo.lock where it does not fit any more; this says so.
    run_to_end(cargo(&["fetch", "--locked", "--manifest-path"]).arg(package.join("Cargo.toml")))?;
    let (host, folder) = (host()?, root().join("target/fuzz"));
    let mut build = Command::new(cargo_fuzz);
    build.args(["build", target, "--target", &host, "--fuzz-dir"]).arg(&package).arg("--target-dir").arg(&folder);
    // It instruments with flags that are not stable yet.
    run_to_end(build.env("RUSTC_BOOTSTRAP", "1"))?;
    let program = folder.join(host).join("release").join(target);
    if program.is_file() { Ok(program) } else { Err(format!("cargo-fuzz did not build {}", program.display())) }
}

/// Puts cargo-fuzz into the project's own folder.
fn install() -> Result<PathBuf, String> {
    let tools = root().join("target/tools");
    let program = tools.join("bin/cargo-fuzz");
    if !program.is_file() {
        let words = ["install", "--locked", "--quiet", "--version", CARGO_FUZZ, "cargo-fuzz", "--root"];
        run_to_end(cargo(&words).arg(tools))?;
    }
    Ok(program)
}

fn host() -> Result<String, String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(&rustc).args(["--print", "host-tuple"]).current_dir(root()).output();
    let said = said.map_err(at(Path::new(&rustc)))?;
    let host = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if host.is_empty() { Err("`rustc --print host-tuple` says nothing".to_owned()) } else { Ok(host) }
}

fn run_to_end(command: &mut Command) -> Result<(), String> {
    println!("$ {command:?}");
    match command.stdin(Stdio::null()).current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{status}: {command:?}")),
        Err(error) => Err(format!("{error}: {command:?}")),
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_read_behind_the_name() {
        let stat = "42 (read er) 7) R 1 42 42 0 -1 4194304 100 101 102 103 1234 66 5 6 20 0 1 0 99 1 2";
        assert_eq!(seconds_of_cpu(stat), Some(13.0));
        assert_eq!(seconds_of_cpu("42 (reader) R 1"), None);
    }

    #[test]
    fn a_log_says_what_ran_and_what_was_found() {
        let log = "#8 INITED\nartifact_prefix='/a/'; Test unit written to /a/crash-00\nstat::number_of_executed_units: 1234\n";
        assert_eq!((executed(log), finding(log)), (1234, Some("/a/crash-00")));
        assert_eq!((executed("DONE"), finding("DONE")), (0, None));
    }
}
