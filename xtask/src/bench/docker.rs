//! `bench docker`: what a provision adds to the calls of the engine that it makes.

use super::{
    Goal, Times,
    journal::{Bound, Said, built, information},
};
use crate::{
    engine::{self, Engine},
    needs,
    suites::cargo,
};

const ROUNDS: usize = 7;
/// In each round, one after the other.
const WORKSPACES: usize = 4;

pub(super) fn run() -> Result<Vec<Goal>, String> {
    if let Some(missing) = needs::missing(&needs::DOCKER, true) {
        return Err(format!("there is no Docker engine: {missing}"));
    }
    eprintln!("building what provisions, and starting an engine");
    let program = built(cargo(&["build", "-p", "rocky-docker-tests"]), "docker", "rocky-docker-tests")?;
    let scratch = std::env::temp_dir().join(format!("rocky-bench-{}", std::process::id()));
    let engine = Engine::begin_in(&scratch)?;
    let measured = measured(&program, &engine);
    engine.stop()?; // whatever came of it
    measured
}

fn measured(program: &std::path::Path, engine: &Engine) -> Result<Vec<Goal>, String> {
    engine::build_image(&engine.socket())?;
    let took = |how: &str| {
        let mut command = std::process::Command::new(program);
        command.args([how, &WORKSPACES.to_string()]);
        let said = Said::by(command.env("DOCKER_HOST", format!("unix://{}", engine.socket().display())))?;
        said.number("seconds")
    };
    took("hand")?; // the engine's first workspace takes longer
    let [mut doors, mut hand, mut ratio] = [(); 3].map(|()| Times::default());
    for round in 1..=ROUNDS {
        let (through, alone) = (took("doors")?, took("hand")?);
        eprintln!("round {round} of {ROUNDS}: through the doors {through:.3} s, by hand {alone:.3} s");
        doors.0.push(through);
        hand.0.push(alone);
        ratio.0.push(through / alone);
    }
    Ok(vec![
        information("a provision until the workspace is well", &doors, " s"),
        information("the same calls of the engine by hand", &hand, " s"),
        Bound::AtMost(1.1).goal("through the doors / by hand", &ratio, ""),
    ])
}
