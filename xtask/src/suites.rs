//! The suites, in the order in which a mistake is cheapest to hear of.

use std::process::Command;

use crate::{
    engine::{self, Engine},
    needs, parity,
    test::{Outcome, Run, Suite},
};

/// Packages whose tests are a suite of their own.
const APART: [&str; 8] = [
    "--exclude",
    "ui-tests",
    "--exclude",
    "rocky-docker-tests",
    "--exclude",
    "rocky-cloud-tests",
    // With all features it is a cloud console, and its tests are of a self-host one.
    "--exclude",
    "rocky-console",
];

pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "tools", shows: "what the other suites need is there", budget: 5, run: tools },
    Suite { name: "fmt", shows: "rustfmt has nothing to change", budget: 1, run: fmt },
    Suite { name: "clippy", shows: "clippy has nothing to say", budget: 5, run: clippy },
    Suite { name: "unit", shows: "the doors, the journal, HEARTH: under faults and crashes", budget: 8, run: unit },
    Suite {
        name: "ui",
        shows: "each mistake fails to compile with its text, and its twin compiles; the public API is what its list says",
        budget: 12,
        run: ui,
    },
    Suite { name: "doc", shows: "the documentation has no warning, and its examples run", budget: 5, run: doc },
    Suite { name: "examples", shows: "the demo and the examples do what they say", budget: 3, run: examples },
    Suite {
        name: "features",
        shows: "each set of features compiles; the doors alone and self-host, with its console, pass clippy and the tests",
        budget: 15,
        run: parity::features,
    },
    Suite {
        name: "deny",
        shows: "licences and sources of all crates, and that self-host has no TLS library and no HTTP client crate",
        budget: 10,
        run: parity::crates,
    },
    Suite {
        name: "parity",
        shows: "a self-host build holds no Polar code, and the cloud build does",
        budget: 20,
        run: parity::five,
    },
    Suite {
        name: "cloud",
        shows: "a cloud build, on a real BetterAuth server, a fake Polar and servers that answer oddly; its demo",
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
/// no network namespace can be made or no engine started, the suites say so themselves.
fn tools(run: &Run) -> Outcome {
    let mut programs = needs::DISK.to_vec();
    programs.push(needs::C);
    programs.extend(needs::LOOPBACK);
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

fn cloud(run: &Run) -> Outcome {
    match needs::missing(&needs::NODE, false) {
        Some(missing) => {
            run.not_here(format!("there is no Node: {missing}, or run `cargo xtask test --install` as root on Debian"))
        }
        None => run.commands(&mut [cargo(&["test", "-p", "rocky-cloud-tests", "--locked"]), demo_cloud()]),
    }
}

/// The whole table of outcomes of a cloud console, with a real BetterAuth server and the fake Polar.
pub(crate) fn demo_cloud() -> Command {
    cargo(&["run", "--quiet", "--locked", "-p", "rocky-cloud-tests"])
}

/// Starts an engine for these tests alone, and ends it whatever came of them.
fn docker(run: &Run) -> Outcome {
    if let Some(missing) = needs::missing(&needs::DOCKER, true) {
        return run.not_here(format!(
            "there is no Docker engine: {missing}, or run `cargo xtask test --install` as root on Debian"
        ));
    }
    let engine = match Engine::begin_in(&run.scratch().join("engine")) {
        Ok(engine) => engine,
        Err(why) => return run.not_here(why),
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
