//! The developers' commands: `cargo xtask test`, `wall`, `parity`, `faults`, `bench`, `engine`.

mod bench;
mod engine;
mod faults;
mod needs;
mod parity;
mod suites;
mod test;
mod tree;
mod wall;

use std::{path::PathBuf, process::ExitCode};

const USAGE: &str = "\
cargo xtask test             runs every suite that this machine can run, and names what it left out
  --install                  as root on Debian: installs what is missing, and leaves out nothing
  --only NAME                runs one suite
  --list                     lists the suites
cargo xtask wall             takes each guarantee away, in a copy, and sees its test go red
  --only NAME                does so for one mutation
cargo xtask parity           shows that a self-host build holds no Polar code, in five ways, each beside the cloud build;
                             before that, what the suites features and deny show
  --install                  installs cargo-hack and cargo-deny into target/tools
  --short                    the five alone, without optimising the crates of others
cargo xtask advisories       asks, over the internet, what is known against the crates of the cloud build
cargo xtask demo-cloud       shows every answer of a cloud console, with a BetterAuth server (which needs Node) and a fake
                             Polar
cargo xtask faults           does to a journal what can happen to one, at full length, and fuzzes its reader
  --short                    does so a few times each
  --only NAME                does so for one: tamper, kill, power, disk, device, clock, trust, limit, fuzz
cargo xtask bench NAME       measures, and exits 1 when a goal is not met: compile, journal, doors,
                             docker
cargo xtask engine start     builds the workspace image on DOCKER_HOST's engine, or on a private one that it starts;
                             as root on Debian installs what that needs; its last line is DOCKER_HOST=...
cargo xtask engine image     builds the image anew
cargo xtask engine stop      ends the private engine, and takes its folder away
  --folder FOLDER            with each: that engine's folder, instead of target/engine";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = match words[..] {
        ["test"] => test::run(&[], false),
        ["test", "--install"] => test::run(&[], true),
        ["test", "--only", name] => test::run(&[name], false),
        ["wall"] => wall::run(None),
        ["wall", "--only", name] => wall::run(Some(name)),
        ["parity"] => parity::run(false),
        ["parity", "--install"] => parity::run(true),
        ["parity", "--short"] => parity::short(),
        ["parity", "alone", whose, binary] => parity::inside(whose, binary),
        ["advisories"] => parity::advisories(),
        ["demo-cloud"] => demo_cloud(),
        ["faults"] => faults::run(None, false),
        ["faults", "--short"] => faults::run(None, true),
        ["faults", "--only", name] => faults::run(Some(name), false),
        ["faults", "--short", "--only", name] | ["faults", "--only", name, "--short"] => faults::run(Some(name), true),
        ["bench", name] => bench::run(name),
        ["engine", "start"] => engine::start(None),
        ["engine", "start", "--folder", folder] => engine::start(Some(folder)),
        ["engine", "image"] => engine::image(None),
        ["engine", "image", "--folder", folder] => engine::image(Some(folder)),
        ["engine", "stop"] => engine::stop(None),
        ["engine", "stop", "--folder", folder] => engine::stop(Some(folder)),
        ["engine", "keep", folder] => engine::keep(folder),
        ["test", "--list"] => {
            test::list();
            Ok(true)
        }
        _ => Err(USAGE.to_owned()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn demo_cloud() -> Result<bool, String> {
    if let Some(missing) = needs::missing(&needs::NODE, false) {
        return Err(missing);
    }
    let ended = suites::demo_cloud().current_dir(root()).status();
    ended.map(|status| status.success()).map_err(|error| format!("cargo cannot be run: {error}"))
}

/// The project's own folder.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}
