//! `LocalProcess` with commands that are no workspace: nothing of them is left.

use std::{sync::Arc, time::Duration};

use crate::{
    Admin, Billing, Credentials, Doors, Limits, LocalAuth, Tier,
    hatch::{Journal, JournalOptions, records},
    hearth::{Hearth, LocalProcess, Provision, Rows},
};

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
