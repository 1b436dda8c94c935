//! `audit tail`: the last events, and what is written from then on.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use rocky_sdk::hatch::tail;
use tokio::signal::unix::{SignalKind, signal};

use super::line::Printer;
use crate::Ended;

/// How often it is looked whether something was written.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn run(hatch: PathBuf, lines: usize, follow: bool, json: bool) -> Ended {
    if !follow {
        return printed(&hatch, lines, false, json);
    }
    let mut interrupted = signal(SignalKind::interrupt())?;
    // On a thread of its own: a reader that stands still, as `less` does, must not keep Ctrl-C from ending it.
    let printed = tokio::task::spawn_blocking(move || printed(&hatch, lines, true, json));
    tokio::select! {
        printed = printed => printed?,
        _ = interrupted.recv() => Ok(ExitCode::SUCCESS),
    }
}

fn printed(hatch: &Path, lines: usize, follow: bool, json: bool) -> Ended {
    let (last, mut written_since) = tail(hatch, lines)?;
    let mut printer = Printer::new(json);
    for record in &last {
        if printer.print(record)?.is_break() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let mut read = printer.flush()?;
    while follow && read.is_continue() {
        // An error is told behind what was read before it: the printer is gone by then, and has printed it.
        while let Some(record) = written_since.more()? {
            if printer.print(&record)?.is_break() {
                return Ok(ExitCode::SUCCESS);
            }
        }
        if printer.flush()?.is_break() {
            break;
        }
        read = printer.wait(LOOK)?;
    }
    Ok(ExitCode::SUCCESS)
}
