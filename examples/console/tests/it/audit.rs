//! The operator's commands for the audit log.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::console::{Home, WORKSPACES, console_command, until};

/// What a command ended with, and what it printed.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn audit(home: &Home, words: &[&str]) -> Command {
    let mut command = console_command();
    command.arg("audit").args(words).arg("--home").arg(&home.path);
    command
}

fn ran(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

pub(crate) fn says(home: &Home, words: &[&str]) -> Said {
    ran(&mut audit(home, words))
}

/// A copy's verdicts, with these words more.
fn verify_copy(folder: &Path, words: &[&str]) -> Said {
    ran(console_command().args(["audit", "verify", "--folder"]).arg(folder).args(words))
}

/// The lines of a command that went well.
pub(crate) fn lines(home: &Home, words: &[&str]) -> Vec<String> {
    let said = says(home, words);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{words:?}: {said:?}");
    said.out.lines().map(str::to_owned).collect()
}

/// The verdict that begins with this word.
pub(crate) fn verdict<'a>(said: &'a Said, word: &str) -> &'a str {
    let found = said.out.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    found.map(str::trim_start).unwrap_or_else(|| panic!("no {word}: {said:?}"))
}

pub(crate) fn rotate(home: &Home) -> (Option<i32>, String) {
    let said = says(home, &["rotate"]);
    (said.code, said.out + &said.err)
}

fn key(home: &Home) -> String {
    lines(home, &["key"]).concat()
}

/// Takes the last line away.
fn cut(segment: &Path) {
    let text = fs::read_to_string(segment).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.pop();
    fs::write(segment, lines.join("\n") + "\n").unwrap();
}

#[test]
fn segments_are_begun_beside_a_running_console_and_without_one() {
    let home = Home::new();
    let (code, said) = rotate(&home);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("no console's home") && !home.path.exists(), "{said}");

    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    let (code, said) = rotate(&home);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("00000002.jsonl"), "{said}");
    assert_eq!(console.upgrade("acme", "team").status, 200);
    assert_eq!(console.stop().0, Some(0));

    let (code, said) = rotate(&home);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("00000003.jsonl"), "{said}");
    let console = home.serve();
    assert_eq!(console.decommission("acme").status, 200);
    assert_eq!(console.stop().0, Some(0));
    assert_eq!(
        home.story(),
        [
            "hearth.provisioning_started",
            "hearth.provisioned succeeded",
            "hearth.upgrade_started",
            "hearth.upgraded succeeded",
            "hearth.decommission_started",
            "hearth.decommissioned succeeded",
        ]
    );
    for (segment, kind) in
        [("00000001", "hearth.provisioned"), ("00000002", "hearth.upgraded"), ("00000003", "hearth.decommissioned")]
    {
        let text = fs::read_to_string(home.hatch().join(segment).with_extension("jsonl")).unwrap();
        assert!(text.starts_with("{\"specversion\"") && text.contains(kind), "{segment}: {text}");
    }
}

#[test]
fn where_no_console_ever_was_there_is_nothing_to_look_at() {
    let home = Home::new();
    let copy = home.path.with_file_name("copy");
    for words in [&["verify"][..], &["tail"], &["show"], &["key"], &["export", copy.to_str().unwrap()]] {
        let said = says(&home, words);
        assert_eq!(said.code, Some(1), "{words:?}: {said:?}");
        assert!(said.err.contains("no console's home") && said.out.is_empty(), "{words:?}: {said:?}");
    }
    assert!(!home.path.exists() && !copy.exists());
    // A folder that holds something else is not a log that is whole.
    fs::create_dir(&copy).unwrap();
    let said = verify_copy(&copy, &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("holds no audit log"), "{said:?}");
    let both = ran(audit(&home, &["verify"]).arg("--folder").arg(&copy));
    assert_eq!(both.code, Some(2), "{both:?}");
}

#[test]
fn a_log_is_verified_beside_a_running_console() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    let said = says(&home, &["verify"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let words: Vec<&str> = said.out.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(words, ["chain", "checkpoints", "unsigned", "tombstones"]);
    assert_eq!(verdict(&said, "chain"), "holds: events 1 to 3 in 1 segment");
    assert!(verdict(&said, "checkpoints").starts_with("hold: "), "{said:?}");
    assert!(verdict(&said, "checkpoints").ends_with(&format!("The key is {}", key(&home))), "{said:?}");
    assert_eq!(verdict(&said, "tombstones"), "none: every action has its outcome");

    let json: Value = serde_json::from_str(&lines(&home, &["verify", "--json"]).concat()).unwrap();
    assert_eq!((&json["holds"], &json["chain"]["events"]), (&Value::Bool(true), &Value::from(3)));
    assert_eq!(json["checkpoints"]["key"], key(&home));
    assert_eq!(json["checkpoints"]["unsigned_starts"], Value::Array(Vec::new()));
    assert_eq!(console.decommission("acme").status, 200);
}

#[test]
fn an_action_without_an_outcome_is_listed() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    // Its workspace does not answer: the driver waits for more than a second, and the console ends before that.
    kill_process(home.pid("acme"), Signal::STOP).unwrap();
    let _request = console.begin("DELETE", &format!("{WORKSPACES}/acme"), None).unwrap();
    until("the claim", || console.state("acme").as_deref() == Some("decommissioning"));
    console.kill();

    let said = says(&home, &["verify"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(verdict(&said, "tombstones").starts_with("1 action without an outcome"), "{said:?}");
    let pending = String::from_utf8(home.run("pending").stdout).unwrap();
    let listed = pending.lines().next().unwrap();
    assert!(listed.contains("hearth.decommission_started"), "{pending}");
    assert_eq!(said.out.lines().last().unwrap(), format!("  {listed}"));
    let console = home.serve();
    until("the decommission", || console.get("acme").status == 404);
}

#[test]
fn a_changed_byte_breaks_the_chain_where_it_is() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    assert_eq!(rotate(&home).0, Some(0));
    assert_eq!(console.decommission("acme").status, 200);
    assert_eq!(console.stop().0, Some(0));
    let segment = home.hatch().join("00000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.replacen("acme", "akme", 1)).unwrap();

    let said = says(&home, &["verify"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(verdict(&said, "chain").starts_with("broken: 00000001.jsonl, line 2 (byte "), "{said:?}");
    assert!(verdict(&said, "chain").contains("put an undamaged copy in its place"), "{said:?}");
    assert!(verdict(&said, "checkpoints").starts_with("hold, as far as the chain does: "), "{said:?}");
    let said = says(&home, &["verify", "--json"]);
    assert_eq!(said.code, Some(3), "{said:?}");
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&json["holds"], &json["chain"]["broken"]["line"]), (&Value::Bool(false), &Value::from(2)));

    // What stands before it is shown, and then the damage.
    let said = says(&home, &["show"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("segment.opened") && said.out.lines().count() == 1, "{said:?}");
    assert!(said.err.contains("damaged at line 2"), "{said:?}");
    let copy = home.path.with_file_name("copy");
    let said = says(&home, &["export", copy.to_str().unwrap()]);
    assert_eq!(said.code, Some(3), "the copy is as damaged: {said:?}");
    assert_eq!(fs::read(copy.join("00000001.jsonl")).unwrap(), fs::read(&segment).unwrap());
}

#[test]
fn lines_that_were_cut_off_are_missed_and_no_console_starts_on_the_rest() {
    let home = Home::new();
    let console = home.serve();
    let identity = home.path.join("identity.json");
    let text = fs::read_to_string(&identity).unwrap();
    fs::write(&identity, text.replace("\"admin\"", "\"observer\"")).unwrap();
    for slug in ["acme", "globex"] {
        assert_eq!(console.provision(slug, "solo").status, 403);
    }
    assert_eq!(console.stop().0, Some(0));
    assert_eq!(home.story(), ["auth.denied", "auth.denied"]);
    cut(&home.hatch().join("00000001.jsonl"));

    let said = says(&home, &["verify"]);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert_eq!(verdict(&said, "chain"), "holds: events 1 to 2 in 1 segment");
    assert!(verdict(&said, "checkpoints").starts_with("do not hold: "), "{said:?}");
    assert!(verdict(&said, "checkpoints").contains("1 event is missing at the end"), "{said:?}");
    let refused = said_by_serve(&home, &[]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("what is missing was cut off"), "{refused:?}");
    assert!(refused.err.contains("move checkpoints.signed elsewhere"), "{refused:?}");

    fs::rename(home.hatch().join("checkpoints.signed"), home.path.join("checkpoints.old")).unwrap();
    let said = says(&home, &["verify"]);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert_eq!(home.serve().stop().0, Some(0));
    let said = says(&home, &["verify"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(lines(&home, &["show", "--action", "log.unsigned"]).len(), 1);
    let warning = verdict(&said, "warning");
    assert!(warning.starts_with("event 3, `log.unsigned`, says that a start found events"), "{warning}");
    assert!(warning.contains("before event 3") && warning.contains("kept on another machine"), "{warning}");
    let json: Value = serde_json::from_str(&lines(&home, &["verify", "--json"]).concat()).unwrap();
    assert_eq!(json["holds"], true);
    assert_eq!(json["checkpoints"]["unsigned_starts"], serde_json::json!([3]));

    // Once more, and it stays said.
    fs::remove_file(home.hatch().join("checkpoints.signed")).unwrap();
    assert_eq!(home.serve().stop().0, Some(0));
    let said = says(&home, &["verify"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(verdict(&said, "warning").starts_with("2 starts found events and no checkpoint"), "{said:?}");
}

/// A console that does not start.
fn said_by_serve(home: &Home, settings: &[(&str, &str)]) -> Said {
    ran(home.command("serve").args(["--listen", "127.0.0.1:0"]).envs(settings.iter().copied()))
}

#[test]
fn events_are_shown_by_tenant_workspace_action_and_time() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    assert_eq!(console.upgrade("acme", "team").status, 200);
    assert_eq!(console.decommission("acme").status, 200);
    assert_eq!(console.provision("globex", "solo").status, 200);
    assert_eq!(console.provision("globex", "solo").status, 409);
    assert_eq!(console.decommission("globex").status, 200);

    let journal = fs::read_to_string(home.hatch().join("00000001.jsonl")).unwrap();
    let journal = journal.trim_end_matches(' '); // blanks are ahead of what will be written
    assert_eq!(lines(&home, &["show", "--json"]), journal.lines().collect::<Vec<_>>());
    let events = home.events();
    let of = |words: &[&str]| lines(&home, &[&["show"][..], words].concat()).len();
    let (action, third) = (events[0].actionid.unwrap().to_string(), events[6].time.as_str());
    assert_eq!(events[6].subject.as_deref(), Some("globex"));
    for (words, expected) in [
        (&[][..], 13),
        (&["--tenant", "local"], 12),
        (&["--tenant", "nobody"], 0),
        (&["--subject", "acme"], 6),
        (&["--subject", "globex"], 6),
        (&["--action", "hearth"], 12),
        (&["--action", "segment"], 1),
        (&["--action", "hearth.provisioned"], 2),
        (&["--action", "hearth.prov"], 0),
        (&["--action", &action], 2),
        (&["--since", "2026-01-01"], 13),
        (&["--since", "1h"], 13),
        (&["--since", "2999-01-01T00:00:00Z"], 0),
        (&["--since", third], 6),
        (&["--since", third, "--action", "hearth.provisioned", "--tenant", "local", "--subject", "globex"], 1),
    ] {
        assert_eq!(of(words), expected, "{words:?}");
    }

    let event = &events[1];
    let (time, actor) = (&event.time, event.actor.as_deref().unwrap());
    let expected = format!("{time}  {:<30}  {:<20}  {actor}  succeeded  {action}", "hearth.provisioned", "acme");
    assert_eq!(lines(&home, &["show", "--action", &action])[1], expected);
    let refused = lines(&home, &["show", "--action", "hearth.failed"]).concat();
    assert!(refused.contains("  refused/slug-taken  "), "{refused}");

    for (words, form) in [
        (["show", "--since", "yesterday"], "2026-01-02T03:04:05Z"),
        (["show", "--since", "2026-13-01"], "30m"),
        (["show", "--action", "not a name"], "hearth.provisioned"),
    ] {
        let said = says(&home, &words);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(form), "{said:?}");
    }
}

fn following(home: &Home) -> (Child, impl FnMut() -> Value) {
    let mut child = audit(home, &["tail", "-n", "1", "--follow", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let next = move || serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    (child, next)
}

#[test]
fn the_last_events_are_shown_and_those_that_follow() {
    let home = Home::new();
    let console = home.serve();
    let (mut child, mut next) = following(&home);
    assert_eq!(next()["type"], "segment.opened");
    assert_eq!(console.provision("acme", "solo").status, 200);
    assert_eq!(next()["type"], "hearth.provisioning_started");
    assert_eq!(next()["type"], "hearth.provisioned");
    assert_eq!(rotate(&home).0, Some(0));
    assert_eq!(next()["type"], "segment.opened");
    assert_eq!(console.decommission("acme").status, 200);
    assert_eq!(next()["type"], "hearth.decommission_started");
    assert_eq!(next()["type"], "hearth.decommissioned");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let last = lines(&home, &["tail", "-n", "2"]);
    assert_eq!(last.len(), 2, "{last:?}");
    assert!(last[0].contains("hearth.decommission_started") && last[1].contains("hearth.decommissioned"), "{last:?}");
    assert_eq!(lines(&home, &["tail"]).len(), 6);
    assert!(lines(&home, &["tail", "-n", "0"]).is_empty());
}

#[test]
fn it_is_no_failure_that_nobody_reads_on() {
    let home = Home::new();
    let _console = home.serve();
    let (mut child, mut next) = following(&home);
    assert_eq!(next()["type"], "segment.opened");
    drop(next);
    // Nothing is written meanwhile: it ends because its reader is gone.
    until("its end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    for words in ["show", "tail"] {
        let mut child = audit(&home, &[words]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    }
}

#[test]
fn a_copy_is_verified_elsewhere() {
    let (home, other) = (Home::new(), Home::new());
    let console = home.serve();
    assert_eq!(other.serve().stop().0, Some(0));
    assert_eq!(console.provision("acme", "solo").status, 200);
    assert_eq!(rotate(&home).0, Some(0));
    assert_eq!(console.decommission("acme").status, 200);
    let (copy, key) = (home.path.with_file_name("copy"), key(&home));
    let to = copy.to_str().unwrap();
    let exported = says(&home, &["export", to]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert_eq!(verdict(&exported, "chain"), "holds: events 1 to 6 in 2 segments");
    let last = exported.out.lines().last().unwrap();
    assert_eq!(last.trim(), format!("rocky-console audit verify --folder {to} --key {key}"));

    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(&copy).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["00000001.jsonl", "00000002.jsonl", "checkpoint.pub", "checkpoints.signed"]);
    assert_eq!(fs::read_to_string(copy.join("checkpoint.pub")).unwrap().trim(), key);

    let said = verify_copy(&copy, &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(verdict(&said, "checkpoints").contains("verify with `--key`"), "{said:?}");
    let said = verify_copy(&copy, &["--key", &key]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!verdict(&said, "checkpoints").contains("--key"), "{said:?}");
    let said = verify_copy(&copy, &["--key", &self::key(&other)]);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(verdict(&said, "checkpoints").contains("not signed by this journal's key"), "{said:?}");
    let said = verify_copy(&copy, &["--key", "0123"]);
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("64 hexadecimal digits"), "{said:?}");

    let again = says(&home, &["export", to]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.err.contains("is there already"), "{again:?}");
}

#[test]
fn a_line_that_was_never_finished_is_not_copied() {
    let home = Home::new();
    assert_eq!(home.serve().stop().0, Some(0));
    let segment = home.hatch().join("00000001.jsonl");
    let whole = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, format!("{whole}{{\"specversion\":")).unwrap();
    let said = says(&home, &["verify"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(verdict(&said, "chain").contains("15 bytes behind them are no whole line"), "{said:?}");
    let copy = home.path.with_file_name("copy");
    let said = says(&home, &["export", copy.to_str().unwrap()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(fs::read_to_string(copy.join("00000001.jsonl")).unwrap(), whole);
}

#[test]
fn a_homes_key_is_its_own() {
    let (home, other) = (Home::new(), Home::new());
    assert_eq!((home.serve().stop().0, other.serve().stop().0), (Some(0), Some(0)));
    let printed = key(&home);
    assert!(printed.len() == 64 && printed.bytes().all(|digit| digit.is_ascii_hexdigit()), "{printed}");
    assert_eq!(home.serve().stop().0, Some(0));
    assert_eq!(key(&home), printed);
    assert_ne!(key(&other), printed);
}

#[test]
fn sealed_segments_that_are_too_many_are_taken_away_and_the_log_says_so() {
    let home = Home::new();
    for (name, value) in [("ROCKY_HATCH_KEEP", "0"), ("ROCKY_HATCH_SEGMENT_MIB", "big")] {
        let refused = said_by_serve(&home, &[(name, value)]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains(name) && refused.err.trim_end().lines().count() == 1, "{refused:?}");
    }
    assert!(!home.path.exists());

    let keep = [("ROCKY_HATCH_KEEP", "1"), ("ROCKY_HATCH_SEGMENT_MIB", "1")];
    let there =
        || (1..=4).filter(|number| home.hatch().join(format!("{number:08}.jsonl")).exists()).collect::<Vec<_>>();
    let console = home.serve_with(&keep);
    assert_eq!(console.provision("acme", "solo").status, 200);
    assert_eq!(rotate(&home).0, Some(0));
    assert_eq!(there(), [1, 2]);
    assert_eq!(console.decommission("acme").status, 200);
    assert_eq!(rotate(&home).0, Some(0));
    assert_eq!(there(), [2, 3]);
    let said = says(&home, &["verify"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(verdict(&said, "chain").contains("the events before were taken away"), "{said:?}");
    assert_eq!(console.stop().0, Some(0));

    let rotated = ran(audit(&home, &["rotate"]).envs(keep));
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    assert_eq!(there(), [3, 4]);
    assert_eq!(says(&home, &["verify"]).code, Some(0));
    assert_eq!(lines(&home, &["show", "--action", "segment.deleted"]).len(), 2);
}
