//! The cloud console as a program: what its operator starts, and what its commands say, beside it and without it.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use rocky_cloud_tests::{
    better_auth::{BetterAuthServer, Cookies, Settings},
    fake_polar::{FakePolar, Trouble, secret},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

const WORKSPACES: &str = "/api/hearth/workspaces";
const PATIENCE: Duration = Duration::from_secs(60);

/// A home, and what its console is told.
struct Home {
    folder: TempDir,
    settings: Vec<(&'static str, String)>,
}

struct Console {
    child: Child,
    address: String,
}

impl Home {
    fn path(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocky-cloud-tests"));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ROCKY_")) {
            command.env_remove(name);
        }
        command
            .args(words)
            .arg("--home")
            .arg(self.path())
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Exit code, and all that it said.
    fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = self.command(words).output().unwrap();
        (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
    }

    fn serve(&self) -> Console {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Console { child, address }
    }
}

impl Console {
    fn send(&self, who: &Cookies, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (address, cookies) = (&self.address, &who.all);
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\ncookie: {cookies}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        let status = said.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(said.split_once("\r\n\r\n").unwrap().1).unwrap_or(Value::Null))
    }

    fn state(&self, who: &Cookies, slug: &str) -> String {
        let (status, row) = self.send(who, "GET", &format!("{WORKSPACES}/{slug}"), None);
        assert_eq!(status, 200, "{row}");
        row["state"].as_str().unwrap().to_owned()
    }

    /// Ends it as a service manager does.
    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // One that was stopped is gone already.
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

#[test]
fn an_operator_puts_workspaces_in_step_beside_a_console_and_without_one() {
    let (auth, polar) = (BetterAuthServer::start(Settings::default()), FakePolar::start());
    let person = auth.person("admin");
    let who = auth.sign_in(&person);
    let customer = polar.customer(&person.id);
    customer.benefit("team");
    let home = Home {
        folder: tempfile::Builder::new().prefix("rocky-").tempdir().unwrap(),
        settings: vec![
            ("ROCKY_AUTH", "airlock".to_owned()),
            ("ROCKY_AIRLOCK_URL", auth.url.clone()),
            ("ROCKY_BILLING", "enabled".to_owned()),
            ("ROCKY_POLAR_URL", polar.url().to_owned()),
            ("ROCKY_POLAR_TOKEN", polar.token()),
            ("ROCKY_POLAR_WEBHOOK_SECRET", secret()),
            ("ROCKY_POLAR_CHECKOUT", format!("business={}", polar.product("business"))),
        ],
    };
    let console = home.serve();
    let made = console.send(&who, "POST", WORKSPACES, Some(json!({"slug": "blue", "tier": "team"})));
    assert_eq!(made.0, 200, "{}", made.1);
    // Whoever lacks a tier hears which, and where to pay for it.
    let path = format!("{WORKSPACES}/blue/upgrade");
    let (status, said) = console.send(&who, "POST", &path, Some(json!({"tier": "business"})));
    assert_eq!((status, said["code"].as_str(), said["tier"].as_str()), (402, Some("not-entitled"), Some("business")));
    assert!(said["checkout_url"].as_str().is_some_and(|url| url.starts_with("http")), "{said}");

    let in_step = (Some(0), "every workspace is in step with what is paid for\n".to_owned());
    assert_eq!(home.run(&["billing", "sync"]), in_step);
    customer.lapses();
    let (code, said) = home.run(&["billing", "sync"]);
    assert!(code == Some(0) && said.contains("read-only: its tier is not paid for any more"), "{code:?} {said}");
    assert_eq!(console.state(&who, "blue"), "read_only");
    assert_eq!(home.run(&["billing", "sync"]), in_step);
    polar.always(Trouble::Status(500));
    let (code, said) = home.run(&["billing", "sync"]);
    assert!(code == Some(1) && said.contains("left: Polar answered 500"), "{code:?} {said}");
    polar.recovers();
    console.stop();

    customer.benefit("team");
    let (code, said) = home.run(&["billing", "sync"]);
    assert!(code == Some(0) && said.contains("restored: its tier is paid for again"), "{code:?} {said}");
    let (code, said) = home.run(&["audit", "verify"]);
    assert_eq!(code, Some(0), "{said}");
    let console = home.serve();
    assert_eq!(console.state(&who, "blue"), "active");
    assert_eq!(console.send(&who, "DELETE", &format!("{WORKSPACES}/blue"), None).0, 200);
    console.stop();
}

#[test]
fn what_cannot_be_started_says_why_and_leaves_nothing() {
    let airlock = ("ROCKY_AIRLOCK_URL", "http://127.0.0.1:9");
    let (token, secret) = (("ROCKY_POLAR_TOKEN", "polar_oat_hush"), ("ROCKY_POLAR_WEBHOOK_SECRET", "hush"));
    let (by_airlock, enabled, disabled) =
        (("ROCKY_AUTH", "airlock"), ("ROCKY_BILLING", "enabled"), ("ROCKY_BILLING", "disabled"));
    for (settings, words, says) in [
        (&[][..], &["serve"][..], "ROCKY_AUTH is not set, and a build for the cloud has no default for it"),
        (&[by_airlock, airlock][..], &["serve"][..], "ROCKY_BILLING is not set"),
        (&[by_airlock, enabled, airlock][..], &["serve"][..], "ROCKY_BILLING=enabled needs ROCKY_POLAR_TOKEN"),
        (&[("ROCKY_AUTH", "local"), enabled, token][..], &["serve"][..], "a local identity has no customer"),
        (&[by_airlock, disabled, ("ROCKY_AIRLOCK_URL", "http://auth.example")][..], &["serve"][..], "it is not https"),
        (&[by_airlock, enabled, airlock, token, secret][..], &["serve"][..], "at least 16 characters"),
        (&[by_airlock, disabled, airlock][..], &["billing", "sync"][..], "there is nothing to sync with"),
        (&[by_airlock, disabled, airlock][..], &["token"][..], "has no local user"),
    ] {
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let home = Home { folder: tempfile::tempdir().unwrap(), settings };
        let (code, said) = home.run(words);
        assert!(code == Some(2) && said.contains(says) && !said.contains("hush"), "{words:?}: {code:?} {said}");
        assert!(!home.path().exists(), "{says}: it left a home behind");
    }
}
