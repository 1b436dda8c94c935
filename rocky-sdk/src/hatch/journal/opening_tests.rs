//! Opening a journal: what was written is read back, what a crash left is saved aside, and what cannot be trusted is
//! refused.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use uuid::Uuid;

use super::{
    Journal, JournalOptions, Kind, OpenError,
    rig::patiently,
    small_journal::{Bench, body_of, options, put, soon, written},
};
use crate::hatch::{ScanError, pending, records};

#[tokio::test]
async fn lines_are_chained_and_read_back_after_a_restart() {
    let bench = Bench::new();
    bench.closed_with(&["a.one", "a.two"]).await;
    let journal = bench.open();
    written(put(&journal, "a.three").await).await.unwrap();
    let kinds: Vec<_> = bench.lines().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.one", "a.two", "a.three"]);
    let line = fs::read_to_string(bench.segment()).unwrap().lines().next().unwrap().to_owned();
    for field in
        ["\"specversion\":\"1.0\"", "\"datacontenttype\":\"application/json\"", "\"dataschema\":\"urn:rocky:hatch:1\""]
    {
        assert!(line.contains(field), "{line}");
    }
    assert!(line.contains(&format!("\"sequence\":\"{:020}\"", 1)));
    assert_eq!(&line[line.len() - 75..line.len() - 66], ",\"hash\":\"");
}

#[tokio::test]
async fn a_torn_tail_is_saved_aside_cut_off_and_recorded() {
    let bench = Bench::new();
    let journal = bench.open();
    written(put(&journal, "a.whole").await).await.unwrap();
    journal.close();
    drop(journal);
    let whole = fs::read(bench.segment()).unwrap();
    let torn = &whole[..whole.len() / 3];
    fs::write(bench.segment(), [&whole[..], torn].concat()).unwrap();
    assert_eq!(bench.lines().len(), 2, "a reader without the lock tolerates it");
    let journal = bench.open();
    let lines = bench.lines();
    assert_eq!(lines.last().unwrap().kind, "log.recovered");
    let saved = lines.last().unwrap().data_text("saved_as").unwrap();
    assert_eq!(fs::read(bench.folder.join(saved)).unwrap(), torn);
    written(put(&journal, "a.next").await).await.unwrap();
    assert_eq!(bench.lines().len(), 4);
}

#[tokio::test]
async fn a_first_line_that_never_landed_begins_again() {
    let bench = Bench::new();
    bench.open().close();
    fs::write(bench.segment(), b"{\"spec").unwrap();
    fs::remove_file(bench.folder.join("checkpoints.signed")).unwrap();
    let journal = bench.open();
    written(put(&journal, "a.one").await).await.unwrap();
    let kinds: Vec<_> = bench.lines().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "log.recovered", "a.one"]);
}

#[tokio::test]
async fn damage_anywhere_refuses_to_open_says_where_and_changes_nothing() {
    let bench = Bench::new();
    bench.closed_with(&["a.one", "a.two", "a.three"]).await;
    let good = fs::read(bench.segment()).unwrap();
    for at in 0..good.len() - 1 {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(bench.segment(), &bad).unwrap();
        let verdict = records(&bench.folder).unwrap().collect::<Result<Vec<_>, _>>();
        assert!(verdict.is_err(), "byte {at} was flipped and nobody noticed");
    }
    let mut lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    lines.swap(1, 2);
    let swapped = lines.concat();
    fs::write(bench.segment(), &swapped).unwrap();
    let refused = Journal::open(&bench.folder, options()).unwrap_err();
    assert!(matches!(&refused, OpenError::Scan(ScanError::Damaged { line: 2, .. })), "{refused}");
    assert!(refused.to_string().contains("line 2"));
    assert_eq!(fs::read(bench.segment()).unwrap(), swapped);
}

/// A line that was changed and hashed anew is found by the line after it.
#[tokio::test]
async fn a_forged_line_breaks_the_chain() {
    let bench = Bench::new();
    bench.closed_with(&["a.one", "a.two"]).await;
    let text = fs::read_to_string(bench.segment()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let before = lines[1][..lines[1].len() - 75].replace("a.one", "a.won");
    lines[1] = format!("{before},\"hash\":\"{}\"}}", crate::hatch::sealed(&before));
    fs::write(bench.segment(), lines.join("\n") + "\n").unwrap();
    let refused = Journal::open(&bench.folder, options()).unwrap_err();
    assert!(matches!(&refused, OpenError::Scan(ScanError::Damaged { line: 3, .. })), "{refused}");
}

#[tokio::test]
async fn started_events_without_an_outcome_are_found_at_open() {
    let bench = Bench::new();
    let journal = bench.open();
    let (open, done) = (Uuid::now_v7(), Uuid::now_v7());
    for (kind, actionid) in [("a.started", open), ("a.started", done), ("a.succeeded", done)] {
        let body = body_of(&journal, kind, actionid, 1);
        written(journal.append(body, Kind::Other, soon()).await.unwrap()).await.unwrap();
    }
    let listed = pending(&bench.folder).unwrap();
    assert_eq!(listed.iter().map(|tombstone| tombstone.actionid).collect::<Vec<_>>(), [open]);
    journal.close();
    drop(journal);
    assert_eq!(bench.open().tombstones()[0].actionid, open);
}

#[tokio::test]
async fn one_journal_has_one_holder() {
    let bench = Bench::new();
    let journal = bench.open();
    assert!(matches!(Journal::open(&bench.folder, options()), Err(OpenError::Held(_))));
    journal.close();
    drop(journal);
    assert!(patiently(|| Journal::open(&bench.folder, options())).is_ok());
}

#[test]
fn files_that_cannot_be_trusted_are_refused() {
    let refused = |prepare: &dyn Fn(&Path)| {
        let bench = Bench::new();
        bench.open().close();
        prepare(&bench.segment());
        Journal::open(&bench.folder, options()).unwrap_err().to_string()
    };
    let open_to_others = refused(&|path| fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap());
    assert!(open_to_others.contains("chmod 600"), "{open_to_others}");
    let link = refused(&|path| {
        fs::rename(path, path.with_extension("real")).unwrap();
        std::os::unix::fs::symlink(path.with_extension("real"), path).unwrap();
    });
    assert!(link.contains("not what belongs there"), "{link}");
    let writable_folder = refused(&|path| {
        let folder = path.parent().unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    });
    assert!(writable_folder.contains("chmod 700"), "{writable_folder}");
}

#[test]
fn what_the_journal_makes_is_closed_to_others() {
    let bench = Bench::new();
    drop(Journal::open(&bench.folder, options()).unwrap());
    for entry in fs::read_dir(&bench.folder).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
    assert_eq!(fs::metadata(&bench.folder).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn limits_that_do_not_fit_together_are_refused() {
    let bench = Bench::new();
    let refused = |change: fn(&mut JournalOptions)| {
        let mut options = options();
        change(&mut options);
        assert!(matches!(Journal::open(&bench.folder, options), Err(OpenError::Options(_))));
    };
    refused(|options| options.open_actions = 0);
    refused(|options| options.event_bytes = 4095);
    refused(|options| options.waiting_bytes = 4096 + 4 * 4096 - 1);
    refused(|options| options.waiting_bytes = usize::MAX);
    // Their product is more than a number holds.
    refused(|options| options.open_actions = 1 << 52);
    refused(|options| options.event_bytes = usize::MAX);
}
