//! Kill -9 while the driver works: the next start knows, and `reconcile` makes journal, row and processes agree again.

use std::{fs, net::TcpListener, os::unix::fs::OpenOptionsExt};

use rustix::process::{Signal, kill_process};
use serde_json::json;
use sqlx::Connection;

use crate::console::{Console, Home, WORKSPACES, page, processes_of, read_answer, until};

fn stdout(output: std::process::Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

/// Puts what looks like an earlier workspace's remains in the way: the driver asks somebody who accepts and never
/// answers, so it works for more than a second.
fn slow_provision(home: &Home) -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = home.workspace("acme");
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, content: serde_json::Value| {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(folder.join(name)).unwrap();
        std::io::Write::write_all(&mut file, content.to_string().as_bytes()).unwrap();
    };
    let actionid = "01890000-0000-7000-8000-000000000000";
    write("spec.json", json!({"slug": "acme", "tenant": "local", "tier": "solo", "nonce": "n", "actionid": actionid}));
    write("address.json", json!({"port": port, "pid": 1}));
    listener
}

/// Begins the request and kills the console once acme is claimed, which is when its driver's turn comes: it works for
/// more than a second.
fn kill_in(home: &Home, console: Console, method: &str, path: &str, body: Option<serde_json::Value>, claimed: &str) {
    let before = home.events().len();
    let _request = console.begin(method, path, body).unwrap();
    until("the claim", || console.state("acme").as_deref() == Some(claimed));
    console.kill();
    assert_eq!(home.events().len(), before + 1, "started, and no outcome");
}

fn agree_that_it_is_gone(home: &Home, console: &Console) {
    assert_eq!(console.get("acme").status, 404);
    assert!(processes_of(&home.path).is_empty());
    assert!(!home.workspace("acme").exists());
    assert!(stdout(home.run("pending")).contains("every action has its outcome"));
}

#[test]
fn in_a_provision_settled_beside_a_running_console() {
    let home = Home::new();
    let console = home.serve();
    let _slow = slow_provision(&home);
    kill_in(&home, console, "POST", WORKSPACES, Some(json!({"slug": "acme", "tier": "solo"})), "provisioning");

    assert!(stdout(home.run("pending")).contains("hearth.provisioning_started"));
    let console = home.serve();
    assert!(home.log().contains("no outcome"), "the next start lists it");
    assert_eq!(console.get("acme").json()["state"], "unsettled");
    assert_eq!(console.upgrade("acme", "team").is(), (409, "unsettled".to_owned()));
    assert_eq!(console.decommission("acme").is(), (409, "unsettled".to_owned()));
    assert!(stdout(home.run("pending")).contains("acme"));
    let settled = home.run("reconcile");
    assert!(settled.status.success());
    assert!(stdout(settled).contains("settled: it failed"));
    agree_that_it_is_gone(&home, &console);
    let story = home.story();
    assert_eq!(story.last().unwrap(), "hearth.failed reconciled");
    assert!(stdout(home.run("reconcile")).contains("nothing to settle"));
    assert_eq!(console.provision("acme", "solo").status, 200);
    assert_eq!(console.decommission("acme").status, 200);
}

#[test]
fn in_a_provision_settled_without_a_console() {
    let home = Home::new();
    let console = home.serve();
    let _slow = slow_provision(&home);
    kill_in(&home, console, "POST", WORKSPACES, Some(json!({"slug": "acme", "tier": "solo"})), "provisioning");
    let settled = home.run("reconcile");
    assert!(settled.status.success());
    assert!(stdout(settled).contains("settled: it failed"));
    let console = home.serve();
    agree_that_it_is_gone(&home, &console);
}

/// Puts acme's row back to where its provision had just claimed it.
fn as_the_claim_left_it(home: &Home, actionid: String) {
    let path = format!("sqlite://{}", home.path.join("rocky.db").display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(&path).await.unwrap();
        let sql = "UPDATE workspaces SET state = 'provisioning', url = NULL, claim = ?, doing = 'provision'";
        let changed = sqlx::query(sql).bind(actionid).execute(&mut connection).await.unwrap();
        assert_eq!(changed.rows_affected(), 1);
        connection.close().await.unwrap();
    });
}

/// The workspace was made and answers; only the outcome is missing.
#[test]
fn in_a_provision_whose_workspace_answers() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "team").status, 200);
    console.kill();
    // The same home, as if the crash had come between the driver's work and the outcome: the last line never landed, and
    // the row is as the claim left it.
    let segment = home.hatch().join("00000001.jsonl");
    let journal = fs::read_to_string(&segment).unwrap();
    let kept: Vec<&str> = journal.lines().take(2).collect();
    fs::write(&segment, kept.join("\n") + "\n").unwrap();
    let actionid = home.events()[0].actionid.unwrap();
    as_the_claim_left_it(&home, actionid.to_string());

    let console = home.serve();
    assert_eq!(console.get("acme").json()["state"], "unsettled");
    assert!(stdout(home.run("reconcile")).contains("settled: it succeeded"));
    let row = console.get("acme").json();
    assert_eq!((row["state"].as_str(), row["tier"].as_str()), (Some("active"), Some("team")));
    assert!(page(row["url"].as_str().unwrap()).unwrap().contains("team"));
    assert_eq!(home.story().last().unwrap(), "hearth.provisioned reconciled");
    assert_eq!(console.decommission("acme").status, 200);
}

#[test]
fn in_an_upgrade() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    let pid = home.pid("acme");
    kill_process(pid, Signal::STOP).unwrap();
    kill_in(&home, console, "POST", &format!("{WORKSPACES}/acme/upgrade"), Some(json!({"tier": "team"})), "upgrading");
    kill_process(pid, Signal::CONT).unwrap();
    let console = home.serve();
    assert_eq!(console.decommission("acme").is(), (409, "unsettled".to_owned()));
    let settled = stdout(home.run("reconcile"));
    assert!(settled.contains("settled: it failed"), "{settled}");
    let row = console.get("acme").json();
    assert_eq!((row["state"].as_str(), row["tier"].as_str()), (Some("active"), Some("solo")));
    assert_eq!(console.upgrade("acme", "team").status, 200);
    assert_eq!(console.decommission("acme").status, 200);
}

/// It is looked at, and not gone through with: the row is as it was, and what is amiss is seen.
#[test]
fn in_a_repair() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    let pid = home.pid("acme");
    kill_process(pid, Signal::STOP).unwrap();
    kill_in(&home, console, "POST", &format!("{WORKSPACES}/acme/repair"), None, "upgrading");
    let console = home.serve();
    assert_eq!(console.get("acme").json()["found"], serde_json::Value::Null);
    assert_eq!(console.repair("acme").is(), (409, "unsettled".to_owned()));
    let settled = stdout(home.run("reconcile"));
    assert!(settled.contains("settled: it failed"), "{settled}");
    let row = console.get("acme").json();
    assert_eq!((row["state"].as_str(), row["found"].as_str()), (Some("active"), Some("broken")));
    assert_eq!(console.repair("acme").status, 200);
    assert_eq!(console.get("acme").json()["found"], "serving");
    assert_ne!(home.pid("acme"), pid);
    assert_eq!(console.decommission("acme").status, 200);
    agree_that_it_is_gone(&home, &console);
}

#[test]
fn in_a_decommission_which_the_next_start_finishes() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    kill_process(home.pid("acme"), Signal::STOP).unwrap();
    kill_in(&home, console, "DELETE", &format!("{WORKSPACES}/acme"), None, "decommissioning");
    let console = home.serve();
    until("the decommission", || console.get("acme").status == 404);
    agree_that_it_is_gone(&home, &console);
    assert_eq!(home.story().last().unwrap(), "hearth.decommissioned reconciled");
}

/// A decommission whose driver is at work for more than a second: its workspace is stopped.
fn slow_decommission(home: &Home, console: &Console) -> std::net::TcpStream {
    assert_eq!(console.provision("acme", "solo").status, 200);
    kill_process(home.pid("acme"), Signal::STOP).unwrap();
    let request = console.begin("DELETE", &format!("{WORKSPACES}/acme"), None).unwrap();
    until("the claim", || console.state("acme").as_deref() == Some("decommissioning"));
    assert_eq!(home.events().len(), 3, "started, and no outcome yet");
    request
}

#[test]
fn a_client_that_hangs_up_still_gets_its_outcome_written() {
    let home = Home::new();
    let console = home.serve();
    drop(slow_decommission(&home, &console));
    until("the outcome", || home.events().len() == 4);
    assert_eq!(home.story().last().unwrap(), "hearth.decommissioned succeeded");
}

#[test]
fn sigterm_waits_for_what_runs() {
    let home = Home::new();
    let console = home.serve();
    let request = slow_decommission(&home, &console);
    assert_eq!(console.stop().0, Some(0));
    assert_eq!(read_answer(request).unwrap().status, 200);
    assert_eq!(home.story().last().unwrap(), "hearth.decommissioned succeeded");
}
