//! The console is killed at each of its driver's calls, and what it left is settled: journal, row and engine say the
//! same.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    console::{Home, WORKSPACES, read_answer},
    engine::{Engine, IMAGE, alone},
    proxy::{Moment, Proxy},
};

/// How many consoles are killed side by side: most of the time they wait for a health check.
const LANES: usize = 4;
/// Every so many times the name is used again at once.
const AGAIN: usize = 5;

#[derive(Clone, Copy)]
enum Action {
    Provision,
    Decommission,
}

/// The console was killed at this call, and this is how it was settled.
struct Step {
    at: usize,
    call: String,
    settled: &'static str,
}

#[test]
fn a_console_that_is_killed_at_any_call_of_a_provision_leaves_what_can_be_settled() {
    let engine = alone();
    let calls = at_every_call(&engine, Action::Provision, "a provision");
    for call in [
        "GET /networks/<name>",
        "POST /networks/create",
        "POST /volumes/create",
        "POST /containers/create",
        "POST /containers/<id>/start",
        "GET /containers/<id>/json",
    ] {
        assert!(calls.contains(call), "no console was killed at {call}: {calls:?}");
    }
}

#[test]
fn a_console_that_is_killed_at_any_call_of_a_decommission_leaves_what_is_finished() {
    let engine = alone();
    let calls = at_every_call(&engine, Action::Decommission, "a decommission");
    for call in ["GET /containers/json", "DELETE /containers/<id>", "DELETE /networks/<id>", "DELETE /volumes/<name>"] {
        assert!(calls.contains(call), "no console was killed at {call}: {calls:?}");
    }
}

/// At the first call, at the second one and so on, until the action is over before it comes to that many; the calls.
fn at_every_call(engine: &Engine, action: Action, what: &str) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    for moment in [Moment::Before, Moment::PassedOn] {
        let (next, end) = (AtomicUsize::new(1), AtomicUsize::new(usize::MAX));
        let steps = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..LANES {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at > end.load(Ordering::Relaxed) {
                            break;
                        }
                        match killed_at(engine, action, moment, at) {
                            Some(step) => steps.lock().unwrap().push(step),
                            None => {
                                end.fetch_min(at, Ordering::Relaxed);
                            }
                        }
                    }
                });
            }
        });
        let mut steps = steps.into_inner().unwrap();
        steps.sort_by_key(|step| step.at);
        let heading = match moment {
            Moment::Before => format!("{what}, killed before the engine heard of the call"),
            Moment::PassedOn => format!("{what}, killed once the engine had heard it"),
        };
        print(&heading, &steps);
        // None was left out: it was killed at each call up to the last one.
        let missed = (1..end.into_inner()).find(|at| steps.iter().all(|step| step.at != *at));
        assert_eq!(missed, None, "{heading}");
        calls.extend(steps.into_iter().map(|step| step.call));
    }
    calls
}

/// Kills a console at this call of its action; nothing where the action is over before it comes to that many.
fn killed_at(engine: &Engine, action: Action, moment: Moment, at: usize) -> Option<Step> {
    let home = Home::new(engine);
    let kind = match action {
        Action::Provision => "provision",
        Action::Decommission => "decommission",
    };
    let when = match moment {
        Moment::Before => "before",
        Moment::PassedOn => "after",
    };
    let slug = format!("{kind}-{when}-{at}");
    let proxy = Proxy::to(&home.api, home.file("engine.sock"));
    let console = home.serve_with(&proxy.host(), IMAGE);
    if let Action::Decommission = action {
        assert_eq!(console.provision(&slug, "solo").status, 200, "{}", home.log());
    }
    let before = home.events().len();
    proxy.strike(console.pid(), at, moment);
    let answer = match action {
        Action::Provision => console.begin_provision(&slug, "solo").and_then(read_answer),
        Action::Decommission => console.try_send("DELETE", &format!("{WORKSPACES}/{slug}"), None),
    };
    let Some(call) = proxy.struck() else {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        return None;
    };
    assert!(answer.is_err(), "{slug}: a console that was killed answered");
    console.was_killed();
    assert_eq!(home.events().len(), before + 1, "{slug}: it started, and has no outcome");
    assert_eq!(home.pending().len(), 1, "{slug}");

    // By turns: by the operator alone, and beside the next console.
    let settle_alone = at.is_multiple_of(2);
    if settle_alone {
        home.reconcile();
    }
    let console = home.serve();
    match action {
        _ if settle_alone => {}
        Action::Provision => {
            assert_eq!(console.get(&slug).json()["state"], "unsettled", "{slug}");
            home.reconcile();
        }
        // The next console finishes it by itself.
        Action::Decommission => home.awaits_the_end_of(&slug, &console),
    }
    let settled = home.what_is(&console, &slug);
    if settled.starts_with("failed") && at.is_multiple_of(AGAIN) {
        assert_eq!(console.provision(&slug, "solo").status, 200, "{slug}: its name is not free");
        assert_eq!(home.what_is(&console, &slug), "provisioned: it serves");
    }
    if let Action::Decommission = action {
        assert!(settled.starts_with("decommissioned"), "{slug}: {settled}");
    }
    Some(Step { at, call, settled })
}

/// A row for each step; one for those that follow each other and are the same.
fn print(heading: &str, steps: &[Step]) {
    let mut rows: Vec<(usize, &Step)> = Vec::new();
    for step in steps {
        match rows.last_mut() {
            Some((_, last)) if last.call == step.call && last.settled == step.settled => *last = step,
            _ => rows.push((step.at, step)),
        }
    }
    let mut table = format!("\n{heading}\n{:>7} | {:<42} | state after reconcile\n", "step", "call");
    for (from, Step { at, call, settled }) in rows {
        let steps = if from == *at { at.to_string() } else { format!("{from}-{at}") };
        table += &format!("{steps:>7} | {call:<42} | {settled}\n");
    }
    // Past the test harness, which keeps what is printed of tests that pass to itself.
    io::stdout().lock().write_all(table.as_bytes()).unwrap();
}
