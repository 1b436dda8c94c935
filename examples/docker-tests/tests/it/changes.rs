//! Upgrades and repairs that do not go well, and calls that come late: what runs is not given up, and nobody is stuck.

use std::{fs, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    api::Api,
    console::Home,
    engine::{IMAGE, shared, until},
    kernel::processes,
    proxy::Proxy,
    small_disk::SmallDisk,
};

#[test]
fn an_upgrade_of_what_does_not_start_fails_and_its_workspace_can_go() {
    let engine = shared();
    let home = Home::new(&engine);
    let proxy = Proxy::to(&home.api, home.file("engine.sock"));
    let console = home.serve_with(&proxy.host(), IMAGE);
    assert_eq!(console.provision("stuck", "solo").status, 200);
    home.api.post("/containers/rocky-stuck/stop?t=2", &json!(null));
    proxy.refuse_once("POST /containers/<id>/start", "it does not start today");
    let upgraded = console.upgrade("stuck", "team");
    assert_eq!(upgraded.is(), (502, "driver-failed".to_owned()), "{}", upgraded.text);
    assert!(proxy.has_refused() && home.why().contains("it does not start today"), "{}", home.why());
    let row = console.get("stuck").json();
    assert_eq!((row["state"].as_str(), row["tier"].as_str()), (Some("active"), Some("solo")));
    assert_eq!(row["found"], "broken");
    home.journal_is_true_to_form();
    assert_eq!(console.decommission("stuck").status, 200);
    assert_eq!(home.what_is(&console, "stuck"), "decommissioned: nothing is there");
}

#[test]
fn an_upgrade_of_what_is_gone_says_so_and_leaves_its_row() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    assert_eq!(console.provision("gone", "solo").status, 200);
    home.api.clear("rocky.slug=gone").unwrap();
    assert_eq!(console.upgrade("gone", "team").is(), (404, "workspace-gone".to_owned()));
    assert_eq!(
        (console.get("gone").json()["state"].as_str(), console.found("gone")),
        (Some("active"), "absent".to_owned())
    );
    assert_eq!(console.decommission("gone").status, 200);
    home.journal_is_true_to_form();
}

#[test]
fn an_engine_in_trouble_is_no_reason_to_take_a_container_away() {
    let engine = shared();
    let home = Home::new(&engine);
    let proxy = Proxy::to(&home.api, home.file("engine.sock"));
    let console = home.serve_with(&proxy.host(), IMAGE);
    let url = console.provision("stays-up", "solo").url();
    let before = home.api.container("rocky-stays-up")["Id"].clone();
    for why in ["runc cannot write the cgroup: no space left on device", "the daemon is shutting down"] {
        proxy.refuse_once("POST /containers/<id>/update", why);
        let upgraded = console.upgrade("stays-up", "team");
        assert_eq!(upgraded.is(), (502, "driver-failed".to_owned()), "{why}: {}", upgraded.text);
        assert_eq!(home.api.container("rocky-stays-up")["Id"], before, "{why}");
        assert_eq!((console.found("stays-up"), home.starts(&url)), ("serving".to_owned(), 1), "{why}");
    }
    home.journal_is_true_to_form();
}

/// What it was made from is gone under its name: a container that runs is not taken away for an image that is not there.
#[test]
fn what_is_made_anew_is_made_from_the_image_that_it_had() {
    let engine = shared();
    let home = Home::new(&engine);
    let proxy = Proxy::to(&home.api, home.file("engine.sock"));
    let url = home.serve_with(&proxy.host(), IMAGE).provision("same", "solo").url();
    let console = home.serve_with(&proxy.host(), "rocky/no-such:test");
    let before = home.api.container("rocky-same");
    // A repair of what answers as its row says does nothing, whatever image is configured by now.
    assert_eq!(console.repair("same").url(), url);
    assert_eq!(home.api.container("rocky-same")["Id"], before["Id"]);
    proxy.refuse_once("POST /containers/<id>/update", "the kernel of this machine cannot do that");
    assert_eq!(console.upgrade("same", "team").url(), url);
    let after = home.api.container("rocky-same");
    assert!(after["Id"] != before["Id"] && after["Image"] == before["Image"], "{after}");
    assert_eq!((console.found("same"), home.starts(&url)), ("serving".to_owned(), 2));
}

#[test]
fn one_that_ends_again_and_again_is_started_when_it_is_repaired() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    let url = console.provision("loops", "solo").url();
    let id = home.api.container("rocky-loops")["Id"].as_str().unwrap().to_owned();
    // The engine waits twice as long each time: after six of them it waits for seconds.
    until("a container that ends again and again", || {
        for pid in processes(&id) {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if name.trim() == "rocky-workspace" {
                // One that has ended by itself will do too.
                let _gone_already = kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::KILL);
            }
        }
        let container = home.api.container("rocky-loops");
        container["State"]["Status"] == "restarting" && container["RestartCount"].as_u64() >= Some(6)
    });
    assert_eq!(console.found("loops"), "broken");
    assert_eq!(console.repair("loops").url(), url, "{}", home.log());
    assert_eq!(console.found("loops"), "serving");
}

/// The engine makes the container after the console has given up on it and has taken back what there was.
#[test]
fn a_container_that_comes_late_is_found_and_taken_away() {
    let engine = shared();
    let home = Home::new(&engine);
    let proxy = Proxy::to(&home.api, home.file("engine.sock"));
    let console = home.serve_with(&proxy.host(), IMAGE);
    for (slug, stray) in [("late", false), ("stray", true)] {
        proxy.hold_once("POST /containers/create", Duration::from_secs(25));
        let answer = console.provision(slug, "solo");
        assert_eq!(answer.is(), (504, "engine-timed-out".to_owned()), "{}", answer.text);
        assert_eq!((home.pending().len(), home.there_is(slug)), (1, Vec::new()), "it is not over");
        if stray {
            // Somebody settles it before it comes.
            home.reconcile();
        }
        until("what comes late", || home.there_is(slug).len() == 2); // a container and a volume
        if stray {
            let output = home.run("reconcile", &[]);
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(!output.status.success() && said.contains("no row knows it"), "{said}");
            assert_eq!(console.provision(slug, "solo").status, 200, "its name is free, and has what was left");
            assert_eq!(home.what_is(&console, slug), "provisioned: it serves");
        } else {
            home.reconcile();
            assert_eq!(home.what_is(&console, slug), "failed: nothing is there");
        }
    }
    assert!(home.run("reconcile", &[]).status.success());
}

#[test]
fn two_networks_of_one_name_are_one_again() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    let url = console.provision("twice", "solo").url();
    let (_, network) = home.api.get("/networks/rocky-twice");
    let addresses = json!({"Config": [{"Subnet": "10.213.255.240/29", "Gateway": "10.213.255.241"}]});
    let second = json!({
        "Name": "rocky-twice", "Internal": true, "Labels": network["Labels"], "IPAM": addresses, "CheckDuplicate": false
    });
    home.api.post("/networks/create", &second);
    assert_eq!(home.api.get("/networks/rocky-twice").0, 400, "this engine does not make two of one name");
    home.api.post("/containers/rocky-twice/stop?t=2", &json!(null));
    assert_eq!(console.repair("twice").status, 200, "{}", home.log());
    assert_eq!((console.found("twice"), home.there_is("twice").len()), ("serving".to_owned(), 3));
    println!("it was at {url}, and is at {}", console.get("twice").url());
    assert_eq!(console.decommission("twice").status, 200);
    assert_eq!(home.what_is(&console, "twice"), "decommissioned: nothing is there");
}

#[test]
fn another_tenants_things_are_not_adopted() {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    assert_eq!(console.provision("theirs", "solo").status, 200);
    let (_, volume) = home.api.get("/volumes/rocky-theirs");
    home.api.clear("rocky.slug=theirs").unwrap();
    let mut labels = volume["Labels"].clone();
    labels["rocky.tenant"] = json!("globex");
    home.api.post("/volumes/create", &json!({"Name": "rocky-theirs", "Labels": labels}));
    assert_eq!(console.repair("theirs").is(), (409, "name-in-use".to_owned()));
    assert_eq!(home.api.get("/volumes/rocky-theirs").1["Labels"]["rocky.tenant"], "globex");
    assert_eq!(console.decommission("theirs").status, 200);
}

#[test]
fn another_engine_is_not_taken_for_the_one_that_has_the_workspaces() {
    let engine = shared();
    let home = Home::new(&engine);
    let url = home.serve().provision("here", "solo").url();
    let disk = SmallDisk::with_engine(96);
    disk.load(&Api::of(&engine), IMAGE);
    let console = home.serve_with(&disk.api().host(), IMAGE);
    assert_eq!(console.found("here"), "unknown");
    assert_eq!(console.repair("here").is(), (503, "other-engine".to_owned()));
    assert_eq!(console.provision("there", "solo").is(), (503, "other-engine".to_owned()));
    assert_eq!(console.decommission("here").is(), (502, "decommission-pending".to_owned()));
    assert_eq!(console.get("here").json()["state"], "decommissioning");
    drop(console);
    assert!(home.page(&url).is_some(), "it is where it was");
    // Back at the first one, it goes.
    let console = home.serve();
    home.awaits_the_end_of("here", &console);
    assert_eq!(home.what_is(&console, "here"), "decommissioned: nothing is there");
}

#[test]
fn a_home_that_lost_its_name_does_not_take_another() {
    let engine = shared();
    let home = Home::new(&engine);
    drop(home.serve().provision("named", "solo"));
    let name = fs::read(home.path.join("instance")).unwrap();
    fs::remove_file(home.path.join("instance")).unwrap();
    let output = home.run("reconcile", &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("put it back"), "{said}");
    assert!(!home.path.join("instance").exists());
    fs::write(home.path.join("instance"), name).unwrap();
    let console = home.serve();
    assert_eq!(console.found("named"), "serving");
    for address in ["0.0.0.0:0", "[::]:0", "10.213.0.1:0", "a-name:0"] {
        let output = home.run("serve", &["--listen", address]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && said.contains("workspaces would reach the console"), "{said}");
    }
}
