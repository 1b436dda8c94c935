//! Sets of features: each compiles, and those that people use pass clippy and the tests.

use std::process::Command;

use super::tools::CARGO_HACK;
use crate::{
    root,
    suites::cargo,
    test::{Outcome, Run},
};

/// A worker's without a subsystem, and the self-host console's. The cloud's is what other suites run: all features.
const USED: [&[&str]; 2] = [&["-p", "rocky-sdk", "--no-default-features"], &["-p", "rocky-sdk", "-p", "rocky-console"]];

/// As a suite.
pub(crate) fn features(run: &Run) -> Outcome {
    for set in USED {
        let mut clippy = cargo(&["clippy", "--locked", "--all-targets"]);
        clippy.args(set).args(["--", "-D", "warnings"]);
        let mut tests = cargo(&["test", "--locked", "--lib", "--bins", "--tests"]);
        tests.args(set);
        match run.commands(&mut [clippy, tests]) {
            Outcome::Passed => {}
            other => return other,
        }
    }
    match CARGO_HACK.ready(run) {
        Ok(program) => run.command(&mut each_set(Command::new(program))),
        Err(Outcome::LeftOut(why)) => Outcome::LeftOut(format!("only the sets that people use were tested: {why}")),
        Err(other) => other,
    }
}

fn each_set(mut hack: Command) -> Command {
    hack.args([
        "hack",
        "check",
        "--workspace",
        "--locked",
        "--feature-powerset",
        "--exclude-features",
        "default,cloud",
    ]);
    hack.env("RUSTFLAGS", "-D warnings").env("CARGO_TARGET_DIR", root().join("target/features"));
    hack
}
