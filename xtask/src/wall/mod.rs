//! `wall`: mutation testing of the guarantees. Each mutation takes one guarantee away in a copy of the tree, and the test or
//! fixture that it names must go red.

mod mutations;

use std::{
    io::Read,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use mutations::MUTATIONS;

use crate::{needs, root, tree::Tree};

/// After this a test that hangs is ended. That is red too.
const PATIENCE: Duration = Duration::from_secs(240);

/// A small change to the source that takes a guarantee away.
struct Mutation {
    name: &'static str,
    /// The invariant, or what else is taken away.
    guards: &'static str,
    file: &'static str,
    /// Stands in the file once.
    from: &'static str,
    to: &'static str,
    killer: Killer,
}

/// What goes red.
enum Killer {
    /// A mistake in `ui-tests/fail`, which compiles now.
    Fixture(&'static str),
    /// A test of the SDK, which fails now.
    Unit(&'static str),
    /// A test of the public API, which fails now.
    Api(&'static str),
}

/// What a killer said.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Green,
    Red(&'static str),
    /// It could not be asked: the tree does not compile, or there is no such test.
    Unknown(String),
}

/// Whether every mutation was killed.
pub(crate) fn run(only: Option<&str>) -> Result<bool, String> {
    let chosen: Vec<&Mutation> =
        MUTATIONS.iter().filter(|mutation| only.is_none_or(|only| only == mutation.name)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = MUTATIONS.iter().map(|mutation| mutation.name).collect();
        return Err(format!("there is no such mutation: they are {}", names.join(", ")));
    }
    // A killer that is left out would count as green.
    if let Some(missing) = needs::missing(&needs::DISK, true) {
        return Err(missing);
    }
    let tree = Tree::copy(&root().join("target/wall"), |_| true)?;
    println!("without a mutation, every killer is green:");
    baseline(&tree, &chosen, only.is_some())?;
    let mut ended = Vec::new();
    for (at, mutation) in chosen.iter().enumerate() {
        let began = Instant::now();
        tree.change(mutation.file, mutation.from, mutation.to)?;
        let verdict = mutation.killer.ask(&tree)?;
        tree.restore(mutation.file)?;
        println!("{:>3} of {}: {} ({} s): {verdict:?}", at + 1, chosen.len(), mutation.name, began.elapsed().as_secs());
        ended.push((*mutation, verdict));
    }
    Ok(table(&ended))
}

/// Prints what became of each; whether all were killed.
fn table(ended: &[(&Mutation, Verdict)]) -> bool {
    let width = ended.iter().map(|(mutation, _)| mutation.name.len()).max().unwrap_or(0);
    println!("\n{:<width$} | guards     | killed by", "mutation");
    for (mutation, verdict) in ended {
        let killed_by = match verdict {
            Verdict::Red(how) => format!("{} {how}", mutation.killer.name()),
            Verdict::Green => format!("SURVIVED: {} is still green", mutation.killer.name()),
            Verdict::Unknown(why) => format!("SURVIVED: {why}"),
        };
        println!("{:<width$} | {:<10} | {killed_by}", mutation.name, mutation.guards);
    }
    let killed = ended.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Red(_))).count();
    println!("wall: {} mutations, {killed} killed", ended.len());
    killed == ended.len()
}

fn baseline(tree: &Tree, chosen: &[&Mutation], each: bool) -> Result<(), String> {
    let all = [Killer::Fixture(""), Killer::Unit(""), Killer::Api("")];
    let killers: Vec<&Killer> =
        if each { chosen.iter().map(|mutation| &mutation.killer).collect() } else { all.iter().collect() };
    for killer in killers {
        match killer.ask(tree)? {
            Verdict::Green => println!("  {}: green", killer.name()),
            other => return Err(format!("{} is not green before anything is changed: {other:?}", killer.name())),
        }
    }
    Ok(())
}

impl Killer {
    fn name(&self) -> String {
        match self {
            Killer::Fixture("") => "all fixtures".to_owned(),
            Killer::Fixture(name) => format!("fail/{name}.rs"),
            Killer::Unit("") => "all tests of the SDK".to_owned(),
            Killer::Api("") => "all tests of the public API".to_owned(),
            Killer::Unit(name) | Killer::Api(name) => (*name).to_owned(),
        }
    }

    fn ask(&self, tree: &Tree) -> Result<Verdict, String> {
        let of: &[&str] = match self {
            Killer::Fixture(_) => &["-p", "ui-tests", "--test", "fixtures"],
            Killer::Unit(_) => &["-p", "rocky-sdk", "--features", "hearth,airlock", "--lib"],
            Killer::Api(_) => &["-p", "ui-tests", "--test", "api"],
        };
        // Without a clock: a compiler that is slow kills nothing.
        let (compiled, _) = said(cargo(of).arg("--no-run"), tree, None)?;
        if let Some(error) = compiled.lines().find(|line| line.starts_with("error")) {
            return Ok(Verdict::Unknown(format!("the tree does not compile: {error}")));
        }
        let mut command = cargo(of);
        match self {
            Killer::Fixture("") => command.arg("mistakes"),
            Killer::Fixture(name) => command.args(["mistakes", "--", &format!("trybuild=fail/{name}.rs")]),
            Killer::Unit("") | Killer::Api("") => &mut command,
            Killer::Unit(name) | Killer::Api(name) => command.args(["--", name, "--exact"]),
        };
        let (said, in_time) = said(&mut command, tree, Some(PATIENCE))?;
        Ok(self.judge(&said, in_time))
    }

    fn judge(&self, said: &str, in_time: bool) -> Verdict {
        let began = said.lines().any(|line| line.starts_with("running ") && line != "running 0 tests");
        if !in_time {
            return match self {
                Killer::Unit(_) if began => Verdict::Red("(hangs)"),
                _ => Verdict::Unknown("it did not end in time".to_owned()),
            };
        }
        let of_its_own = ["could not compile `rocky", "could not document", "rustdoc did not describe the SDK"];
        if let Some(why) = of_its_own.into_iter().find(|why| said.contains(why)) {
            return Verdict::Unknown(format!("the tree does not compile: {why}"));
        }
        let compiles = "Expected test case to fail to compile, but it succeeded";
        match self {
            _ if said.contains("running 0 tests") => Verdict::Unknown(format!("there is no test {}", self.name())),
            _ if said.contains("test result: ok.") => Verdict::Green,
            Killer::Fixture(_) if said.contains(compiles) => Verdict::Red("(compiles)"),
            Killer::Fixture(_) => Verdict::Unknown("the fixture fails for another reason".to_owned()),
            Killer::Unit(_) | Killer::Api(_) if said.contains("test result: FAILED.") => Verdict::Red("(fails)"),
            Killer::Unit(_) | Killer::Api(_) => Verdict::Unknown("the test ended without a result".to_owned()),
        }
    }
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["test", "--locked"]).args(words);
    command
}

/// Everything that the command prints, and whether it ended by itself.
fn said(command: &mut Command, tree: &Tree, patience: Option<Duration>) -> Result<(String, bool), String> {
    let told = |error: std::io::Error| format!("{command:?}: {error}", command = "cargo test");
    let log = tree.target().join("wall.log");
    let file = std::fs::File::create(&log).map_err(told)?;
    let errors = file.try_clone().map_err(told)?;
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command
        .current_dir(tree.root())
        .env("CARGO_TARGET_DIR", tree.target())
        .env("CARGO_TERM_COLOR", "never")
        .env_remove("TRYBUILD")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(told)?;
    let ends_at = patience.map(|patience| Instant::now() + patience);
    let in_time = loop {
        if child.try_wait().map_err(told)?.is_some() {
            break true;
        }
        if ends_at.is_some_and(|ends_at| Instant::now() >= ends_at) {
            Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status().map_err(told)?;
            child.wait().map_err(told)?;
            break false;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Ok((read(&log)?, in_time))
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    opened.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A mutation that no longer fits its source would be found out only when the wall is run.
    #[test]
    fn mutations_fit_the_sources() {
        let (mut names, mut misfits) = (HashSet::new(), Vec::new());
        for Mutation { name, file, from, to, killer, .. } in MUTATIONS {
            assert!(names.insert(name), "{name} is there twice");
            let text = std::fs::read_to_string(root().join(file)).unwrap();
            if text.matches(from).count() != 1 {
                misfits.push((name, file));
            }
            assert_ne!(from, to, "{name}");
            if let Killer::Fixture(fixture) = killer {
                let path = root().join("ui-tests/fail").join(fixture).with_extension("rs");
                assert!(path.is_file(), "{name}: there is no {}", path.display());
            }
        }
        assert!(misfits.is_empty(), "what these change does not stand once in its file: {misfits:?}");
        assert!(MUTATIONS.len() >= 40);
    }

    #[test]
    fn only_a_red_killer_kills() {
        let (fixture, unit) = (Killer::Fixture("I4/x"), Killer::Unit("x"));
        assert_eq!(fixture.judge("test result: ok. 1 passed", true), Verdict::Green);
        assert_eq!(unit.judge("test result: FAILED. 0 passed", true), Verdict::Red("(fails)"));
        assert_eq!(unit.judge("running 1 test\n", false), Verdict::Red("(hangs)"));
        assert!(matches!(unit.judge("   Compiling rocky-sdk", false), Verdict::Unknown(_)));
        assert!(matches!(fixture.judge("running 1 test\n", false), Verdict::Unknown(_)));
        let undescribed = "rustdoc did not describe the SDK\ntest result: FAILED.";
        assert!(matches!(Killer::Api("x").judge(undescribed, true), Verdict::Unknown(_)));
        assert!(matches!(fixture.judge("mismatch\ntest result: FAILED.", true), Verdict::Unknown(_)));
        assert!(matches!(unit.judge("running 0 tests\ntest result: ok.", true), Verdict::Unknown(_)));
        assert!(matches!(
            unit.judge("error[E0308]: x\nerror: could not compile `rocky-sdk`", true),
            Verdict::Unknown(_)
        ));
        let red = "Expected test case to fail to compile, but it succeeded.\ntest result: FAILED.";
        assert_eq!(fixture.judge(red, true), Verdict::Red("(compiles)"));
    }
}
