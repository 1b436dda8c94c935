//! What a workspace can reach and do, tried from inside it.

use std::{fs, net::TcpListener, path::Path};

use crate::{
    console::{Console, Home},
    engine::{Shared, shared},
    kernel::{Limits, processes},
};

/// Two workspaces of one console, and the engine for as long as they are there.
struct Two {
    home: Home,
    console: Console,
    /// Where the first one is, and the second one: addresses without ports.
    addresses: [String; 2],
    engine: Shared,
}

fn two(names: [&str; 2]) -> Two {
    let engine = shared();
    let home = Home::new(&engine);
    let console = home.serve();
    let addresses = names.map(|name| {
        let url = console.provision(name, "solo").url();
        url.strip_prefix("http://").and_then(|rest| rest.strip_suffix(":8080/")).unwrap().to_owned()
    });
    Two { home, console, addresses, engine }
}

fn gateway(home: &Home, slug: &str) -> String {
    let (status, network) = home.api.get(&format!("/networks/rocky-{slug}"));
    assert!(status == 200 && network["Internal"] == true, "{network}");
    network["IPAM"]["Config"][0]["Gateway"].as_str().unwrap().to_owned()
}

#[test]
fn a_workspace_reaches_no_other_one_and_not_the_console() {
    let Two { home, console, addresses: [here, there], engine } = &two(["near", "far"]);
    let probe = |address: &str, port: &str| home.api.inside("rocky-near", &["probe", address, port]);
    let unreachable = |what: &str, address: &str, port: &str| {
        let (reached, said) = probe(address, port);
        assert!(!reached && said.contains("is not reached"), "{what}: {said}");
    };
    let (own_gateway, other_gateway) = (gateway(home, "near"), gateway(home, "far"));
    let port = console.address.rsplit(':').next().unwrap();

    // What there is to reach is reached: by itself, and of this machine what listens on an address of its.
    assert!(probe("127.0.0.1", "8080").0 && probe(here, "8080").0);
    let listener = engine.inside(|| TcpListener::bind((own_gateway.as_str(), 0))).unwrap();
    let listens = listener.local_addr().unwrap().port().to_string();
    assert!(probe(&own_gateway, &listens).0);
    assert!(home.page(&format!("http://{there}:8080/")).unwrap().contains("<h1>far</h1>"));

    unreachable("the other workspace", there, "8080");
    unreachable("the machine's loopback", "127.0.0.1", port);
    unreachable("the console, by its bridge", &own_gateway, port);
    unreachable("the console, by another bridge", &other_gateway, port);
    unreachable("the bridge that Docker brings", "172.17.0.1", port);
    unreachable("the world", "192.0.2.1", "80");
    // Nor the other way round.
    assert!(!home.api.inside("rocky-far", &["probe", here, "8080"]).0);
}

#[test]
fn the_engines_socket_is_not_in_a_workspace() {
    let Two { home, .. } = &two(["socket", "other-socket"]);
    let container = home.api.container("rocky-socket");
    let mounts = container["Mounts"].as_array().unwrap();
    assert!(!mounts.is_empty() && mounts.iter().all(|mount| mount["Type"] != "bind"), "{mounts:?}");
    assert!(container["HostConfig"]["Binds"].as_array().is_none_or(Vec::is_empty), "{container}");
    let pid = processes(container["Id"].as_str().unwrap())[0];
    let root = format!("/proc/{pid}/root");
    // The control: this is where its files are.
    assert!(Path::new(&format!("{root}/rocky-workspace")).exists());
    let sockets = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock"].map(str::to_owned);
    for socket in sockets.into_iter().chain([home.api.socket().display().to_string()]) {
        let (written, said) = home.api.inside("rocky-socket", &["write", &socket]);
        // A socket that is there says `No such device or address`.
        assert!(!written && (said.contains("(os error 2)") || said.contains("(os error 30)")), "{said}");
        assert!(!Path::new(&format!("{root}{socket}")).exists(), "{socket}");
    }
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    assert!(!table.contains("docker.sock") && !table.contains("containerd.sock"), "{table}");
}

#[test]
fn a_workspace_has_no_capability_no_new_privileges_and_a_filter() {
    let Two { home, .. } = &two(["may", "other-may"]);
    let none = "0000000000000000";
    let wanted = [
        ("Uid", "10001\t10001\t10001\t10001"),
        ("Gid", "10001\t10001\t10001\t10001"),
        ("CapInh", none),
        ("CapPrm", none),
        ("CapEff", none),
        ("CapBnd", none),
        ("CapAmb", none),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ];
    let as_wanted = |whose: &str, status: &str| {
        for (name, value) in wanted {
            let line = format!("{name}:\t{value}");
            assert!(status.lines().any(|said| said == line), "{whose}: {line} is not in:\n{status}");
        }
    };
    let (_, said) = home.api.inside("rocky-may", &["status"]);
    as_wanted("what it says itself", &said);
    // And every process of it, its init too, as they are seen from outside.
    let all = processes(home.api.container("rocky-may")["Id"].as_str().unwrap());
    let seen = all.iter().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok());
    // One that was ending as it was looked at has no user any more that counts; the two that stay are seen.
    let seen: Vec<String> = seen.filter(|status| !status.contains("State:\tZ") && !status.contains("runc")).collect();
    assert!(seen.len() >= 2, "{seen:?}");
    for status in seen {
        as_wanted(status.lines().next().unwrap(), &status);
    }
}

#[test]
fn a_workspace_writes_its_data_and_its_tmp_and_nothing_else() {
    let Two { home, .. } = &two(["disk", "other-disk"]);
    let write = |path: &str| home.api.inside("rocky-disk", &["write", path]);
    for path in ["/data/file", "/tmp/file"] {
        let (written, said) = write(path);
        assert!(written, "{said}");
    }
    for path in ["/file", "/rocky-workspace", "/etc/file", "/proc/sys/kernel/core_pattern", "/sys/file"] {
        let (written, said) = write(path);
        assert!(!written, "{said}");
    }
    assert!(write("/file").1.contains("(os error 30)"), "the root is read-only, whoever it belongs to");
    let pid = processes(home.api.container("rocky-disk")["Id"].as_str().unwrap())[0];
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let options = |at: &str| {
        let line =
            table.lines().find(|line| line.split(' ').nth(4) == Some(at)).unwrap_or_else(|| panic!("{at}: {table}"));
        line.split(' ').nth(5).unwrap().split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    let has = |at: &str, option: &str| options(at).iter().any(|found| found == option);
    assert!(has("/", "ro"), "{table}");
    for option in ["rw", "noexec", "nosuid", "nodev"] {
        assert!(has("/tmp", option), "{option}: {table}");
    }
    let tmp = table.lines().find(|line| line.split(' ').nth(4) == Some("/tmp")).unwrap();
    assert!(tmp.contains("size=65536k"), "{tmp}");
}

#[test]
fn the_limits_are_the_kernels_and_a_workspace_meets_them() {
    let Two { home, console, addresses: [here, _], .. } = &two(["limit", "other-limit"]);
    let spawned = || {
        let (_, said) = home.api.inside("rocky-limit", &["spawn", "300"]);
        said.strip_suffix(" of 300").and_then(|came| came.parse::<u64>().ok()).unwrap_or_else(|| panic!("{said}"))
    };
    let id = home.api.container("rocky-limit")["Id"].as_str().unwrap().to_owned();
    let limits = Limits::of(&id);
    assert_eq!((limits.pids, limits.memory_and_swap), (128, limits.memory));
    let came = spawned();
    assert!((1..limits.pids).contains(&came), "{came} of 300");
    // It was only itself that it kept from more.
    assert_eq!(home.starts(&format!("http://{here}:8080/")), 1);
    // The control: a higher tier lets all of them come about.
    assert_eq!(console.upgrade("limit", "team").status, 200);
    assert_eq!((Limits::of(&id).pids, spawned()), (512, 300));
}
