//! `bench compile`: what `#[tenant_action]` adds to a check, against the same code written by hand; and what rocky adds to a
//! cold build of one route, against plain axum.
//!
//! All of it is generated into target/bench/compile: a workspace of its own, with the root's versions.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use super::{Goal, Times, output, rustc};
use crate::root;

const ROUNDS: usize = 5;
/// Fewer: a cold build takes long, and has no goal.
const COLD_ROUNDS: usize = 3;
const MODULES: usize = 25;
/// As many as a `Bolted` can list.
const ACTIONS_EACH: usize = 8;
/// The module in which a line changes.
const CHANGED: usize = 12;
const AS_MADE: &str = "as made";
/// The most that the attribute may take, where the code by hand takes 1.
const MOST: f64 = 1.15;

/// One way to write the same crate.
#[derive(Clone, Copy)]
struct Way {
    package: &'static str,
    uses: &'static str,
    action: &'static str,
}

const WAYS: [Way; 2] = [
    Way { package: "by-macro", uses: USES_BY_MACRO, action: ACTION_BY_MACRO },
    Way { package: "by-hand", uses: USES_BY_HAND, action: ACTION_BY_HAND },
];

pub(super) fn run() -> Result<Vec<Goal>, String> {
    generate()?;
    fetch()?;
    // The same text, written later: cargo goes by the time.
    let whole = checks("check", false, |way, _| write(&way.file("lib.rs"), &library()))?;
    let changed = checks("incremental check", true, |way, round| {
        write(&way.file(&module_file(CHANGED)), &way.module(CHANGED, &format!("round {round}")))
    })?;
    let cold = cold_builds()?;
    let actions = MODULES * ACTIONS_EACH;
    Ok(vec![
        whole.goal(format!("check of {actions} actions and routes, macro / by hand"), Some(MOST)),
        changed.goal("check after a changed line, macro / by hand".to_owned(), Some(MOST)),
        cold.goal("cold build of a hello route, rocky / axum".to_owned(), None),
    ])
}

/// Checks of one crate alone, each after `dirty` gave it something to check.
fn checks(what: &str, incremental: bool, dirty: impl Fn(&Way, usize) -> Result<(), String>) -> Result<Pair, String> {
    let target = if incremental { "incremental" } else { "whole" };
    let packages = WAYS.map(|way| way.package);
    timed(&["check", "-p", packages[0], "-p", packages[1]], target, incremental)?;
    Pair::measure(what, ROUNDS, packages, |side, round| {
        let way = WAYS[side];
        dirty(&way, round)?;
        let (seconds, said) = timed(&["check", "-p", way.package], target, incremental)?;
        match built(&said)[..] {
            [only] if only == way.package => Ok(seconds),
            _ => Err(format!("cargo was to check {} and nothing else: run it again. It said:\n{said}", way.package)),
        }
    })
}

/// Builds of all that a program needs, each into an empty folder.
fn cold_builds() -> Result<Pair, String> {
    println!("cold builds are offline, after `cargo fetch`: they download nothing");
    let packages = ["hello-rocky", "hello-axum"];
    Pair::measure("cold build", COLD_ROUNDS, packages, |side, _| {
        let target = target("cold");
        if target.exists() {
            fs::remove_dir_all(&target)
                .map_err(|error| format!("{} cannot be taken away: {error}", target.display()))?;
        }
        timed(&["build", "-p", packages[side]], "cold", true).map(|(seconds, _)| seconds)
    })
}

/// How long the same took on both sides.
struct Pair([Times; 2]);

impl Pair {
    /// One side after the other, round by round: a machine that slows down slows down both.
    fn measure(
        what: &str,
        rounds: usize,
        sides: [&str; 2],
        mut once: impl FnMut(usize, usize) -> Result<f64, String>,
    ) -> Result<Self, String> {
        let mut pair = Pair(Default::default());
        for round in 1..=rounds {
            for (side, times) in pair.0.iter_mut().enumerate() {
                let seconds = once(side, round)?;
                eprintln!("{what} {round} of {rounds}: {} {seconds:.2} s", sides[side]);
                times.0.push(seconds);
            }
        }
        println!("{what}, {rounds} rounds, median (min..max): {} {}, {} {}", sides[0], pair.0[0], sides[1], pair.0[1]);
        Ok(pair)
    }

    fn goal(&self, name: String, most: Option<f64>) -> Goal {
        let [ours, other] = self.0.each_ref().map(Times::median);
        let ratio = ours / other;
        Goal {
            name,
            goal: most.map_or("-".to_owned(), |most| format!("<= {most}")),
            measured: format!("{ratio:.3} ({ours:.2} s / {other:.2} s)"),
            met: most.map(|most| ratio <= most),
        }
    }
}

/// Downloads what is not there yet, so that nothing is downloaded while it is measured.
fn fetch() -> Result<(), String> {
    let rustc = rustc()?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("`rustc -vV` names no host: is it a compiler of Rust's own?")?;
    output(&mut cargo(&["fetch", "--target", host])).map(drop)
}

/// Runs cargo to its end: the seconds that it took, and what it said.
fn timed(words: &[&str], target: &str, incremental: bool) -> Result<(f64, String), String> {
    let mut command = cargo(words);
    command.env("CARGO_NET_OFFLINE", "true");
    command.env("CARGO_TARGET_DIR", self::target(target));
    command.env("CARGO_INCREMENTAL", if incremental { "1" } else { "0" });
    let began = Instant::now();
    let output = output(&mut command)?;
    let seconds = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("Blocking waiting for file lock") {
        return Err("another cargo was at work and had to be waited for: run it again while none is".to_owned());
    }
    Ok((seconds, said))
}

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(words).current_dir(folder());
    // What cargo says is read; and a compiler's cache would be measured instead of the compiler.
    command.env("CARGO_TERM_QUIET", "false").env("CARGO_TERM_COLOR", "never").env("RUSTC_WRAPPER", "");
    command
}

/// The packages that cargo says it built.
fn built(said: &str) -> Vec<&str> {
    let lines = said.lines().map(|line| line.trim_start());
    let built = lines.filter_map(|line| line.strip_prefix("Checking ").or_else(|| line.strip_prefix("Compiling ")));
    built.filter_map(|package| package.split(' ').next()).collect()
}

fn folder() -> PathBuf {
    root().join("target/bench/compile")
}

fn target(name: &str) -> PathBuf {
    folder().join("target").join(name)
}

fn generate() -> Result<(), String> {
    let file = |name: &str| {
        let path = root().join(name);
        fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
    };
    write(&folder().join("Cargo.toml"), &workspace(&file("Cargo.toml")?)?)?;
    write(&folder().join("Cargo.lock"), &file("Cargo.lock")?)?;
    for way in WAYS {
        // The same for both, used or not: what one of them needs would else be built differently for the other.
        manifest(way.package, &["axum", "rocky-sdk", "serde", "thiserror"])?;
        write(&way.file("lib.rs"), &library())?;
        for module in 0..MODULES {
            write(&way.file(&module_file(module)), &way.module(module, AS_MADE))?;
        }
    }
    manifest("hello-rocky", &["axum", "rocky-sdk", "tokio"])?;
    write(&folder().join("hello-rocky/src/main.rs"), HELLO_ROCKY)?;
    manifest("hello-axum", &["axum", "serde", "tokio"])?;
    write(&folder().join("hello-axum/src/main.rs"), HELLO_AXUM)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = parent.and_then(|()| fs::write(path, text));
    written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// A workspace whose packages have the root's dependencies.
fn workspace(root: &str) -> Result<String, String> {
    let mut text = String::from(WORKSPACE);
    for name in ["axum", "serde", "thiserror", "tokio"] {
        let says = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(" = "));
        let line = root.lines().find(says);
        text.push_str(line.ok_or_else(|| format!("Cargo.toml has no line `{name} = ..`: write it in one line"))?);
        text.push('\n');
    }
    Ok(text)
}

fn manifest(package: &str, dependencies: &[&str]) -> Result<(), String> {
    let mut text = PACKAGE.replace("NAME", package);
    for name in dependencies {
        text.push_str(&format!("{name}.workspace = true\n"));
    }
    write(&folder().join(package).join("Cargo.toml"), &text)
}

fn module_file(module: usize) -> String {
    format!("shelf{module:02}.rs")
}

/// What both ways have in common: the driver, its error, and all the modules' routes.
fn library() -> String {
    let names: Vec<String> = (0..MODULES).map(|module| format!("shelf{module:02}")).collect();
    let modules: String = names.iter().map(|name| format!("pub mod {name};\n")).collect();
    let nested: String =
        names.iter().map(|name| format!("        .nest(\"/{name}\", {name}::routes(doors)?)\n")).collect();
    LIBRARY.replace("MODULES\n", &modules).replace("NESTED\n", &nested)
}

impl Way {
    fn file(&self, name: &str) -> PathBuf {
        folder().join(self.package).join("src").join(name)
    }

    /// Some actions and their routes; `note` stands in the body of the first.
    fn module(&self, module: usize, note: &str) -> String {
        let numbers: Vec<String> = (0..ACTIONS_EACH).map(|at| format!("{:03}", module * ACTIONS_EACH + at)).collect();
        let list: Vec<String> = numbers.iter().map(|number| format!("Place{number}")).collect();
        let mounted: String = numbers
            .iter()
            .map(|number| format!("        .post(\"/{{slug}}/place{number}\", place{number})\n"))
            .collect();
        let mut text = String::from(self.uses);
        text.push_str(&ROUTES.replace("LIST", &list.join(", ")).replace("MOUNTED\n", &mounted));
        for (at, number) in numbers.iter().enumerate() {
            let note = if at == 0 { note } else { AS_MADE };
            let action = self.action.replace("MM", &format!("{module:02}"));
            text.push_str(&action.replace("NNN", number).replace("NOTE", note));
        }
        text
    }
}

const WORKSPACE: &str = r#"[workspace]
resolver = "3"
members = ["by-hand", "by-macro", "hello-axum", "hello-rocky"]

[workspace.dependencies]
rocky-sdk = { path = "../../../rocky-sdk" }
"#;

const PACKAGE: &str = r#"[package]
name = "NAME"
version = "0.0.0"
edition = "2024"
publish = false

[dependencies]
"#;

const LIBRARY: &str = r#"use axum::Router;
use rocky_sdk::{Action, ActionError, Doors, Entitled, ForeignToken, doors::EventNameTaken};

MODULES

pub struct Shelf;

#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error(transparent)]
    Foreign(#[from] ForeignToken),
}

impl ActionError for ShelfError {}

impl Shelf {
    pub async fn place<A: Action>(&self, token: &Entitled<A>, note: &str) -> Result<String, ShelfError> {
        Ok(format!("{note}: {:?}", token.action()))
    }
}

pub fn app(doors: &Doors) -> Result<Router, EventNameTaken> {
    Ok(Router::new()
NESTED
    )
}
"#;

const ROUTES: &str = r#"
type Board = Arc<Bolted<Shelf, (LIST)>>;

pub fn routes(doors: &Doors) -> Result<Router, EventNameTaken> {
    let board: Board = Arc::new(Bolted::new(doors, Shelf)?);
    Ok(DoorRouter::new(doors.clone())
MOUNTED
        .with_state(board))
}
"#;

const USES_BY_MACRO: &str = r#"use std::sync::Arc;

use axum::{Router, extract::State};
use rocky_sdk::{Bolted, Doors, Entitled, Slug, doors::EventNameTaken, tenant_action, web::DoorRouter};

use crate::{Shelf, ShelfError};
"#;

const ACTION_BY_MACRO: &str = r#"
#[tenant_action(
    role = admin,
    started = "shelfMM.placeNNN_started",
    succeeded = "shelfMM.placedNNN",
    failed = "shelfMM.failed",
    subject = slug,
)]
pub struct PlaceNNN {
    pub slug: Slug,
    pub text: String,
    pub count: u32,
}

#[tenant_action]
pub async fn placeNNN(token: &Entitled<PlaceNNN>, State(board): State<Board>) -> Result<String, ShelfError> {
    board.open(token)?.place(token, "NOTE").await
}
"#;

const USES_BY_HAND: &str = r#"use std::sync::Arc;

use axum::{Router, extract::State};
use rocky_sdk::{
    Action, Admin, Authenticated, Bolted, Completed, Doors, EventName, OnFailure, Refusal, Slug,
    doors::EventNameTaken,
    web::{DoorRouter, Payload},
};
use serde::{Deserialize, Serialize};

use crate::{Shelf, ShelfError};
"#;

const ACTION_BY_HAND: &str = r#"
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceNNN {
    pub slug: Slug,
    pub text: String,
    pub count: u32,
}

impl Action for PlaceNNN {
    type Role = Admin;
    const NAME: &'static str = "placeNNN";
    const STARTED: EventName = EventName::new("shelfMM.placeNNN_started");
    const SUCCEEDED: EventName = EventName::new("shelfMM.placedNNN");
    const ON_FAILURE: OnFailure = OnFailure::Record(EventName::new("shelfMM.failed"));
    fn subject(&self) -> Option<&Slug> {
        Some(&self.slug)
    }
}

pub async fn placeNNN(
    authenticated: Authenticated<Admin>,
    State(board): State<Board>,
    Payload(action): Payload<PlaceNNN>,
) -> Result<Completed<PlaceNNN, String>, Refusal<ShelfError>> {
    authenticated
        .audit(action)
        .await?
        .perform(board, |token, board| Box::pin(async move { board.open(token)?.place(token, "NOTE").await }))
        .await
}
"#;

const HELLO_ROCKY: &str = r#"use std::{convert::Infallible, error::Error, path::Path};

use rocky_sdk::{
    Billing, Doors, Entitled, LocalAuth,
    hatch::{Journal, JournalOptions},
    tenant_action,
    web::DoorRouter,
};

#[tenant_action(role = operator, started = "hello.greeting_started", succeeded = "hello.greeted", failed = "hello.failed")]
struct Greet {
    name: String,
}

#[tenant_action]
async fn greet(token: &Entitled<Greet>) -> Result<String, Infallible> {
    Ok(format!("hello, {}", token.action().name))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = Path::new("hello-home");
    let (auth, _) = LocalAuth::open(home)?;
    let journal = Journal::open(&home.join("hatch"), JournalOptions::new("hello"))?;
    let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
    let app = DoorRouter::new(doors).post("/hello", greet).with_state(());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7071").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
"#;

const HELLO_AXUM: &str = r#"use std::error::Error;

use axum::{Json, Router, routing::post};

#[derive(serde::Deserialize)]
struct Greet {
    name: String,
}

async fn greet(Json(greet): Json<Greet>) -> Json<String> {
    Json(format!("hello, {}", greet.name))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Router::new().route("/hello", post(greet));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7071").await?;
    axum::serve(listener, app).await?;
    Ok(())
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_write_the_same_actions_and_routes() {
        for way in WAYS {
            let text: String = (0..MODULES).map(|module| way.module(module, AS_MADE)).collect();
            for part in ["pub struct Place", "pub async fn place", ".post(\"/{slug}/place", "\"as made\""] {
                assert_eq!(text.matches(part).count(), 200, "{part} {}", way.package);
            }
            for left in ["MM", "NNN", "NOTE", "LIST", "MOUNTED"] {
                assert!(!text.contains(left), "{left} {}", way.package);
            }
        }
    }

    #[test]
    fn a_change_is_one_line() {
        for way in WAYS {
            let (before, after) = (way.module(CHANGED, AS_MADE), way.module(CHANGED, "round 1"));
            let other = before.lines().zip(after.lines()).filter(|(before, after)| before != after).count();
            assert_eq!((other, before.lines().count()), (1, after.lines().count()));
        }
    }

    #[test]
    fn what_cargo_built_is_read_off() {
        let said = "    Checking by-hand v0.0.0 (/x)\n   Compiling serde v1.0.229\n    Finished `dev` profile\n";
        assert_eq!(built(said), ["by-hand", "serde"]);
    }
}
