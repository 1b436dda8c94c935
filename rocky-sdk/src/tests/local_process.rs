//! `LocalProcess` with commands that are no workspace: nothing of them is left. And with one that is: it is repaired.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    Admin, Billing, Credentials, Doors, Limits, LocalAuth, Observer, Tier,
    hatch::{Journal, JournalOptions, records},
    hearth::{
        Decommission, DeploymentRef, Found, Hearth, LocalProcess, Looked, Provision, Repair, Rows, ServeError,
        serve_workspace,
    },
};

/// What the driver of these tests starts: this very program, as a workspace. Whoever starts it by hand is told so.
#[test]
fn a_workspace_that_no_driver_started_does_not_serve() {
    assert!(matches!(serve_workspace(), Err(ServeError::NotStarted)));
}

/// Starts that test and no other, and hands on its `ready PORT` from among what a test prints.
const AS_A_WORKSPACE: &str = r#"
    "$0" --exact tests::local_process::a_workspace_that_no_driver_started_does_not_serve --nocapture |
    while read -r line; do case "$line" in *"ready "*) echo "ready ${line##*ready }" ;; esac; done
"#;

/// A home with one workspace, acme, on the tier `team`.
struct Home {
    folder: tempfile::TempDir,
    doors: Doors,
    hearth: Hearth,
    ada: Credentials,
}

impl Home {
    async fn with_acme() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let (auth, first) = LocalAuth::open(home).unwrap();
        let journal = Journal::open(&home.join("hatch"), JournalOptions::new("test")).unwrap();
        let rows = Arc::new(Rows::open(&home.join("rocky.db"), "process").await.unwrap());
        let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted);
        let doors = doors.ledger(Arc::clone(&rows) as _).build().await.unwrap();
        let itself = std::env::current_exe().unwrap();
        let command = [OsStr::new("/bin/sh"), OsStr::new("-c"), OsStr::new(AS_A_WORKSPACE), itself.as_os_str()];
        let driver = LocalProcess::new(command, &home.join("workspaces")).unwrap();
        let (hearth, _) = Hearth::new(&doors, rows, driver).unwrap();
        let home = Home { doors, hearth, ada: Credentials::bearer(first.unwrap().token), folder };
        let authenticated = home.doors.authenticate::<Admin>(&home.ada).await.unwrap();
        let audited = authenticated.audit(Provision { slug: "acme".parse().unwrap(), tier: Tier::Team }).await.unwrap();
        let hearth = home.hearth.clone();
        let made = audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await;
        assert_eq!(made.unwrap().value().unwrap().tier, Tier::Team);
        home
    }

    async fn repair(&self) -> DeploymentRef {
        let authenticated = self.doors.authenticate::<Admin>(&self.ada).await.unwrap();
        let audited = authenticated.audit(Repair { slug: "acme".parse().unwrap() }).await.unwrap();
        let hearth = self.hearth.clone();
        audited.perform(hearth, |token, hearth| Box::pin(hearth.repair(token))).await.unwrap().value().unwrap()
    }

    async fn look(&self) -> Looked {
        let who = self.doors.authenticate::<Observer>(&self.ada).await.unwrap();
        self.hearth.workspaces(&who).look(&"acme".parse().unwrap()).await.unwrap()
    }

    /// Waits until a look finds this.
    async fn until(&self, found: Found) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        loop {
            let looked = self.look().await;
            if looked.found == Some(found) {
                return;
            }
            assert!(tokio::time::Instant::now() < patience, "{found:?} never came: {looked:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Takes acme away again, and with it its process.
    async fn leave(self) {
        let authenticated = self.doors.authenticate::<Admin>(&self.ada).await.unwrap();
        let audited = authenticated.audit(Decommission { slug: "acme".parse().unwrap() }).await.unwrap();
        let hearth = self.hearth.clone();
        let gone = audited.perform(hearth, |token, hearth| Box::pin(hearth.decommission(token))).await;
        assert_eq!(gone.unwrap().value().unwrap().url, None);
        self.doors.shutdown(Duration::from_secs(5)).await.unwrap();
        assert!(!self.acme().exists());
    }

    fn acme(&self) -> PathBuf {
        self.folder.path().join("workspaces/acme")
    }

    fn file(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.acme().join(name)).unwrap()).unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.file("address.json")["pid"].as_i64().unwrap()).unwrap()).unwrap()
    }

    /// What the journal says of the last action.
    fn story(&self) -> Vec<String> {
        let lines: Vec<_> = records(&self.folder.path().join("hatch")).unwrap().map(Result::unwrap).collect();
        let last = lines.iter().rev().find_map(|line| line.actionid);
        lines.into_iter().filter(|line| line.actionid == last).map(|line| line.kind).collect()
    }
}

/// A process that has ended, waited for or not, has no environment any more.
fn lives(pid: Pid) -> bool {
    !std::fs::read(Path::new("/proc").join(pid.as_raw_nonzero().to_string()).join("environ"))
        .unwrap_or_default()
        .is_empty()
}

const REPAIRED: [&str; 2] = ["hearth.repair_started", "hearth.repaired"];

#[tokio::test]
async fn one_whose_process_was_killed_is_started_again_from_its_spec() {
    let home = Home::with_acme().await;
    let (before, spec, pid) = (home.look().await, home.file("spec.json"), home.pid());
    assert_eq!(before.found, Some(Found::Serving));
    std::fs::write(home.acme().join("data"), "kept").unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    home.until(Found::Broken).await;
    assert_eq!(home.look().await.row, before.row, "nothing is mended silently");
    let repaired = home.repair().await;
    assert_eq!(home.look().await, Looked { row: repaired, found: Some(Found::Serving) });
    assert_eq!(home.story(), REPAIRED);
    assert_eq!(home.file("spec.json"), spec);
    assert!(home.pid() != pid && lives(home.pid()));
    assert_eq!(std::fs::read_to_string(home.acme().join("data")).unwrap(), "kept");
    home.leave().await;
}

#[tokio::test]
async fn one_that_hangs_is_started_again() {
    let home = Home::with_acme().await;
    let pid = home.pid();
    kill_process(pid, Signal::STOP).unwrap();
    assert_eq!(home.look().await.found, Some(Found::Broken));
    home.repair().await;
    assert_eq!(home.look().await.found, Some(Found::Serving));
    assert!(home.pid() != pid && !lives(pid));
    home.leave().await;
}

#[tokio::test]
async fn one_whose_folder_was_deleted_is_made_anew() {
    let home = Home::with_acme().await;
    let (spec, pid) = (home.file("spec.json"), home.pid());
    std::fs::remove_dir_all(home.acme()).unwrap();
    assert_eq!(home.look().await.found, Some(Found::Absent));
    let repaired = home.repair().await;
    assert_eq!(home.look().await, Looked { row: repaired, found: Some(Found::Serving) });
    assert_eq!(home.story(), REPAIRED);
    assert!(home.pid() != pid && !lives(pid), "the one of the folder before is ended");
    let anew = home.file("spec.json");
    for same in ["slug", "tenant", "tier"] {
        assert_eq!(anew[same], spec[same]);
    }
    assert_ne!(anew["nonce"], spec["nonce"]);
    let last = records(&home.folder.path().join("hatch")).unwrap().last().unwrap().unwrap();
    assert_eq!(anew["actionid"].as_str(), last.actionid.map(|id| id.to_string()).as_deref(), "the repair made it");
    home.leave().await;
}

#[tokio::test]
async fn one_whose_spec_is_garbage_is_made_anew_and_keeps_its_data() {
    let home = Home::with_acme().await;
    let pid = home.pid();
    std::fs::write(home.acme().join("data"), "kept").unwrap();
    std::fs::write(home.acme().join("spec.json"), "{").unwrap();
    assert_eq!(home.look().await.found, Some(Found::Broken));
    home.repair().await;
    assert_eq!(home.look().await.found, Some(Found::Serving));
    assert!(home.pid() != pid && !lives(pid));
    assert_eq!(home.file("spec.json")["tier"], "team");
    assert_eq!(std::fs::read_to_string(home.acme().join("data")).unwrap(), "kept");
    home.leave().await;
}

#[tokio::test]
async fn one_that_answers_is_left_as_it_is() {
    let home = Home::with_acme().await;
    let (before, spec, address) = (home.look().await, home.file("spec.json"), home.file("address.json"));
    assert_eq!(home.repair().await, before.row);
    assert_eq!(home.story(), REPAIRED);
    assert_eq!(home.look().await, before);
    assert_eq!((home.file("spec.json"), home.file("address.json")), (spec, address));
    home.leave().await;
}

/// Somebody gave it a higher tier by hand.
#[tokio::test]
async fn one_with_another_tier_gets_its_rows_tier_back() {
    let home = Home::with_acme().await;
    let (before, spec, pid) = (home.look().await, home.file("spec.json"), home.pid());
    let changed = spec.to_string().replace("\"team\"", "\"business\"");
    std::fs::write(home.acme().join("spec.json"), changed).unwrap();
    assert_eq!(home.look().await.found, Some(Found::Different));
    assert_eq!(home.repair().await, before.row);
    assert_eq!(home.look().await, before);
    assert_eq!((home.file("spec.json"), home.pid()), (spec, pid), "the same process");
    home.leave().await;
}

/// Provisions with this command as the workspace; the answer's status and what the outcome says.
async fn provision_with(command: &[&str]) -> (u16, String, Vec<std::path::PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let (auth, first) = LocalAuth::open(home).unwrap();
    let journal = Journal::open(&home.join("hatch"), JournalOptions::new("test")).unwrap();
    let rows = Arc::new(Rows::open(&home.join("rocky.db"), "process").await.unwrap());
    let limits = Limits { driver: Duration::from_secs(5), ..Limits::default() };
    let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted);
    let doors = doors.ledger(Arc::clone(&rows) as _).limits(limits).build().await.unwrap();
    let driver = LocalProcess::new(command, &home.join("workspaces")).unwrap();
    let (hearth, _) = Hearth::new(&doors, rows, driver).unwrap();
    let credentials = Credentials::bearer(first.unwrap().token);
    let authenticated = doors.authenticate::<Admin>(&credentials).await.unwrap();
    let audited = authenticated.audit(Provision { slug: "acme".parse().unwrap(), tier: Tier::Solo }).await.unwrap();
    let refusal = audited.perform(hearth, |token, hearth| Box::pin(hearth.provision(token))).await.unwrap_err();
    doors.shutdown(Duration::from_secs(5)).await.unwrap();
    let outcome = records(&home.join("hatch")).unwrap().last().unwrap().unwrap();
    assert_eq!(outcome.kind, "hearth.failed");
    let left = std::fs::read_dir(home.join("workspaces")).unwrap().map(|entry| entry.unwrap().path()).collect();
    (refusal.status(), outcome.data_text("error").unwrap(), left)
}

#[tokio::test]
async fn a_command_that_is_not_there_or_ends_at_once_leaves_nothing() {
    let (status, error, left) = provision_with(&["/nowhere/workspace"]).await;
    assert_eq!(status, 502);
    assert!(error.contains("could not be started"), "{error}");
    assert!(left.is_empty(), "{left:?}");
    let (status, error, left) = provision_with(&["/bin/true"]).await;
    assert_eq!(status, 502);
    assert!(error.contains("ended before it answered"), "{error}");
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_command_that_never_answers_is_ended() {
    let marker = format!("31{}.5", std::process::id());
    let (status, error, left) = provision_with(&["/bin/sleep", &marker]).await;
    assert_eq!((status, error.as_str()), (502, "the driver took too long"));
    assert!(left.is_empty(), "{left:?}");
    let lives = std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == marker.as_bytes())
    });
    assert!(!lives, "the child lives on");
}
