//! `bench`: measures something, and says which of its goals are met.

mod compile;
mod docker;
mod doors;
mod journal;

use std::{
    env, fmt, fs,
    process::{Command, Output, Stdio},
    thread,
};

use crate::root;

/// Its name, and what measures.
type Bench = (&'static str, fn() -> Result<Vec<Goal>, String>);

const BENCHES: &[Bench] =
    &[("compile", compile::run), ("journal", journal::run), ("doors", doors::run), ("docker", docker::run)];

/// Something measured, beside what it was to be.
struct Goal {
    name: String,
    goal: String,
    measured: String,
    /// `None`: no goal was set.
    met: Option<bool>,
}

/// Whether all goals of a benchmark are met.
pub(crate) fn run(name: &str) -> Result<bool, String> {
    let Some((_, measure)) = BENCHES.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = BENCHES.iter().map(|(known, _)| *known).collect();
        return Err(format!("there is no benchmark `{name}`: the benchmarks are {}", known.join(", ")));
    };
    println!("machine: {}", machine()?);
    let goals = measure()?;
    table(&goals);
    let counted: Vec<bool> = goals.iter().filter_map(|goal| goal.met).collect();
    let met = counted.iter().filter(|met| **met).count();
    println!("bench {name}: {met} of {} goals met", counted.len());
    Ok(met == counted.len())
}

fn table(goals: &[Goal]) {
    let mut rows = vec![["measurement", "goal", "measured", "met"]];
    rows.extend(goals.iter().map(|Goal { name, goal, measured, met }| {
        let met = match met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        [name.as_str(), goal.as_str(), measured.as_str(), met]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second, third) = (width(0), width(1), width(2));
    println!();
    for [name, goal, measured, met] in &rows {
        println!("{name:<first$} | {goal:<second$} | {measured:<third$} | {met}");
    }
}

/// What the numbers are worth nothing without.
fn machine() -> Result<String, String> {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let cpuinfo = read("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a CPU that does not say its model", |(_, model)| model);
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let rustc = rustc()?;
    let rustc = rustc.lines().next().unwrap_or("rustc of no version");
    Ok(format!("{cores} cores, {model}, Linux {}, {rustc}", kernel.trim()))
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}. Benchmarks run on Linux"))
}

/// What the project's compiler says of itself.
fn rustc() -> Result<String, String> {
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = output(Command::new(program).arg("-vV").current_dir(root()))?;
    Ok(String::from_utf8_lossy(&said.stdout).into_owned())
}

/// Runs a command to its end; what it said, where it went well.
fn output(command: &mut Command) -> Result<Output, String> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("this cannot be run ({error}): {command:?}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("this failed: {command:?}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// The seconds that the same thing took, each time.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
        f64::midpoint(sorted[last / 2], sorted[sorted.len() / 2])
    }
}

/// As `1.25 s (1.20..1.31)`: the median, the least, the most.
impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = self.0.iter().copied().fold(f64::NAN, f64::min);
        let most = self.0.iter().copied().fold(f64::NAN, f64::max);
        write!(f, "{:.2} s ({least:.2}..{most:.2})", self.median())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        for (times, says) in [
            (vec![3.0, 1.0, 2.0], "2.00 s (1.00..3.00)"),
            (vec![4.0, 1.0, 2.0, 3.0], "2.50 s (1.00..4.00)"),
            (vec![1.5], "1.50 s (1.50..1.50)"),
        ] {
            assert_eq!(Times(times).to_string(), says);
        }
        assert!(Times::default().median().is_nan());
    }

    #[test]
    fn an_unknown_benchmark_hears_of_the_known_ones() {
        assert!(run("nothing").unwrap_err().contains("the benchmarks are compile, journal, doors, docker"));
    }
}
