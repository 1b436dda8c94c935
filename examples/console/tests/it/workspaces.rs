//! Workspaces that are real processes: they outlive the console, are adopted when they answer, and are gone when they
//! should be.

use rustix::process::{Signal, kill_process};

use crate::console::{Home, page, processes_of, until};

fn url(answer: &crate::console::Answer) -> String {
    answer.json()["url"].as_str().unwrap().to_owned()
}

#[test]
fn a_workspace_outlives_the_console_and_is_adopted_again() {
    let home = Home::new();
    let console = home.serve();
    let made = console.provision("acme", "solo");
    assert_eq!(made.status, 200, "{}", made.text);
    let url = url(&made);
    let pid = home.pid("acme");
    console.kill();
    assert!(page(&url).unwrap().contains("acme"));
    let console = home.serve();
    assert_eq!(console.get("acme").json()["state"], "active");
    assert_eq!(console.upgrade("acme", "team").status, 200);
    assert_eq!(home.pid("acme"), pid, "it is the same process");
    assert!(page(&url).unwrap().contains("team"));
    assert_eq!(console.stop().0, Some(0));
    assert!(page(&url).is_some(), "and it outlives a stop");
    let console = home.serve();
    assert_eq!(console.decommission("acme").status, 200);
    assert!(page(&url).is_none());
    assert!(processes_of(&home.path).is_empty());
    assert!(!home.workspace("acme").exists());
}

#[test]
fn somebody_else_on_its_port_is_not_adopted() {
    let home = Home::new();
    let console = home.serve();
    let made = console.provision("acme", "solo");
    let address = url(&made).trim_start_matches("http://").trim_end_matches('/').to_owned();
    kill_process(home.pid("acme"), Signal::KILL).unwrap();
    let mut squatter = None;
    until("the port", || {
        squatter = std::net::TcpListener::bind(&address).ok();
        squatter.is_some()
    });
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in squatter.iter().flat_map(|listener| listener.incoming().flatten()) {
            let mut seen = [0; 1024];
            if stream.read(&mut seen).is_ok_and(|read| read > 0) {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nmine solo\n").unwrap();
            }
        }
    });
    // The upgrade finds that its workspace does not answer, and starts it again elsewhere.
    let upgraded = console.upgrade("acme", "team");
    assert_eq!(upgraded.status, 200, "{}", upgraded.text);
    assert!(!url(&upgraded).contains(&address));
    assert!(page(&url(&upgraded)).unwrap().contains("team"));
    assert_eq!(console.decommission("acme").status, 200);
    assert!(processes_of(&home.path).is_empty());
}

#[test]
fn a_workspace_that_hangs_is_gone_after_its_decommission() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    kill_process(home.pid("acme"), Signal::STOP).unwrap();
    assert_eq!(console.decommission("acme").status, 200);
    assert!(processes_of(&home.path).is_empty());
}

#[test]
fn what_cannot_be_taken_back_stays_open_until_it_can() {
    let home = Home::new();
    let console = home.serve();
    // Where the workspace's folder belongs there is a file, which is not the driver's to take away.
    std::fs::write(home.workspace("acme"), b"in the way").unwrap();
    assert_eq!(console.provision("acme", "solo").is(), (502, "driver-failed".to_owned()));
    assert_eq!(console.get("acme").json()["state"], "unsettled");
    let stays = home.run("reconcile");
    assert_eq!(stays.status.code(), Some(1));
    assert!(String::from_utf8(stays.stdout).unwrap().contains("left: "));
    std::fs::remove_file(home.workspace("acme")).unwrap();
    assert!(home.run("reconcile").status.success());
    assert_eq!(home.story(), ["hearth.provisioning_started", "hearth.failed reconciled"]);
    assert_eq!(console.provision("acme", "solo").status, 200);
    assert_eq!(console.decommission("acme").status, 200);
}

#[test]
fn drift_shows_in_a_get_and_is_repaired_when_somebody_asks_for_it() {
    let home = Home::new();
    let console = home.serve();
    let made = console.provision("acme", "solo");
    assert_eq!(console.get("acme").json()["found"], "serving");
    kill_process(home.pid("acme"), Signal::KILL).unwrap();
    until("the drift", || console.get("acme").json()["found"] == "broken");
    let mut drifted = console.get("acme").json();
    drifted.as_object_mut().unwrap().remove("found");
    assert_eq!(drifted, made.json(), "the row is as it was");
    assert!(!console.send("GET", crate::console::WORKSPACES, None).text.contains("found"), "the list holds rows only");

    let repaired = console.repair("acme");
    assert_eq!(repaired.status, 200, "{}", repaired.text);
    assert!(page(&url(&repaired)).unwrap().contains("solo"));
    let row = console.get("acme").json();
    assert_eq!((row["found"].as_str(), row["url"].as_str()), (Some("serving"), Some(url(&repaired).as_str())));
    // What answers stays as it is.
    let pid = home.pid("acme");
    assert_eq!(console.repair("acme").json(), repaired.json());
    assert_eq!(home.pid("acme"), pid);

    std::fs::remove_dir_all(home.workspace("acme")).unwrap();
    assert_eq!(console.get("acme").json()["found"], "absent");
    assert_eq!(console.repair("acme").status, 200);
    assert_eq!(console.get("acme").json()["found"], "serving");
    assert_eq!(processes_of(&home.path).len(), 1, "the one of the folder before is ended");
    let repair = ["hearth.repair_started", "hearth.repaired succeeded"];
    assert_eq!(home.story()[2..], [repair, repair, repair].concat());
    assert_eq!(console.decommission("acme").status, 200);
    assert!(processes_of(&home.path).is_empty());
}

#[test]
fn an_operator_repairs_by_command() {
    let home = Home::new();
    let console = home.serve();
    assert_eq!(console.provision("acme", "solo").status, 200);
    let repair = |slug: &str, at: &str, token: Option<&str>| {
        let mut command = home.command("repair");
        command.args([slug, "--at", at]).envs(token.map(|token| ("ROCKY_TOKEN", token)));
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    kill_process(home.pid("acme"), Signal::KILL).unwrap();
    until("the drift", || console.get("acme").json()["found"] == "broken");
    let (code, said, _) = repair("acme", &console.address, None);
    let row = console.get("acme").json();
    assert_eq!((code, said), (Some(0), format!("acme answers at {}\n", row["url"].as_str().unwrap())));
    assert_eq!(row["found"], "serving");
    assert_eq!(home.story()[2..], ["hearth.repair_started", "hearth.repaired succeeded"]);

    let (code, said, why) = repair("globex", &console.address, None);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(why.contains("globex is not repaired: 404 unknown-workspace"), "{why}");
    let (code, _, why) = repair("acme", &console.address, Some("wrong"));
    assert!(code == Some(1) && why.contains("403 denied"), "{why}");
    let (code, _, why) = repair("acme", &console.address, Some(" "));
    assert!(code == Some(2) && why.contains("ROCKY_TOKEN"), "{why}");
    let (code, _, why) = repair("Not a slug", &console.address, None);
    assert!(code == Some(2) && why.contains("is not a slug"), "{why}");

    let kept = std::fs::read_to_string(home.path.join("token")).unwrap();
    std::fs::remove_file(home.path.join("token")).unwrap();
    let (code, _, why) = repair("acme", &console.address, None);
    assert!(code == Some(1) && why.contains("ROCKY_TOKEN"), "{why}");
    assert_eq!(repair("acme", &console.address, Some(&kept)).0, Some(0));
    assert_eq!(console.decommission("acme").status, 200);
    let address = console.address.clone();
    assert_eq!(console.stop().0, Some(0));
    let (code, _, why) = repair("acme", &address, Some(&kept));
    assert!(code == Some(1) && why.contains("no console answers"), "{why}");
}
