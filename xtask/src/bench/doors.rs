//! `bench doors`: what one action costs on its way through the doors, and what a route does when it is guarded.

use std::process::Command;

use super::{
    Goal, Times,
    journal::{Bound, Disk, Said, built, information, rocky_tests},
    output,
};
use crate::{root, suites::cargo};

const ROUNDS: usize = 5;
const ACTIONS: u64 = 200_000;
/// Of these two numbers of actions, the second costs what the difference needs more.
const COUNTED: [u64; 2] = [1_000, 3_000];
const CONNECTIONS: u64 = 64;

pub(super) fn run() -> Result<Vec<Goal>, String> {
    let disk = Disk::empty()?;
    eprintln!("building rocky's own measurements, and the routes");
    let rocky = Rocky(rocky_tests()?);
    let mut routes = cargo(&["build", "--bin", "http"]);
    routes.current_dir(root().join("xtask/peers")).env("RUSTFLAGS", "");
    let routes = built(routes, "peers", "http")?;

    let mut goals = rocky.goals()?;
    let route = |kind: &str| {
        eprintln!("the {kind} route");
        let mut command = Command::new(&routes);
        command.args([kind, "--connections", &CONNECTIONS.to_string(), "--seconds", "3", "--folder"]);
        Said::by(command.arg(disk.folder()))
    };
    let [mut bare, mut naive, mut guarded] = [(); 3].map(|()| (Times::default(), Times::default()));
    let [mut to_naive, mut to_bare] = [(); 2].map(|()| Times::default());
    for _ in 0..ROUNDS {
        let mut measured = [0.0; 3];
        let kinds = [("bare", &mut bare), ("naive", &mut naive), ("guarded", &mut guarded)];
        for ((kind, (per_second, p99)), measured) in kinds.into_iter().zip(&mut measured) {
            let said = route(kind)?;
            *measured = said.number("per_second")?;
            per_second.0.push(*measured);
            p99.0.push(said.number("p99_us")? / 1000.0);
        }
        to_naive.0.push(measured[2] / measured[1]);
        to_bare.0.push(measured[2] / measured[0]);
    }
    let shown = [("bare", &bare), ("with two naive durable writes", &naive), ("guarded", &guarded)];
    for (kind, (per_second, p99)) in shown {
        goals.push(information(format!("the route {kind}, {CONNECTIONS} connections"), per_second, " requests/s"));
        goals.push(information(format!("the route {kind}, p99"), p99, " ms"));
    }
    goals.push(information("guarded / bare", &to_bare, ""));
    goals.push(Bound::AtLeast(10.0).goal("guarded / with two naive durable writes", &to_naive, ""));
    Ok(goals)
}

/// The SDK's own measurements.
struct Rocky(std::path::PathBuf);

impl Rocky {
    fn goals(&self) -> Result<Vec<Goal>, String> {
        let mut doors = Times::default();
        for _ in 0..ROUNDS {
            eprintln!("{ACTIONS} actions through the doors, and as many with the driver called bare");
            let [through, bare] = ["doors", "bare"].map(|mode| {
                let said = Said::by(self.actions(&mut Command::new(&self.0), mode, ACTIONS))?;
                said.number("cpu_us")
            });
            doors.0.push((through? - bare?) / ACTIONS as f64);
        }
        let mut goals = vec![Bound::AtMost(10.0).goal("the doors, an action, HATCH in memory", &doors, " us of CPU")];
        eprintln!("instructions and allocations, counted by valgrind");
        for (mode, name) in [("doors", "through the doors"), ("bare", "the driver called bare")] {
            let instructions = self.counted("callgrind", "Collected :", mode)?;
            let allocations = self.counted("memcheck", "total heap usage:", mode)?;
            goals.push(information(format!("an action {name}"), &Times(vec![instructions]), " instructions"));
            goals.push(information(format!("an action {name}"), &Times(vec![allocations]), " allocations"));
        }
        Ok(goals)
    }

    /// One after the other: what nobody waits for costs nothing.
    fn actions<'a>(&self, command: &'a mut Command, mode: &str, actions: u64) -> &'a mut Command {
        command.args(["--exact", "doors::bench::actions", "--nocapture"]);
        command.env("ROCKY_BENCH_MODE", mode).env("ROCKY_BENCH_TASKS", "1");
        command.env("ROCKY_BENCH_ACTIONS", actions.to_string())
    }

    /// What one action adds to a number that a tool of valgrind's says behind this word.
    fn counted(&self, tool: &str, word: &str, mode: &str) -> Result<f64, String> {
        let count = |actions: u64| {
            let mut command = Command::new("valgrind");
            command.arg(format!("--tool={tool}"));
            if tool == "callgrind" {
                command.arg("--callgrind-out-file=/dev/null");
            }
            let said = output(self.actions(command.arg(&self.0), mode, actions))
                .map_err(|error| format!("{error}\nvalgrind counts here: `apt-get install valgrind`"))?;
            let text = String::from_utf8_lossy(&said.stderr).into_owned();
            number_behind(&text, word).ok_or_else(|| format!("valgrind says no `{word}`:\n{text}"))
        };
        let [few, more] = COUNTED.map(count);
        Ok((more? - few?) / (COUNTED[1] - COUNTED[0]) as f64)
    }
}

/// The first number behind this word; its digits may stand in threes.
fn number_behind(text: &str, word: &str) -> Option<f64> {
    let (_, rest) = text.split_once(word)?;
    let digits: String = rest.trim_start().chars().take_while(|char| char.is_ascii_digit() || *char == ',').collect();
    digits.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_valgrind_writes_them() {
        let text =
            "==7== Collected : 145512352\n==7==   total heap usage: 1,234 allocs, 1,200 frees, 9 bytes allocated";
        assert_eq!(number_behind(text, "Collected :"), Some(145_512_352.0));
        assert_eq!(number_behind(text, "total heap usage:"), Some(1234.0));
        assert_eq!(number_behind(text, "nothing"), None);
        assert_eq!(number_behind("Collected : none", "Collected :"), None);
    }
}
