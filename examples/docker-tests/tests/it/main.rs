//! What only a real Docker Engine can show. `cargo xtask test --only docker` starts a private one, builds the workspace
//! image and the console, and ends it: these tests run there and nowhere else.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

mod api;
mod changes;
mod console;
mod drift;
mod engine;
mod faults;
mod image;
mod isolation;
mod kernel;
mod killed;
mod parity;
mod proxy;
mod small_disk;

use std::{
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    process::Command,
};

use engine::{alone, shared};

#[test]
fn the_engine_answers_and_has_the_image() {
    let engine = shared();
    assert!(engine.answers());
    let (status, image) = engine.get(&format!("/images/{}/json", engine::IMAGE)).unwrap();
    assert_eq!(status, 200, "{image}");
    assert_eq!(image["Config"]["User"], "10001:10001");
    assert_eq!(image["Config"]["Healthcheck"]["Test"][1], "/rocky-workspace");
    assert_eq!(engine.get("/images/no-such-image/json").unwrap().0, 404);
}

#[test]
fn the_console_is_there() {
    let said = Command::new(engine::console()).arg("--help").output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn the_engines_loopback_is_its_own_and_up() {
    let engine = shared();
    let listener = engine.inside(|| TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    engine.inside(|| TcpStream::connect(address)).unwrap();
    let outside = TcpStream::connect(address).map_err(|error| error.kind());
    assert_eq!(outside.unwrap_err(), ErrorKind::ConnectionRefused);
    let said = engine.program("ip").args(["-o", "link", "show", "docker0"]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn an_engine_is_stopped_killed_and_started_again_with_what_it_had() {
    let mut engine = alone();
    engine.stop();
    assert!(!engine.answers());
    engine.go_on();
    assert!(engine.answers());
    engine.kill();
    assert!(!engine.answers());
    engine.start();
    assert_eq!(engine.get(&format!("/images/{}/json", engine::IMAGE)).unwrap().0, 200);
    engine.restart();
    assert_eq!(engine.get(&format!("/images/{}/json", engine::IMAGE)).unwrap().0, 200);
}
