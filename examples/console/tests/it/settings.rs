//! What this build cannot honour, and homes that cannot be trusted: no start, and a sentence that says why.

use std::{fs, os::unix::fs::PermissionsExt};

use crate::console::{Home, console_command};

#[test]
fn a_setting_that_this_build_cannot_honour_ends_with_2_and_one_sentence() {
    let home = Home::new();
    for (name, value, says) in [
        ("ROCKY_AUTH", "airlock", "feature `airlock`"),
        ("ROCKY_AUTH", "magic", "is not a mode"),
        ("ROCKY_BILLING", "enabled", "feature `polar`"),
        ("ROCKY_HATCH", "postgres", "feature `postgres`"),
        ("ROCKY_POLAR_TOKEN", "t", "feature `polar`"),
    ] {
        for command in ["serve", "pending", "reconcile", "token"] {
            let output = home.command(command).env(name, value).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name}={value}: {said}");
            assert!(said.contains(says) && said.trim_end().lines().count() == 1, "{said}");
        }
    }
    let both = home.command("serve").env("ROCKY_AUTH", "local").env("ROCKY_BILLING", "enabled").output().unwrap();
    assert_eq!(both.status.code(), Some(2));
    for (driver, host, says) in [
        ("magic", "", "they are process and docker"),
        ("docker", "tcp://127.0.0.1:2375", "host is a Unix socket, unix:///path, and not tcp://127.0.0.1:2375"),
    ] {
        let output = home.command("serve").args(["--driver", driver]).env("DOCKER_HOST", host).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(says) && said.trim_end().lines().count() == 1, "{said}");
    }
    assert!(!home.path.exists(), "a refused start leaves nothing behind");
}

#[test]
fn the_modes_of_this_build_may_be_said_out_loud_and_the_environment_names_the_home() {
    let home = Home::new();
    let output = console_command()
        .arg("pending")
        .envs([("ROCKY_AUTH", "local"), ("ROCKY_BILLING", "disabled"), ("ROCKY_HATCH", "journal")])
        .env("ROCKY_HOME", &home.path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "there is no such home yet");
    assert!(String::from_utf8(output.stderr).unwrap().contains(home.path.to_str().unwrap()));
}

#[test]
fn an_identity_that_cannot_be_trusted_does_not_start() {
    let home = Home::new();
    assert_eq!(home.serve().stop().0, Some(0));
    let identity = home.path.join("identity.json");
    let good = fs::read(&identity).unwrap();
    let refused = |says: &str| {
        let output = home.run("serve");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{said}");
        assert!(output.stdout.is_empty());
    };
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o644)).unwrap();
    refused("chmod 600");
    fs::set_permissions(&identity, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&identity, &good[..good.len() / 2]).unwrap();
    refused("does not hold an identity");
    fs::write(&identity, &good).unwrap();
    assert_eq!(home.serve().stop().0, Some(0));
}

#[test]
fn a_second_console_in_one_home_does_not_start() {
    let home = Home::new();
    let console = home.serve();
    let second = home.command("serve").args(["--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8(second.stderr).unwrap().contains("held by another process"));
    assert_eq!(console.provision("acme", "solo").status, 200, "the first one serves on");
    assert_eq!(console.decommission("acme").status, 200);
}

#[test]
fn the_environment_says_where_to_listen() {
    let home = Home::new();
    let mut child = home
        .command("serve")
        .env("ROCKY_LISTEN", "127.0.0.1:0")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line:?}");
    let empty = home.command("serve").env("ROCKY_LISTEN", "").output().unwrap();
    assert_eq!(empty.status.code(), Some(2));
}
