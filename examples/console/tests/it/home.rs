//! What a home holds, and who may read it.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use crate::console::{Home, page};

fn closed_to_others(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        assert_eq!(meta.mode() & 0o077, 0, "{} is open to others: {:o}", path.display(), meta.mode());
        if meta.is_dir() {
            closed_to_others(&path);
        }
    }
}

#[test]
fn a_home_holds_what_it_should_and_is_closed_to_others() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    for name in ["identity.json", "token", "hatch/00000001.jsonl", "rocky.db", "workspaces/acme", "control.sock"] {
        assert!(fs::symlink_metadata(home.path.join(name)).is_ok(), "{name} is missing");
    }
    assert_eq!(fs::metadata(&home.path).unwrap().mode() & 0o777, 0o700);
    closed_to_others(&home.path);
    assert_eq!(console.decommission("acme").status, 200);
    let (code, rest) = console.stop();
    assert_eq!((code, rest.as_str()), (Some(0), ""), "one line on standard output, and no more");
    closed_to_others(&home.path);
    let token = fs::read_to_string(home.path.join("token")).unwrap();
    let log = home.log();
    assert_eq!(log.matches(token.trim()).count(), 1, "the token is printed once");
    let journal = fs::read_to_string(home.path.join("hatch/00000001.jsonl")).unwrap();
    assert!(!journal.contains(token.trim()));
}

#[test]
fn a_deleted_token_file_changes_nothing_and_a_new_token_replaces_the_old_one() {
    let home = Home::new();
    let console = home.serve();
    fs::remove_file(home.path.join("token")).unwrap();
    assert_eq!(console.get("acme").status, 404);
    let output = home.run("token");
    assert!(output.status.success());
    let new = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert_eq!(fs::read_to_string(home.path.join("token")).unwrap().trim(), new);
    assert_eq!(console.get("acme").is(), (403, "denied".to_owned()));
    console.kill();
    let console = home.serve();
    assert_eq!(console.get("acme").status, 404);
}

#[test]
fn an_observers_home_is_a_file_edit_away() {
    let home = Home::new();
    let console = home.serve();
    let identity = home.path.join("identity.json");
    let text = fs::read_to_string(&identity).unwrap();
    fs::write(&identity, text.replace("\"admin\"", "\"observer\"")).unwrap();
    assert_eq!(console.provision("acme", "solo").is(), (403, "denied".to_owned()));
    assert_eq!(console.get("acme").status, 404);
    assert_eq!(home.story(), ["auth.denied"]);
}

#[test]
fn health_is_anybodys_and_readiness_tells_why_not() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(page(&format!("http://{}/", console.address)).map(|text| text.contains("not-found")), Some(true));
    assert_eq!(console.send("GET", "/healthz", None).status, 200);
    assert_eq!(console.send("GET", "/readyz", None).status, 200);
    fs::rename(home.hatch(), home.path.join("away")).unwrap();
    let ready = console.send("GET", "/readyz", None);
    assert_eq!(ready.status, 503);
    assert!(ready.text.contains("put the journal's file back"), "{}", ready.text);
    assert_eq!(console.provision("acme", "solo").is(), (503, "hatch-unavailable".to_owned()));
    assert!(!home.workspace("acme").exists());
    fs::rename(home.path.join("away"), home.hatch()).unwrap();
    assert_eq!(console.send("GET", "/readyz", None).status, 200);
    assert_eq!(console.send("PUT", "/readyz", None).is(), (405, "method-not-allowed".to_owned()));
}

#[test]
fn a_huge_body_is_refused_over_the_wire_and_starts_nothing() {
    let home = Home::new();
    let console = home.serve();
    let huge = serde_json::json!({"slug": "acme", "tier": "solo", "x": "x".repeat(300_000)});
    // The refusal may come before all of the body is sent: then the write fails, or the answer is there already.
    if let Ok(answer) = console.try_send("POST", crate::console::WORKSPACES, Some(huge)) {
        assert_eq!(answer.is(), (413, "too-large".to_owned()));
    }
    assert!(home.events().is_empty());
    assert_eq!(console.provision("acme", "solo").status, 200);
    assert_eq!(console.decommission("acme").status, 200);
}
