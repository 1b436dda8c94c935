//! The whole life of a workspace: solo, LocalDocker, LocalAuth, in a network that leads nowhere.

use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::json;

use crate::{
    console::Home,
    engine::{Engine, IMAGE, shared},
    kernel::Limits,
    proxy::Proxy,
};

const SOLO: Limits = Limits::tier(256, 500, 128);
const TEAM: Limits = Limits::tier(1024, 1000, 512);

/// Nothing but its loopback and its bridges is in the engine's network, and no way leads out of it.
fn leads_nowhere(engine: &Engine) {
    let (interfaces, routes) = engine.inside(|| {
        // Of the thread that asks: this process may be elsewhere.
        let read = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}")).unwrap();
        (read("dev"), read("route"))
    });
    let interfaces: Vec<&str> =
        interfaces.lines().skip(2).filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect();
    assert!(interfaces.contains(&"lo"), "{interfaces:?}");
    let bridge = |name: &&str| *name == "docker0" || name.starts_with("br-") || name.starts_with("veth");
    assert!(interfaces.iter().filter(|name| **name != "lo").all(bridge), "{interfaces:?}");
    let out = |line: &&str| line.split_whitespace().nth(1) == Some("00000000");
    assert_eq!(routes.lines().find(out), None);
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 80));
    let reached = engine.inside(|| TcpStream::connect_timeout(&elsewhere, Duration::from_secs(1)));
    assert_eq!(reached.unwrap_err().kind(), ErrorKind::NetworkUnreachable);
}

#[test]
fn a_workspace_lives_its_whole_life_in_a_network_that_leads_nowhere() {
    let engine = shared();
    leads_nowhere(&engine);
    let home = Home::new(&engine);
    let console = home.serve();

    let made = console.provision("parity", "solo");
    let (url, row) = (made.url(), made.json());
    for (field, is) in
        [("slug", "parity"), ("tenant", "local"), ("tier", "solo"), ("state", "active"), ("driver", "docker")]
    {
        assert_eq!(row[field], is, "{row}");
    }
    let page = home.page(&url).unwrap();
    assert!(page.contains("<h1>parity</h1>") && page.contains("<dd>local</dd>"), "{page}");
    assert_eq!((console.found("parity"), home.starts(&url)), ("serving".to_owned(), 1));
    let before = home.api.container("rocky-parity");
    let id = before["Id"].as_str().unwrap();
    assert_eq!(Limits::of(id), SOLO);

    // Other limits, and it did not even notice.
    let upgraded = console.upgrade("parity", "team");
    assert_eq!((upgraded.url(), upgraded.json()["tier"].as_str()), (url.clone(), Some("team")));
    let after = home.api.container("rocky-parity");
    for what in ["/Id", "/State/StartedAt", "/State/Pid", "/RestartCount"] {
        assert_eq!(before.pointer(what), after.pointer(what), "{what}");
    }
    assert_eq!((Limits::of(id), home.starts(&url)), (TEAM, 1));

    // Somebody stops it: that shows, stays so, and is mended when somebody says so.
    home.api.post("/containers/rocky-parity/stop?t=2", &json!(null));
    assert_eq!((console.found("parity"), home.page(&url)), ("broken".to_owned(), None));
    let repaired = home.run("repair", &["parity", "--at", &console.address]);
    assert!(repaired.status.success(), "{}", String::from_utf8_lossy(&repaired.stderr));
    assert_eq!((console.found("parity"), home.starts(&url)), ("serving".to_owned(), 2));

    // Somebody takes it away: its data was not in it.
    home.api.delete("/containers/rocky-parity?force=1");
    assert!(["broken", "absent"].contains(&console.found("parity").as_str()));
    assert_eq!(console.repair("parity").url(), url);
    assert_eq!((console.found("parity"), home.starts(&url)), ("serving".to_owned(), 3));
    let anew = home.api.container("rocky-parity");
    assert_ne!(anew["Id"], before["Id"]);
    assert_eq!(Limits::of(anew["Id"].as_str().unwrap()), TEAM);

    let gone = console.decommission("parity");
    assert_eq!(gone.status, 200, "{}", gone.text);
    assert_eq!((home.all_there_is(), home.page(&url)), (Vec::new(), None));
    assert_eq!(home.what_is(&console, "parity"), "decommissioned: nothing is there");
    assert_eq!(
        home.story(),
        [
            "hearth.provisioning_started",
            "hearth.provisioned succeeded",
            "hearth.upgrade_started",
            "hearth.upgraded succeeded",
            "hearth.repair_started",
            "hearth.repaired succeeded",
            "hearth.repair_started",
            "hearth.repaired succeeded",
            "hearth.decommission_started",
            "hearth.decommissioned succeeded",
        ]
    );
}

#[test]
fn an_upgrade_that_cannot_be_done_in_place_makes_the_container_anew_and_keeps_data_and_url() {
    let engine = shared();
    let home = Home::new(&engine);
    let proxy = Proxy::to(&home.api, home.file("engine.sock"));
    let console = home.serve_with(&proxy.host(), IMAGE);
    let url = console.provision("anew", "solo").url();
    let before = home.api.container("rocky-anew");
    proxy.refuse_once("POST /containers/<id>/update", "the kernel of this machine cannot do that");
    let upgraded = console.upgrade("anew", "team");
    assert!(proxy.has_refused());
    assert_eq!((upgraded.url(), upgraded.json()["tier"].as_str()), (url.clone(), Some("team")));
    let after = home.api.container("rocky-anew");
    assert_ne!(after["Id"], before["Id"]);
    assert_eq!(Limits::of(after["Id"].as_str().unwrap()), TEAM);
    assert_eq!((console.found("anew"), home.starts(&url)), ("serving".to_owned(), 2));
    assert_eq!(console.decommission("anew").status, 200);
    assert_eq!(home.what_is(&console, "anew"), "decommissioned: nothing is there");
}
