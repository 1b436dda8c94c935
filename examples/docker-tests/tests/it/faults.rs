//! What goes wrong with an engine, an image or a name: said as what it is, and nothing stays behind.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    api::Api,
    console::{Home, read_answer},
    engine::{IMAGE, alone, shared, until},
    small_disk::SmallDisk,
};

const NOT_PROVISIONED: [&str; 2] = ["hearth.provisioning_started", "hearth.failed failed"];

/// A provision of this home's first workspace, with this image, fails so; why, as its event says.
fn fails_with_image(home: &Home, image: &str, slug: &str, status: u16, code: &str) -> String {
    let console = home.serve_with(&home.api.host(), image);
    let answer = console.provision(slug, "solo");
    assert_eq!(answer.is(), (status, code.to_owned()), "{}\n{}", answer.text, home.log());
    assert_eq!(home.story(), NOT_PROVISIONED);
    assert_eq!(home.events()[1].data_text("code").as_deref(), Some(code));
    assert_eq!(home.what_is(&console, slug), "failed: nothing is there");
    home.why()
}

#[test]
fn an_image_that_is_missing_is_said_to_be() {
    let engine = shared();
    let why = fails_with_image(&Home::new(&engine), "rocky/no-such:test", "missing", 502, "image-missing");
    assert!(why.contains("rocky/no-such:test"), "{why}");
}

#[test]
fn an_image_that_cannot_say_when_it_is_well_is_refused() {
    let engine = shared();
    let home = Home::new(&engine);
    let _image = home.api.image("unchecked", &json!({"Healthcheck": {"Test": ["NONE"]}}));
    let why = fails_with_image(&home, "rocky/unchecked:test", "unchecked", 502, "image-has-no-health-check");
    assert!(why.contains("HEALTHCHECK"), "{why}");
}

/// A health check that asks for what is not there, once a second.
fn failing(retries: u32) -> Value {
    let second = 1_000_000_000_u64;
    let test = ["CMD", "/rocky-workspace", "probe", "127.0.0.1", "1"];
    json!({"Test": test, "Interval": second, "Timeout": second, "Retries": retries})
}

#[test]
fn a_workspace_that_is_never_well_is_undone_and_its_last_lines_are_kept() {
    let engine = shared();
    let home = Home::new(&engine);
    let _image = home.api.image("ill", &json!({"Healthcheck": failing(2)}));
    let why = fails_with_image(&home, "rocky/ill:test", "ill", 504, "workspace-not-well");
    assert!(why.contains("its health check fails") && why.contains("serving on port 8080"), "{why}");
}

#[test]
fn a_workspace_that_is_well_too_late_is_undone_and_its_last_lines_are_kept() {
    let engine = shared();
    let home = Home::new(&engine);
    // A check as long as Docker's own default would have it: three times 30 s, and nobody waits for the third.
    let _image = home.api.image("late", &json!({"Healthcheck": failing(1000)}));
    let began = Instant::now();
    let why = fails_with_image(&home, "rocky/late:test", "late", 504, "workspace-not-well");
    assert!(began.elapsed() < Duration::from_secs(70), "{:?}", began.elapsed());
    assert!(why.contains("it was not well after") && why.contains("serving on port 8080"), "{why}");
}

#[test]
fn a_workspace_that_ends_tells_why_and_no_secrets() {
    let engine = shared();
    let home = Home::new(&engine);
    // Its program quotes this as it ends.
    let said = "password=hunter2 token: s3cr3t-of-acme";
    let _image = home.api.image("ends", &json!({"Healthcheck": failing(1000), "Cmd": ["probe", said, "1"]}));
    let why = fails_with_image(&home, "rocky/ends:test", "ends", 504, "workspace-not-well");
    assert!(why.contains("it ended with exit code 1") && why.contains("is no IP address"), "{why}");
    let journal = home.events().iter().map(|event| event.json().to_owned()).collect::<String>();
    for secret in ["hunter2", "s3cr3t"] {
        assert!(!journal.contains(secret) && !home.log().contains(secret), "{secret}: {journal}");
    }
}

#[test]
fn a_name_that_is_somebody_elses_is_a_conflict_and_theirs_stays_as_it_was() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    for kind in ["container", "network", "volume"] {
        let slug = format!("foreign-{kind}");
        let foreign = home.api.by_hand(kind, &format!("rocky-{slug}"));
        let before = home.api.get(&foreign.shown_at);
        assert_eq!(before.0, 200);
        let answer = console.provision(&slug, "solo");
        assert_eq!(answer.is(), (409, "name-in-use".to_owned()), "{kind}: {}", answer.text);
        assert_eq!(home.what_is(&console, &slug), "failed: nothing is there");
        assert!(home.why().contains(&format!("has a {kind} `rocky-")), "{}", home.why());
        assert_eq!(home.api.get(&foreign.shown_at), before, "{kind}");
        drop(foreign);
        assert_eq!(console.provision(&slug, "solo").status, 200, "{kind}");
        assert_eq!(home.what_is(&console, &slug), "provisioned: it serves");
        assert_eq!(console.decommission(&slug).status, 200);
    }
}

#[test]
fn of_two_homes_on_one_engine_neither_touches_what_is_the_others() {
    let engine = shared();
    let (first, second) = (Home::new(&engine), Home::new(&engine));
    let (console, other) = (first.serve(), second.serve());
    let url = console.provision("shared", "solo").url();
    let before = first.api.container("rocky-shared");
    assert_eq!(other.provision("shared", "team").is(), (409, "name-in-use".to_owned()));
    assert_eq!(other.get("shared").status, 404);
    assert_eq!(second.all_there_is(), Vec::<String>::new());
    assert_eq!(first.api.container("rocky-shared")["Id"], before["Id"]);
    assert_eq!((console.found("shared"), first.starts(&url)), ("serving".to_owned(), 1));
    assert_eq!(first.what_is(&console, "shared"), "provisioned: it serves");
    second.journal_is_true_to_form();
}

#[test]
fn an_engine_that_hangs_is_not_waited_for_and_what_it_was_at_is_settled_later() {
    let mut engine = alone();
    let home = Home::new(&engine);
    let console = home.serve();
    let request = console.begin_provision("hangs", "solo").unwrap();
    until("the container", || home.api.get("/containers/rocky-hangs/json").0 == 200);
    let began = Instant::now();
    engine.stop();
    let (found, answer) = (console.get("hangs"), read_answer(request));
    let took = began.elapsed();
    engine.go_on();
    // Twice a call's time, and a little: for what was asked, and for taking back what was made.
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!(answer.unwrap().is(), (504, "engine-timed-out".to_owned()));
    assert_eq!(found.json()["state"], "provisioning");
    assert_eq!(console.get("hangs").json()["state"], "unsettled");
    assert_eq!(home.pending().len(), 1);
    until("the engine", || engine.answers());
    println!("{}", home.reconcile());
    let now = home.what_is(&console, "hangs");
    // What the engine had still to do when it went on is done: nothing comes later.
    thread::sleep(Duration::from_secs(2));
    assert_eq!(home.what_is(&console, "hangs"), now);
}

#[test]
fn an_engine_that_was_killed_is_said_to_be_down_and_workspaces_are_back_with_it() {
    let mut engine = alone();
    let home = Home::new(&engine);
    let console = home.serve();
    let url = console.provision("stays", "solo").url();
    assert_eq!(console.provision("goes", "solo").status, 200);
    engine.kill();
    let began = Instant::now();
    let found = console.found("stays");
    let made = console.provision("new", "solo");
    let gone = console.decommission("goes");
    let took = began.elapsed();
    engine.start();
    assert_eq!(found, "unknown");
    assert_eq!(made.is(), (503, "engine-unavailable".to_owned()), "{}", made.text);
    assert_eq!(gone.is(), (502, "decommission-pending".to_owned()), "{}", gone.text);
    assert!(took < Duration::from_secs(5), "who is not there is not waited for: {took:?}");

    // A decommission is tried again by itself; what else is open is an operator's to settle.
    home.awaits_the_end_of("goes", &console);
    home.reconcile();
    assert_eq!(home.what_is(&console, "goes"), "decommissioned: nothing is there");
    assert_eq!(home.what_is(&console, "new"), "failed: nothing is there");

    // The engine starts again what ran; what it leaves down a repair starts.
    let back = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(100));
        console.found("stays") == "serving"
    });
    if !back {
        println!("the engine left it down: {}", home.api.container("rocky-stays")["State"]);
        assert_eq!(console.repair("stays").url(), url);
    }
    assert_eq!(console.found("stays"), "serving");
    assert!(home.starts(&url) >= 2);
    assert_eq!(console.decommission("stays").status, 200);
    assert_eq!(home.all_there_is(), Vec::<String>::new());
}

#[test]
fn thirty_two_at_once_all_come_about_and_all_go() {
    let engine = alone();
    let home = Home::new(&engine);
    let console = home.serve();
    let slugs: Vec<String> = (0..32).map(|number| format!("crowd-{number}")).collect();
    let all = |what: &str, ask: &(dyn Fn(&str) -> (u16, String) + Sync)| -> Vec<String> {
        let began = Instant::now();
        let answers: Vec<(u16, String)> = thread::scope(|scope| {
            let asked: Vec<_> = slugs.iter().map(|slug| scope.spawn(move || ask(slug))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        println!("{what}: 32 in {:.1} s", began.elapsed().as_secs_f32());
        for (slug, (status, text)) in slugs.iter().zip(&answers) {
            assert_eq!(*status, 200, "{slug}: {text}");
        }
        answers.into_iter().map(|(_, text)| text).collect()
    };
    let made = all("provisioned", &|slug: &str| {
        let answer = console.provision(slug, "solo");
        (answer.status, answer.text)
    });
    let url = |row: &String| serde_json::from_str::<Value>(row).unwrap()["url"].as_str().unwrap().to_owned();
    for (slug, row) in slugs.iter().zip(&made) {
        let url = url(row);
        assert!(home.page(&url).is_some_and(|page| page.contains(&format!("<h1>{slug}</h1>"))), "{slug}: {url}");
    }
    assert_eq!(home.all_there_is().len(), 3 * 32);
    all("decommissioned", &|slug: &str| {
        let answer = console.decommission(slug);
        (answer.status, answer.text)
    });
    assert_eq!(home.all_there_is(), Vec::<String>::new());
    home.journal_is_true_to_form();
    assert_eq!(home.events().len(), 4 * 32);
}

#[test]
fn a_full_disk_makes_nothing_and_once_there_is_room_everything_goes_on() {
    let engine = shared();
    let disk = SmallDisk::with_engine(96);
    disk.load(&Api::of(&engine), IMAGE);
    let home = Home::with(&engine, disk.api());
    let console = home.serve();

    disk.fill();
    let answer = console.provision("full", "solo");
    assert_eq!(answer.is(), (502, "driver-failed".to_owned()), "{}\n{}", answer.text, disk.log());
    let at_once = home.pending().is_empty();
    disk.make_room();
    if !at_once {
        println!("what was made could not be taken back on a full disk: {}", home.reconcile());
    }
    assert_eq!(home.what_is(&console, "full"), "failed: nothing is there");

    // With room it comes about; this test is not in that engine's network, so the health check has to do.
    assert_eq!(console.provision("full", "solo").status, 200, "{}", home.log());
    assert_eq!(console.found("full"), "serving");
    let id = disk.api().container("rocky-full")["Id"].clone();
    disk.fill();
    // Whatever comes of an upgrade, the container that runs is not given up for one that cannot be made.
    let upgraded = console.upgrade("full", "team");
    println!("an upgrade on a full disk: {}", upgraded.status);
    assert_eq!(disk.api().container("rocky-full")["Id"], id);
    if home.pending().is_empty() {
        assert_eq!(console.found("full"), "serving", "{}", upgraded.text);
    }
    disk.make_room();
    home.reconcile();
    let row = console.get("full").json();
    assert_eq!((row["state"].as_str(), row["found"].as_str()), (Some("active"), Some("serving")), "{row}");
    disk.fill();
    let gone = console.decommission("full");
    assert!([200, 502].contains(&gone.status), "{}", gone.text);
    disk.make_room();
    home.awaits_the_end_of("full", &console);
    assert_eq!(home.what_is(&console, "full"), "decommissioned: nothing is there");
    assert_eq!(home.all_there_is(), Vec::<String>::new());
}
