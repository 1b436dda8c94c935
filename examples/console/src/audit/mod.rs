//! The operator's commands for the audit log. They read it without its lock, beside a running console too.

mod export;
mod line;
mod show;
mod tail;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use clap::Subcommand;
use rocky_sdk::hatch::CheckpointKey;

pub(crate) use line::{escaped, tombstone};

use crate::{Ended, Failure, Home, operator};

#[derive(Subcommand)]
pub(crate) enum Audit {
    /// Says whether the log is whole: its chain, its checkpoints, and what neither can say.
    #[command(after_help = verify::EXIT_CODES)]
    Verify {
        #[command(flatten)]
        home: Home,
        /// A copy's folder, as `audit export` makes one, instead of a home's
        #[arg(long, value_name = "DIR", conflicts_with = "home")]
        folder: Option<PathBuf>,
        /// The key that signed the checkpoints, as `audit key` printed it at home
        #[arg(long, value_name = "HEX")]
        key: Option<CheckpointKey>,
        /// One JSON object instead of sentences
        #[arg(long)]
        json: bool,
    },
    /// Shows the last events.
    Tail {
        #[command(flatten)]
        home: Home,
        /// How many of them
        #[arg(short = 'n', value_name = "N", default_value_t = 10)]
        lines: usize,
        /// Goes on with what is written from then on, until Ctrl-C
        #[arg(long)]
        follow: bool,
        /// Each as it stands in the log
        #[arg(long)]
        json: bool,
    },
    /// Shows all events, or those to which all of this applies.
    Show {
        #[command(flatten)]
        home: Home,
        #[command(flatten)]
        filter: show::Filter,
        /// Each as it stands in the log
        #[arg(long)]
        json: bool,
    },
    /// Copies the log into a new folder, without the key that signs, and verifies the copy.
    #[command(after_help = verify::EXIT_CODES)]
    Export {
        #[command(flatten)]
        home: Home,
        /// The folder to make
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Prints the public key of the checkpoints: kept elsewhere, it tells them from anybody else's.
    Key {
        #[command(flatten)]
        home: Home,
    },
    /// Seals the segment that is written and begins the next one, beside a running console or without one.
    Rotate {
        #[command(flatten)]
        home: Home,
    },
}

pub(crate) async fn run(command: Audit) -> Ended {
    match command {
        Audit::Verify { home, folder, key, json } => {
            let hatch = folder.map_or_else(|| hatch_of(home), Ok)?;
            verify::run(&hatch, key, json)
        }
        Audit::Tail { home, lines, follow, json } => tail::run(hatch_of(home)?, lines, follow, json).await,
        Audit::Show { home, filter, json } => show::run(&hatch_of(home)?, &filter, json),
        Audit::Export { home, folder } => export::run(&hatch_of(home)?, &folder),
        Audit::Key { home } => {
            let key = CheckpointKey::of(&hatch_of(home)?)?;
            line::say(&[key.to_string()])?;
            Ok(ExitCode::SUCCESS)
        }
        Audit::Rotate { home } => operator::rotate(&home.config()?).await,
    }
}

/// The folder of a home's audit log, where a console was started once.
fn hatch_of(home: Home) -> Result<PathBuf, Failure> {
    let home = home.config()?.home;
    let hatch = home.join("hatch");
    if hatch.is_dir() {
        return Ok(hatch);
    }
    Err(Failure::Failed(format!("{} is no console's home: there is no audit log in it", home.display())))
}
