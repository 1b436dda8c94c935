//! `parity`: that a self-host build holds no Polar code. Five looks at it, each beside its control: the same look finds
//! Polar in the cloud build. A look that finds nothing anywhere shows nothing.

mod alone;
mod builds;
mod deny;
mod dep_info;
mod graph;
mod markers;
mod sets;
mod tools;
mod without;

use std::process::Command;

pub(crate) use alone::inside;
pub(crate) use deny::{advisories, crates};
pub(crate) use sets::features;

use crate::test::{self, Outcome, Run};
use builds::Build;

/// What a look found, in a few words; or why that is not as it has to be.
type Seen = Result<String, String>;

/// One of the five.
struct Row {
    look: &'static str,
    absent: Seen,
    control: Seen,
}

/// All of it, on release builds.
pub(crate) fn run(install: bool) -> Result<bool, String> {
    let others = test::run(&["features", "deny"], install)?;
    Ok(absence("release")? && others)
}

/// The five alone; the crates of others are not optimised.
pub(crate) fn short() -> Result<bool, String> {
    absence("parity")
}

/// As a suite.
pub(crate) fn five(run: &Run) -> Outcome {
    if let Some(missing) = alone::missing() {
        return run.not_here(missing);
    }
    // As a process of its own: the budget ends it with all that it started.
    match std::env::current_exe() {
        Ok(itself) => run.command(Command::new(itself).args(["parity", "--short"])),
        Err(error) => Outcome::Failed(format!("this program does not find itself: {error}")),
    }
}

fn absence(profile: &'static str) -> Result<bool, String> {
    if let Some(missing) = alone::missing() {
        return Err(missing);
    }
    let (selfhost, cloud) = (Build::selfhost(profile), Build::cloud(profile));
    selfhost.make()?;
    cloud.make()?;
    let tree = without::tree()?;
    let rows = [
        Row {
            look: "1 the SDK, built with src/polar/ deleted",
            absent: without::builds(&tree, &selfhost),
            control: without::fails(&tree, &cloud),
        },
        Row {
            look: "2 files under src/polar/ in the dep-info",
            absent: dep_info::absent(&selfhost),
            control: dep_info::control(&cloud),
        },
        Row {
            look: "3 Polar's own, TLS and HTTP client crates in the graph",
            absent: graph::absent(&selfhost),
            control: graph::control(&cloud),
        },
        Row {
            look: "4 markers of Polar in the binary",
            absent: markers::absent(&selfhost),
            control: markers::control(&cloud),
        },
        Row {
            look: "5 the console with no network but loopback",
            absent: alone::works(&selfhost),
            control: alone::asks_polar(&cloud),
        },
    ];
    Ok(table(&rows))
}

/// Prints what each look found; whether all is as it has to be.
fn table(rows: &[Row]) -> bool {
    for row in rows {
        for why in [row.absent.as_ref().err(), row.control.as_ref().err()].into_iter().flatten() {
            println!("\n{}: {why}", row.look);
        }
    }
    let mut cells = vec![["parity".to_owned(), "self-host".to_owned(), "control: the cloud build".to_owned()]];
    cells.extend(rows.iter().map(|row| [row.look.to_owned(), cell(&row.absent), cell(&row.control)]));
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    println!();
    for [look, absent, control] in &cells {
        println!("{look:<first$} | {absent:<second$} | {control}");
    }
    let absent = rows.iter().filter(|row| row.absent.is_ok()).count();
    let controls = rows.iter().filter(|row| row.control.is_ok()).count();
    let all = rows.len();
    println!("parity: {absent} of {all} absent, {controls} of {all} controls present");
    absent == all && controls == all
}

fn cell(seen: &Seen) -> String {
    match seen {
        Ok(found) => found.clone(),
        Err(why) => format!("NO: {}", why.lines().next().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_without_its_control_is_not_enough() {
        let row = |absent: Seen, control: Seen| Row { look: "a look", absent, control };
        let (good, bad) = (|| Ok("found".to_owned()), || Err("why\nmore".to_owned()));
        assert!(table(&[row(good(), good())]));
        assert!(!table(&[row(good(), good()), row(good(), bad())]));
        assert!(!table(&[row(bad(), good())]));
        assert_eq!((cell(&good()), cell(&bad())), ("found".to_owned(), "NO: why".to_owned()));
    }
}
