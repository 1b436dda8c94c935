//! `test`: suites, each with its budget; what ran, what failed, what was left out and why.

use std::{
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::suites::SUITES;

/// Some checks that belong together.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// What it shows.
    pub(crate) shows: &'static str,
    /// Minutes after which it is ended, and failed.
    pub(crate) budget: u64,
    pub(crate) run: fn(&Run) -> Outcome,
}

/// How a suite ended.
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// This machine cannot run it.
    LeftOut(String),
}

/// What a suite may know and use.
pub(crate) struct Run {
    /// Whether missing tools of the system are installed.
    pub(crate) install: bool,
    scratch: PathBuf,
    ends_at: Instant,
}

impl Run {
    /// A folder that is gone when the suite is over, and what is in it.
    pub(crate) fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// What comes of a suite that this machine cannot run.
    pub(crate) fn not_here(&self, why: String) -> Outcome {
        if self.install { Outcome::Failed(why) } else { Outcome::LeftOut(why) }
    }

    /// Runs a command until the suite's budget is spent.
    pub(crate) fn command(&self, command: &mut Command) -> Outcome {
        let text = format!("{command:?}");
        println!("$ {text}");
        match self.wait(command.stdin(Stdio::null()).current_dir(crate::root())) {
            Ok(true) => Outcome::Passed,
            Ok(false) => Outcome::Failed(text),
            Err(error) => Outcome::Failed(format!("{text}: {error}")),
        }
    }

    /// Runs one command after the other, up to the first that fails.
    pub(crate) fn commands(&self, commands: &mut [Command]) -> Outcome {
        for command in commands {
            match self.command(command) {
                Outcome::Passed => {}
                other => return other,
            }
        }
        Outcome::Passed
    }

    fn wait(&self, command: &mut Command) -> io::Result<bool> {
        // What a suite leaves behind ends with its folder: workspaces look for theirs.
        std::fs::create_dir_all(&self.scratch)?;
        let mut child = command.env("TMPDIR", &self.scratch).process_group(0).spawn()?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status.success());
            }
            if Instant::now() >= self.ends_at {
                let group = format!("-{}", child.id());
                Command::new("kill").args(["-KILL", "--", &group]).status()?;
                child.wait()?;
                return Err(io::Error::other("its budget was spent"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

pub(crate) fn list() {
    for suite in SUITES {
        println!("{:<10} {:>2} min  {}", suite.name, suite.budget, suite.shows);
    }
}

/// Runs the suites of these names, or all. Whether nothing failed and, where everything was to be installed, nothing was
/// left out.
pub(crate) fn run(only: &[&str], install: bool) -> Result<bool, String> {
    let chosen: Vec<&Suite> = SUITES.iter().filter(|suite| only.is_empty() || only.contains(&suite.name)).collect();
    if chosen.is_empty() {
        return Err("there is no such suite: `cargo xtask test --list` lists them".to_owned());
    }
    let mut ended = Vec::new();
    for suite in chosen {
        println!("\n=== {}: {}", suite.name, suite.shows);
        let began = Instant::now();
        let scratch = std::env::temp_dir().join(format!("rocky-{}", std::process::id()));
        let run = Run { install, scratch, ends_at: began + Duration::from_secs(suite.budget * 60) };
        let mut outcome = (suite.run)(&run);
        if run.scratch.exists()
            && let Err(error) = std::fs::remove_dir_all(&run.scratch)
        {
            outcome = Outcome::Failed(format!("{} could not be taken away: {error}", run.scratch.display()));
        }
        ended.push((suite, began.elapsed(), outcome));
    }
    println!("\n{:<10} | {:>5} | result", "suite", "s");
    for (suite, took, outcome) in &ended {
        let result = match outcome {
            Outcome::Passed => "passed".to_owned(),
            Outcome::Failed(what) => format!("FAILED: {what}"),
            Outcome::LeftOut(why) => format!("left out: {why}"),
        };
        println!("{:<10} | {:>5} | {result}", suite.name, took.as_secs());
    }
    let count = |kind: fn(&Outcome) -> bool| ended.iter().filter(|(_, _, outcome)| kind(outcome)).count();
    let passed = count(|outcome| matches!(outcome, Outcome::Passed));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let left_out = count(|outcome| matches!(outcome, Outcome::LeftOut(_)));
    match left_out {
        0 => println!("nothing was left out"),
        _ => println!("{left_out} left out, as the table says"),
    }
    println!("suites: {passed} passed, {failed} failed, {left_out} skipped");
    Ok(failed == 0 && (left_out == 0 || !install))
}
