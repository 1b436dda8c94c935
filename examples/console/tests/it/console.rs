//! A console of a test's own, and requests to it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use rocky_sdk::hatch::{Record, records};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const WORKSPACES: &str = "/api/hearth/workspaces";

pub(crate) struct Home {
    pub(crate) path: PathBuf,
    /// Its workspaces end when this is gone.
    _folder: TempDir,
}

pub(crate) struct Console {
    child: Child,
    pub(crate) address: String,
    token: String,
    /// What it printed on standard output after its first line.
    output: BufReader<std::process::ChildStdout>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The `x-request-id` that it came with.
    pub(crate) request_id: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn is(&self) -> (u16, String) {
        (self.status, self.code())
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("rocky-").tempdir().unwrap();
        Home { path: folder.path().join("home"), _folder: folder }
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = console_command();
        command.arg(name).arg("--home").arg(&self.path);
        command
    }

    pub(crate) fn run(&self, name: &str) -> Output {
        self.command(name).output().unwrap()
    }

    pub(crate) fn serve(&self) -> Console {
        self.serve_with(&[])
    }

    /// With these settings.
    pub(crate) fn serve_with(&self, settings: &[(&str, &str)]) -> Console {
        let log = std::fs::File::options().append(true).create(true).open(self._folder.path().join("log")).unwrap();
        let mut child = self
            .command("serve")
            .args(["--listen", "127.0.0.1:0"])
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let log = || std::fs::read_to_string(self._folder.path().join("log")).unwrap();
        let address =
            line.trim_end().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}: {}", log()));
        let token = std::fs::read_to_string(self.path.join("token")).unwrap().trim().to_owned();
        Console { address: address.to_owned(), token, child, output }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self._folder.path().join("log")).unwrap()
    }

    pub(crate) fn hatch(&self) -> PathBuf {
        self.path.join("hatch")
    }

    /// The journal, less its own lines.
    pub(crate) fn events(&self) -> Vec<Record> {
        let lines = records(&self.hatch()).unwrap().map(Result::unwrap);
        lines.filter(|line| line.actionid.is_some() || line.kind == "auth.denied").collect()
    }

    pub(crate) fn story(&self) -> Vec<String> {
        let told = |event: &Record| match event.data_text("status") {
            Some(status) => format!("{} {status}", event.kind),
            None => event.kind.clone(),
        };
        self.events().iter().map(told).collect()
    }

    pub(crate) fn workspace(&self, slug: &str) -> PathBuf {
        self.path.join("workspaces").join(slug)
    }

    /// The process of a workspace, as it says itself.
    pub(crate) fn pid(&self, slug: &str) -> Pid {
        let address: Value =
            serde_json::from_slice(&std::fs::read(self.workspace(slug).join("address.json")).unwrap()).unwrap();
        Pid::from_raw(i32::try_from(address["pid"].as_i64().unwrap()).unwrap()).unwrap()
    }
}

pub(crate) fn console_command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rocky-console"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ROCKY_") {
            command.env_remove(name);
        }
    }
    command
}

impl Console {
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.try_send(method, path, body).unwrap()
    }

    pub(crate) fn try_send(&self, method: &str, path: &str, body: Option<Value>) -> io::Result<Answer> {
        read_answer(self.begin(method, path, body)?)
    }

    /// Sends a request and does not wait for its answer.
    pub(crate) fn begin(&self, method: &str, path: &str, body: Option<Value>) -> io::Result<TcpStream> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all((head + &body).as_bytes())?;
        Ok(stream)
    }

    pub(crate) fn provision(&self, slug: &str, tier: &str) -> Answer {
        self.send("POST", WORKSPACES, Some(json!({ "slug": slug, "tier": tier })))
    }

    pub(crate) fn upgrade(&self, slug: &str, tier: &str) -> Answer {
        self.send("POST", &format!("{WORKSPACES}/{slug}/upgrade"), Some(json!({ "tier": tier })))
    }

    pub(crate) fn repair(&self, slug: &str) -> Answer {
        self.send("POST", &format!("{WORKSPACES}/{slug}/repair"), None)
    }

    pub(crate) fn decommission(&self, slug: &str) -> Answer {
        self.send("DELETE", &format!("{WORKSPACES}/{slug}"), None)
    }

    pub(crate) fn get(&self, slug: &str) -> Answer {
        self.send("GET", &format!("{WORKSPACES}/{slug}"), None)
    }

    /// Its row's state, without a look at the workspace itself, which may take its time.
    pub(crate) fn state(&self, slug: &str) -> Option<String> {
        let rows = self.send("GET", WORKSPACES, None).json();
        let row = rows.as_array()?.iter().find(|row| row["slug"] == slug)?;
        row["state"].as_str().map(str::to_owned)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// As a power cut does.
    pub(crate) fn kill(mut self) {
        kill_process(self.pid(), Signal::KILL).unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; its exit code, and what else it had printed.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // A test that failed leaves no console behind; one that stopped it has waited for it already.
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

pub(crate) fn read_answer(mut stream: TcpStream) -> io::Result<Answer> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let request_id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap_or_default().to_owned();
    Ok(Answer { status, request_id, text: body.to_owned() })
}

/// What answers at a workspace's address, if anything does.
pub(crate) fn page(url: &str) -> Option<String> {
    let address = url.strip_prefix("http://")?.strip_suffix('/')?;
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
    read_answer(stream).ok().map(|answer| answer.text)
}

/// Waits until it is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < patience, "{what} never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The processes that were started for workspaces below this home and still live.
pub(crate) fn processes_of(home: &Path) -> Vec<i32> {
    let ours = format!("ROCKY_WORKSPACE={}", home.canonicalize().unwrap().join("workspaces").display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(ours.as_bytes())) {
            found.push(pid);
        }
    }
    found
}
