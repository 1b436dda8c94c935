//! The suites, in the order in which a mistake is cheapest to hear of.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    engine::{self, Engine},
    needs, root,
    test::{Outcome, Run, Suite},
};

const HACK: &str = "0.6.46";
/// Packages whose tests are a suite of their own.
const APART: [&str; 6] = ["--exclude", "ui-tests", "--exclude", "rocky-docker-tests", "--exclude", "rocky-cloud-tests"];
/// What no self-host build may bring along.
const BANNED: [&str; 14] = [
    "rustls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "boring",
    "ring",
    "aws-lc-rs",
    "aws-lc-sys",
    "s2n-tls",
    "tokio-rustls",
    "tokio-native-tls",
    "hyper-rustls",
    "reqwest",
    "ureq",
];

pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "tools", shows: "what the other suites need is there", budget: 5, run: tools },
    Suite { name: "fmt", shows: "rustfmt has nothing to change", budget: 1, run: fmt },
    Suite { name: "clippy", shows: "clippy has nothing to say", budget: 5, run: clippy },
    Suite {
        name: "unit",
        shows: "the doors, the journal, HEARTH, the console: under faults and crashes",
        budget: 8,
        run: unit,
    },
    Suite {
        name: "ui",
        shows: "each mistake fails to compile with its text, and its twin compiles; the public API is what its list says",
        budget: 12,
        run: ui,
    },
    Suite { name: "doc", shows: "the documentation has no warning, and its examples run", budget: 5, run: doc },
    Suite { name: "examples", shows: "the demo and the examples do what they say", budget: 3, run: examples },
    Suite { name: "features", shows: "each feature compiles by itself", budget: 6, run: features },
    Suite {
        name: "tree",
        shows: "the self-host console has no TLS library and no HTTP client crate",
        budget: 1,
        run: tree,
    },
    Suite {
        name: "cloud",
        shows: "door 1 of a cloud build, on a real BetterAuth server and on servers that answer oddly",
        budget: 8,
        run: cloud,
    },
    Suite {
        name: "docker",
        shows: "workspaces as containers, on a private engine: what they may do, and what an engine's end does to them",
        budget: 12,
        run: docker,
    },
];

pub(crate) fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words);
    command
}

/// Without a C compiler nothing is built; without what makes a disk fail, the unit suite leaves those tests out. Where
/// no engine can be started, the docker suite says so itself.
fn tools(run: &Run) -> Outcome {
    let mut programs = needs::DISK.to_vec();
    programs.push(needs::C);
    programs.extend(needs::DOCKER);
    programs.extend(needs::NODE);
    let packages = needs::packages(&programs);
    if !run.install || packages.is_empty() {
        return without_installing();
    }
    run.commands(&mut needs::installing(&packages))
}

fn without_installing() -> Outcome {
    let or = "or run `cargo xtask test --install` as root on Debian";
    if let Some(missing) = needs::missing(&[needs::C], false) {
        return Outcome::Failed(format!("there is no C compiler: {missing}, {or}"));
    }
    match needs::missing(&needs::DISK, true) {
        Some(missing) => Outcome::LeftOut(format!("the unit suite does without a disk that fails: {missing}, {or}")),
        None => Outcome::Passed,
    }
}

fn fmt(run: &Run) -> Outcome {
    run.command(&mut cargo(&["fmt", "--all", "--check"]))
}

fn clippy(run: &Run) -> Outcome {
    run.commands(&mut [
        cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"]),
        cargo(&[
            "clippy",
            "-p",
            "rocky-sdk",
            "--no-default-features",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
    ])
}

fn unit(run: &Run) -> Outcome {
    let mut all = cargo(&["test", "--workspace", "--all-features", "--lib", "--bins", "--tests", "--locked"]);
    run.command(all.args(APART))
}

fn ui(run: &Run) -> Outcome {
    run.command(&mut cargo(&["test", "-p", "ui-tests", "--locked"]))
}

fn doc(run: &Run) -> Outcome {
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--all-features", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    let mut examples = cargo(&["test", "--workspace", "--doc", "--all-features", "--locked"]);
    examples.args(APART);
    run.commands(&mut [doc, examples])
}

fn examples(run: &Run) -> Outcome {
    run.commands(&mut [
        cargo(&["run", "--quiet", "--locked", "-p", "rocky-console", "--", "demo"]),
        cargo(&["run", "--quiet", "--locked", "-p", "rocky-worker"]),
        cargo(&["run", "--quiet", "--locked", "-p", "rocky-own-driver"]),
    ])
}

fn features(run: &Run) -> Outcome {
    let tools = root().join("target/tools");
    if let Some(trouble) = install_hack(run, &tools) {
        return if run.install { Outcome::Failed(trouble) } else { Outcome::LeftOut(trouble) };
    }
    let mut path = vec![tools.join("bin")];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let Ok(path) = std::env::join_paths(path) else {
        return Outcome::Failed("the search path has a name that cannot stand in one".into());
    };
    let mut hack = cargo(&["hack", "check", "--workspace", "--each-feature", "--all-targets", "--locked"]);
    run.command(
        hack.env("PATH", path).env("RUSTFLAGS", "-D warnings").env("CARGO_TARGET_DIR", root().join("target/features")),
    )
}

/// Puts cargo-hack into the project's own folder; what stood in the way, if anything did.
fn install_hack(run: &Run, tools: &Path) -> Option<String> {
    let program: PathBuf = tools.join("bin/cargo-hack");
    if program.is_file() {
        return None;
    }
    let mut install = cargo(&["install", "--locked", "--quiet", "--version", HACK, "cargo-hack", "--root"]);
    match run.command(install.arg(tools)) {
        Outcome::Passed => None,
        Outcome::Failed(why) | Outcome::LeftOut(why) => Some(format!("cargo-hack could not be installed: {why}")),
    }
}

fn tree(_: &Run) -> Outcome {
    let output = cargo(&["tree", "-p", "rocky-console", "-e", "normal", "--prefix", "none", "--locked"])
        .current_dir(root())
        .output();
    let text = match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => return Outcome::Failed(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    // The control: what must be there is seen, and a banned name would be.
    if !has(&text, "hyper") || !has(&text, "rocky-sdk") || !has(&format!("{text}rustls v0.1.0\n"), "rustls") {
        return Outcome::Failed("the tree is not read as it should be".into());
    }
    let found: Vec<&str> = BANNED.into_iter().filter(|name| has(&text, name)).collect();
    println!("{} crates, none of {}", text.lines().filter(|line| !line.ends_with("(*)")).count(), BANNED.join(", "));
    if found.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Failed(format!("the console's tree has {}", found.join(", ")))
    }
}

/// Whether a line of `cargo tree` names this crate.
fn has(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.split(' ').next() == Some(name))
}

fn cloud(run: &Run) -> Outcome {
    match needs::missing(&needs::NODE, false) {
        Some(missing) if !run.install => Outcome::LeftOut(format!(
            "there is no Node: {missing}, or run `cargo xtask test --install` as root on Debian"
        )),
        Some(missing) => Outcome::Failed(missing),
        None => run.command(&mut cargo(&["test", "-p", "rocky-cloud-tests", "--locked"])),
    }
}

/// Starts an engine for these tests alone, and ends it whatever came of them.
fn docker(run: &Run) -> Outcome {
    let not_here = |why: String| if run.install { Outcome::Failed(why) } else { Outcome::LeftOut(why) };
    if let Some(missing) = needs::missing(&needs::DOCKER, true) {
        return not_here(format!(
            "there is no Docker engine: {missing}, or run `cargo xtask test --install` as root on Debian"
        ));
    }
    let engine = match Engine::begin_in(&run.scratch().join("engine")) {
        Ok(engine) => engine,
        Err(why) => return not_here(why),
    };
    let outcome = on_engine(run, &engine);
    match (engine.stop(), outcome) {
        (Err(why), Outcome::Passed) => Outcome::Failed(why),
        (_, outcome) => outcome,
    }
}

fn on_engine(run: &Run, engine: &Engine) -> Outcome {
    match engine::build_image(&engine.socket()) {
        Ok(id) => println!("the workspace image is {id}"),
        Err(why) => return Outcome::Failed(why),
    }
    let Some(init) = engine.init() else {
        return Outcome::Failed("the engine ended before its tests began".into());
    };
    let mut tests = cargo(&["test", "-p", "rocky-docker-tests", "--locked"]);
    tests
        .env("DOCKER_HOST", format!("unix://{}", engine.socket().display()))
        .env("ROCKY_ENGINE_PID", init.to_string())
        .env("ROCKY_ENGINE_FOLDER", engine.folder());
    // The tests start the console that is built beside them.
    run.commands(&mut [cargo(&["build", "-p", "rocky-console", "--locked"]), tests])
}
