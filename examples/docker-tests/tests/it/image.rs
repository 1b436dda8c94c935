//! The workspace image, by hand: what it does in a container that may do little.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Output},
    time::Duration,
};

use crate::engine::{Engine, IMAGE, shared, until};

/// A container and its volume, which are gone with this.
struct Container<'e> {
    engine: &'e Engine,
    name: &'static str,
}

impl<'e> Container<'e> {
    fn run(engine: &'e Engine, name: &'static str) -> Self {
        let volume = format!("{name}:/data");
        let mut words = vec!["run", "--detach", "--name", name, "--volume", &volume, "--env=ROCKY_SLUG=acme", "--init"];
        words.extend(["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=64", IMAGE]);
        let container = Container { engine, name };
        container.ask(&words);
        container
    }

    fn docker(&self, words: &[&str]) -> Output {
        Command::new("docker").arg("--host").arg(self.engine.host()).args(words).output().unwrap()
    }

    /// What the engine says, where it does what it is asked.
    fn ask(&self, words: &[&str]) -> String {
        let output = self.docker(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// What the program says to this inside, and whether it went well.
    fn inside(&self, words: &[&str]) -> (bool, String) {
        let output = self.docker(&[&["exec", self.name, "/rocky-workspace"][..], words].concat());
        (output.status.success(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    }

    fn becomes_healthy(&self) {
        until("a healthy container", || {
            self.ask(&["inspect", "--format", "{{.State.Health.Status}}", self.name]) == "healthy"
        });
    }

    fn page(&self) -> String {
        let ip = self.ask(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", self.name]);
        self.engine.inside(|| {
            let mut stream = TcpStream::connect((ip.as_str(), 8080)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let mut page = String::new();
            stream.read_to_string(&mut page).unwrap();
            page
        })
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.docker(&["rm", "--force", "--volumes", self.name]);
        self.docker(&["volume", "rm", "--force", self.name]);
    }
}

#[test]
fn the_image_serves_and_keeps_its_data() {
    let engine = shared();
    let container = Container::run(&engine, "rocky-image-test");
    container.becomes_healthy();
    let page = container.page();
    assert!(page.contains("<h1>acme</h1>") && page.contains("<dt>starts</dt><dd>1</dd>"), "{page}");
    container.ask(&["restart", container.name]);
    container.becomes_healthy();
    assert!(container.page().contains("<dt>starts</dt><dd>2</dd>"));
}

#[test]
fn the_image_can_say_what_its_container_lets_it_do() {
    let engine = shared();
    let container = Container::run(&engine, "rocky-image-inside-test");
    container.becomes_healthy();
    let (_, status) = container.inside(&["status"]);
    let none = "0000000000000000";
    for line in [
        "Uid:\t10001\t10001\t10001\t10001",
        &format!("CapEff:\t{none}"),
        &format!("CapBnd:\t{none}"),
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.lines().any(|said| said == line), "{line} is not in:\n{status}");
    }
    assert!(container.inside(&["write", "/data/file"]).0);
    assert!(!container.inside(&["write", "/file"]).0);
    assert!(container.inside(&["probe", "127.0.0.1", "8080"]).0);
    assert!(!container.inside(&["probe", "127.0.0.1", "8081"]).0);
    let (_, spawned) = container.inside(&["spawn", "200"]);
    let came: u32 = spawned.strip_suffix(" of 200").unwrap().parse().unwrap();
    assert!((1..64).contains(&came), "{spawned}");
}
