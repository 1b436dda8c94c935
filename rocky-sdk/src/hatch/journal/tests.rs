//! The journal under faults: what is acknowledged is there, what is not is never believed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use uuid::Uuid;

use super::{Journal, JournalOptions, Kind, Line, OpenError, Ticket, WriteError, faults::Hand, rig::patiently};
use crate::hatch::{
    Record, ScanError,
    event::{Actor, Event},
    pending, records,
    relay::durable,
};

fn options() -> JournalOptions {
    let mut options = JournalOptions::new("test");
    options.open_actions = 4;
    options.event_bytes = 4096;
    options.waiting_bytes = 64 << 10;
    options
}

struct Bench {
    _home: TempDir,
    folder: PathBuf,
    hand: Hand,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("hatch");
        Bench { _home: home, folder, hand: Hand::default() }
    }

    fn open(&self) -> Journal {
        let open = || {
            let hand = self.hand.clone();
            Journal::open_over(&self.folder, options(), move |storage| hand.over(storage))
        };
        patiently(open).unwrap()
    }

    /// Opens it, writes these, and closes it.
    async fn closed_with(&self, kinds: &[&str]) {
        let journal = self.open();
        for kind in kinds {
            written(put(&journal, kind).await).await.unwrap();
        }
        journal.close();
    }

    fn lines(&self) -> Vec<Record> {
        records(&self.folder).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn segment(&self) -> PathBuf {
        self.folder.join("00000001.jsonl")
    }
}

fn line(source: &str, kind: &str, actionid: Option<Uuid>, fill: usize) -> Line {
    let data = serde_json::json!({ "fill": "x".repeat(fill) });
    let event =
        Event { kind, subject: None, who: Actor::default(), actionid, requestid: None, traceparent: None, data };
    Line { body: event.stamped(source).unwrap(), actionid }
}

fn body(kind: &str, actionid: Option<Uuid>, fill: usize) -> Line {
    line("/rocky/test/1", kind, actionid, fill)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

async fn put(journal: &Journal, kind: &str) -> Ticket {
    journal.append(line(journal.source(), kind, None, 10), Kind::Other, soon()).await.unwrap()
}

async fn written(ticket: Ticket) -> Result<(), WriteError> {
    durable(ticket, soon()).await
}

fn body_of(journal: &Journal, kind: &str, actionid: Uuid, fill: usize) -> Line {
    line(journal.source(), kind, Some(actionid), fill)
}

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
async fn one_sync_serves_all_that_wait() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| faults.hang = true);
    let mut tickets = vec![put(&journal, "a.first").await];
    // The writer is at its sync with the first; the rest wait together.
    while bench.lines_written() < 2 {
        tokio::task::yield_now().await;
    }
    let before = bench.hand.now().syncs;
    for _ in 0..50 {
        tickets.push(put(&journal, "a.more").await);
    }
    bench.hand.set(|faults| faults.hang = false);
    for ticket in tickets {
        written(ticket).await.unwrap();
    }
    assert_eq!(bench.hand.now().syncs - before, 2);
}

impl Bench {
    /// The lines in the file, durable or not, without the blanks behind them.
    fn written(&self) -> String {
        fs::read_to_string(self.segment()).unwrap().trim_end_matches(' ').to_owned()
    }

    /// How many there are.
    fn lines_written(&self) -> usize {
        self.written().lines().count()
    }
}

#[tokio::test]
async fn nobody_is_told_before_the_sync() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| faults.hang = true);
    let ticket = put(&journal, "a.one").await;
    while bench.lines_written() < 2 {
        tokio::task::yield_now().await;
    }
    let early = durable(ticket, Instant::now() + Duration::from_millis(100)).await;
    assert_eq!(early, Err(WriteError::Late));
    bench.hand.set(|faults| faults.hang = false);
}

#[tokio::test]
async fn a_failed_write_is_taken_back_and_the_next_one_works() {
    let bench = Bench::new();
    let journal = bench.open();
    let before = bench.written();
    bench.hand.set(|faults| faults.append = Some((100, std::io::ErrorKind::Other)));
    let refused = written(put(&journal, "a.lost").await).await;
    assert!(matches!(refused, Err(WriteError::Io(_))), "{refused:?}");
    assert_eq!(bench.written(), before);
    assert!(journal.trouble().is_some());
    bench.hand.set(|faults| faults.append = None);
    written(put(&journal, "a.kept").await).await.unwrap();
    assert_eq!(journal.trouble(), None);
    assert_eq!(bench.lines().last().unwrap().kind, "a.kept");
}

#[tokio::test]
async fn a_full_disk_refuses_at_once_leaves_no_ghosts_and_keeps_room_for_outcomes() {
    let bench = Bench::new();
    let journal = bench.open();
    let place = journal.reserve(soon()).await.unwrap();
    let actionid = Uuid::now_v7();
    let started = body_of(&journal, "a.started", actionid, 10);
    written(journal.append(started, Kind::Other, soon()).await.unwrap()).await.unwrap();
    let before = bench.lines_written();

    bench.hand.set(|faults| faults.room = Some(700));
    bench.hand.set(|faults| faults.hang = true);
    let head = put(&journal, "a.head").await;
    while bench.lines_written() == before {
        tokio::task::yield_now().await;
    }
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(put(&journal, "a.ghost").await);
    }
    let outcome = body_of(&journal, "a.succeeded", actionid, 10);
    let outcome = journal.append_reserved(outcome, &place).unwrap();
    bench.hand.set(|faults| faults.hang = false);
    written(head).await.unwrap();
    for ticket in waiting {
        assert_eq!(written(ticket).await, Err(WriteError::NoSpace));
    }
    written(outcome).await.unwrap();
    assert_eq!(written(put(&journal, "a.ghost").await).await, Err(WriteError::NoSpace));
    assert!(journal.trouble().unwrap().contains("disk is full"));
    let kinds: Vec<_> = bench.lines().into_iter().map(|line| line.kind).collect();
    assert_eq!(kinds, ["segment.opened", "a.started", "a.head", "a.succeeded"]);

    // Nobody has to come for the journal to see that there is room again.
    bench.hand.set(|faults| faults.room = None);
    let patience = Instant::now() + Duration::from_secs(10);
    while journal.trouble().is_some() {
        assert!(Instant::now() < patience);
        tokio::task::yield_now().await;
    }
    written(put(&journal, "a.again").await).await.unwrap();
}

#[tokio::test]
async fn a_failed_sync_poisons_for_good() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| faults.sync = true);
    let doomed = written(put(&journal, "a.uncertain").await).await;
    assert!(matches!(doomed, Err(WriteError::Poisoned(_))));
    bench.hand.set(|faults| faults.sync = false);
    let after = journal.append(body("a.after", None, 1), Kind::Other, soon()).await;
    assert!(matches!(after, Err(WriteError::Poisoned(_))));
    assert!(journal.trouble().unwrap().contains("fdatasync failed"));
    // What was written is left as it is: nobody knows what the disk has of it.
    assert_eq!(bench.lines_written(), 2);
}

#[tokio::test]
async fn a_batch_that_cannot_be_taken_back_poisons() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| {
        faults.append = Some((100, std::io::ErrorKind::Other));
        faults.cut_back = true;
    });
    assert!(matches!(written(put(&journal, "a.lost").await).await, Err(WriteError::Poisoned(_))));
}

#[tokio::test]
async fn what_waits_is_bounded_and_an_outcome_has_its_place() {
    let bench = Bench::new();
    let journal = bench.open();
    let place = journal.reserve(soon()).await.unwrap();
    bench.hand.set(|faults| faults.hang = true);
    let mut waiting = Vec::new();
    let full = loop {
        assert!(waiting.len() < 100, "nothing bounds what waits");
        let limit = Instant::now() + Duration::from_millis(50);
        match journal.append(body("a.fill", None, 3000), Kind::Other, limit).await {
            Ok(ticket) => waiting.push(ticket),
            Err(error) => break error,
        }
    };
    assert_eq!(full, WriteError::Full);
    assert!((10..30).contains(&waiting.len()), "{}", waiting.len());
    let outcome = journal.append_reserved(body_of(&journal, "a.done", Uuid::now_v7(), 3000), &place).unwrap();
    bench.hand.set(|faults| faults.hang = false);
    written(outcome).await.unwrap();
    for ticket in waiting {
        written(ticket).await.unwrap();
    }
}

#[tokio::test]
async fn more_open_actions_than_places_are_refused_in_time() {
    let bench = Bench::new();
    let journal = bench.open();
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(journal.reserve(soon()).await.unwrap());
    }
    let refused = journal.reserve(Instant::now() + Duration::from_millis(50)).await;
    assert!(matches!(refused, Err(WriteError::Full)));
    places.pop();
    assert!(journal.reserve(soon()).await.is_ok());
}

#[tokio::test]
async fn an_event_over_the_limit_is_refused() {
    let bench = Bench::new();
    let journal = bench.open();
    let refused = journal.append(body("a.large", None, 5000), Kind::Other, soon()).await;
    assert!(matches!(refused, Err(WriteError::TooLarge(_))));
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

#[tokio::test]
async fn a_journal_that_was_moved_away_refuses_and_goes_on_when_it_is_back() {
    let bench = Bench::new();
    let journal = bench.open();
    let away = bench.folder.with_extension("away");
    fs::rename(&bench.folder, &away).unwrap();
    assert!(matches!(written(put(&journal, "a.lost").await).await, Err(WriteError::Displaced(_))));
    assert!(journal.trouble().is_some());
    fs::rename(&away, &bench.folder).unwrap();
    assert_eq!(journal.trouble(), None);
    written(put(&journal, "a.kept").await).await.unwrap();
    assert_eq!(bench.lines().last().unwrap().kind, "a.kept");
    assert_eq!(bench.lines().len(), 2);
}

#[tokio::test]
async fn a_journal_moved_away_in_the_middle_of_a_write_acknowledges_nothing() {
    let bench = Bench::new();
    let journal = bench.open();
    bench.hand.set(|faults| faults.hang = true);
    let ticket = put(&journal, "a.lost").await;
    while bench.lines_written() < 2 {
        tokio::task::yield_now().await;
    }
    let away = bench.folder.with_extension("away");
    fs::rename(&bench.folder, &away).unwrap();
    bench.hand.set(|faults| faults.hang = false);
    assert!(matches!(written(ticket).await, Err(WriteError::Displaced(_))));
    fs::rename(&away, &bench.folder).unwrap();
    assert_eq!(bench.lines().len(), 1, "the refused line was taken back");
}

#[tokio::test]
async fn a_deleted_replaced_or_cut_journal_is_noticed_before_the_next_acknowledgement() {
    let changes: [fn(&Path); 4] = [
        |path| fs::remove_file(path).unwrap(),
        |path| {
            let content = fs::read(path).unwrap();
            fs::remove_file(path).unwrap();
            fs::write(path, content).unwrap();
        },
        |path| fs::OpenOptions::new().write(true).open(path).unwrap().set_len(10).unwrap(),
        |path| {
            use std::io::Write;
            fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"{}\n").unwrap();
        },
    ];
    for change in changes {
        let bench = Bench::new();
        let journal = bench.open();
        written(put(&journal, "a.one").await).await.unwrap();
        change(&bench.segment());
        let changed = fs::read(bench.segment()).ok();
        let refused = written(put(&journal, "a.two").await).await;
        assert!(matches!(refused, Err(WriteError::Displaced(_) | WriteError::Poisoned(_))), "{refused:?}");
        assert_eq!(fs::read(bench.segment()).ok(), changed, "what another hand did is left as evidence");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_many_writers_were_told_is_what_is_there() {
    let bench = Bench::new();
    let journal = std::sync::Arc::new(bench.open());
    let writers: Vec<_> = (0..64)
        .map(|_| {
            let journal = std::sync::Arc::clone(&journal);
            tokio::spawn(async move {
                for _ in 0..20 {
                    written(put(&journal, "a.line").await).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(bench.lines().len(), 1 + 64 * 20);
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
