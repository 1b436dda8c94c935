//! `journal PEER --writers N --seconds S --bytes B --folder DIR`: how many events a second a peer makes durable.
//! `ceiling` needs `--batch K` too, the events of one write; the two of SQLite take `--checkpoint PAGES`.
//!
//! `journal sha256 --folder DIR --threads T`: how long SHA-256 alone takes over the lines of a journal.
#![forbid(unsafe_code)]

use std::{env, num::NonZeroUsize, path::PathBuf, process::ExitCode};

use rocky_peers::{
    args::Args,
    ceiling, event,
    measure::{self, Report},
    naive, raft,
    scratch::Scratch,
    sha256, sqlite,
    writers::Plan,
};

const PEERS: [&str; 6] = ["naive", "sqlite-each", "sqlite-batched", "raft-engine", "ceiling", "sha256"];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let (peer, mut args) = Args::read(env::args().skip(1))?;
    if !PEERS.contains(&peer.as_str()) {
        return Err(format!("there is no peer `{peer}`: the peers are {}", PEERS.join(", ")));
    }
    if peer == "sha256" {
        let folder: PathBuf = args.take("folder")?;
        let threads: NonZeroUsize = args.take("threads")?;
        args.end()?;
        return measure::print(&sha256::run(&folder, threads.get())?);
    }
    measure::print(&journal(&peer, args)?)
}

fn journal(peer: &str, mut args: Args) -> Result<Report, String> {
    let writers: NonZeroUsize = args.take("writers")?;
    // The ceiling is one thread's, whatever is said.
    let writers = if peer == "ceiling" { 1 } else { writers.get() };
    let plan = Plan { writers, measured: args.seconds()?, bytes: args.take("bytes")? };
    if plan.bytes < event::LEAST {
        return Err(format!("`--bytes {}`: an event has at least {}", plan.bytes, event::LEAST));
    }
    let (mut batch, mut checkpoint) = (None, None);
    match peer {
        "ceiling" => batch = Some(args.take::<NonZeroUsize>("batch")?.get()),
        "sqlite-each" | "sqlite-batched" => checkpoint = args.take_if_given("checkpoint")?,
        _ => {}
    }
    let folder = args.folder()?;
    args.end()?;
    let scratch = Scratch::new(&folder, peer)?;
    let folder = scratch.path();
    let micros = match (peer, batch) {
        ("naive", _) => naive::run(&plan, folder),
        ("sqlite-each", _) => sqlite::each(&plan, folder, checkpoint),
        ("sqlite-batched", _) => sqlite::batched(&plan, folder, checkpoint),
        ("raft-engine", _) => raft::run(&plan, folder),
        (_, batch) => ceiling::run(&plan, folder, batch.unwrap_or(1)),
    };
    Report::new(peer, plan.writers, batch, plan.measured, micros?)
}
