//! A console of a test's own whose driver is `docker`, requests to it, and whether what it says is so.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::OnceLock,
    time::Duration,
};

use rocky_sdk::hatch::{Record, Tombstone, Verifier, pending, records};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    api::Api,
    engine::{self, Engine, IMAGE, until},
};

pub(crate) const WORKSPACES: &str = "/api/hearth/workspaces";
/// Longer than an action and all that comes after it may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a workspace's page may take.
const SOON: Duration = Duration::from_secs(5);

/// A home, and whatever its workspaces have on the engine. Both are gone with this.
pub(crate) struct Home {
    engine: Engine,
    pub(crate) api: Api,
    pub(crate) path: PathBuf,
    folder: TempDir,
}

pub(crate) struct Console {
    child: Child,
    engine: Engine,
    pub(crate) address: String,
    token: String,
    /// Held open: what it prints later must not end it.
    _output: BufReader<ChildStdout>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn is(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    /// The URL of a workspace that was made.
    pub(crate) fn url(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["url"].as_str().unwrap().to_owned()
    }
}

/// The console's program: the one that `ROCKY_CONSOLE` names, or the one beside these tests, built first.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if let Some(program) = env::var_os("ROCKY_CONSOLE") {
            return program.into();
        }
        let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--locked", "-p", "rocky-console"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the console could not be built");
        engine::console()
    })
}

impl Home {
    pub(crate) fn new(engine: &Engine) -> Self {
        Home::with(engine, Api::of(engine))
    }

    /// Its workspaces are on this engine, which need not be the one whose network the console is in.
    pub(crate) fn with(engine: &Engine, api: Api) -> Self {
        let folder = tempfile::Builder::new().prefix("rocky-").tempdir().unwrap();
        Home { engine: engine.clone(), api, path: folder.path().join("home"), folder }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// In the engine's network.
    fn command(&self, name: &str, host: &str, image: &str) -> Command {
        let mut command = self.engine.program(program());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("ROCKY_") {
                command.env_remove(name);
            }
        }
        command.env("DOCKER_HOST", host).env("ROCKY_DRIVER", "docker").env("ROCKY_WORKSPACE_IMAGE", image);
        command.arg(name).arg("--home").arg(&self.path);
        command
    }

    pub(crate) fn run(&self, name: &str, words: &[&str]) -> Output {
        self.command(name, &self.api.host(), IMAGE).args(words).output().unwrap()
    }

    /// Has everything settled; what was said of it.
    pub(crate) fn reconcile(&self) -> String {
        let output = self.run("reconcile", &[]);
        let said = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "reconcile left something: {said}{errors}{}", self.log());
        said
    }

    pub(crate) fn serve(&self) -> Console {
        self.serve_with(&self.api.host(), IMAGE)
    }

    /// With the engine behind this socket, and this image.
    pub(crate) fn serve_with(&self, host: &str, image: &str) -> Console {
        let log = fs::File::options().append(true).create(true).open(self.file("log")).unwrap();
        let mut command = self.command("serve", host, image);
        for name in ["ROCKY_DRIVER", "ROCKY_WORKSPACE_IMAGE"] {
            command.env_remove(name);
        }
        command.args(["--driver", "docker", "--image", image, "--listen", "127.0.0.1:0"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("{line:?}: {}", self.log())).to_owned();
        let token = fs::read_to_string(self.path.join("token")).unwrap().trim().to_owned();
        Console { child, engine: self.engine.clone(), address, token, _output: output }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap_or_default()
    }

    pub(crate) fn hatch(&self) -> PathBuf {
        self.path.join("hatch")
    }

    /// The journal, less its own lines.
    pub(crate) fn events(&self) -> Vec<Record> {
        let lines = records(&self.hatch()).unwrap().map(Result::unwrap);
        lines.filter(|line| line.actionid.is_some()).collect()
    }

    pub(crate) fn story(&self) -> Vec<String> {
        let told = |event: &Record| match event.data_text("status") {
            Some(status) => format!("{} {status}", event.kind),
            None => event.kind.clone(),
        };
        self.events().iter().map(told).collect()
    }

    /// Why the last action failed, as its event says.
    pub(crate) fn why(&self) -> String {
        self.events().last().unwrap().data_text("error").unwrap_or_default()
    }

    pub(crate) fn pending(&self) -> Vec<Tombstone> {
        pending(&self.hatch()).unwrap()
    }

    /// Waits until a decommission that is tried again by itself has come about, with its outcome.
    pub(crate) fn awaits_the_end_of(&self, slug: &str, console: &Console) {
        until("the decommission", || {
            let open = self.pending();
            console.get(slug).status == 404 && open.iter().all(|action| action.subject.as_deref() != Some(slug))
        });
    }

    /// What is on the engine of this workspace, whichever home made it.
    pub(crate) fn there_is(&self, slug: &str) -> Vec<String> {
        self.api.labelled(&format!("rocky.slug={slug}")).unwrap().iter().map(ToString::to_string).collect()
    }

    /// What is on the engine of any workspace of this home.
    pub(crate) fn all_there_is(&self) -> Vec<String> {
        self.api.labelled(&self.label().unwrap()).unwrap().iter().map(ToString::to_string).collect()
    }

    /// What only this home's things are labelled with; nothing before its first console.
    fn label(&self) -> Option<String> {
        let instance = fs::read_to_string(self.path.join("instance")).ok()?;
        Some(format!("rocky.instance={}", instance.trim()))
    }

    /// The journal is whole, and each action in it has started once and ended once, in this order.
    pub(crate) fn journal_is_true_to_form(&self) {
        let verdicts = Verifier::new().verify(&self.hatch(), &|_| {}).unwrap();
        assert!(verdicts.hold(), "{:?} {:?}", verdicts.chain.broken, verdicts.checkpoints.broken);
        assert!(verdicts.tombstones.is_empty(), "{:?}", verdicts.tombstones);
        let mut actions: BTreeMap<_, Vec<bool>> = BTreeMap::new();
        for event in self.events() {
            actions.entry(event.actionid).or_default().push(event.kind.ends_with("_started"));
        }
        for (actionid, events) in &actions {
            assert_eq!(events, &[true, false], "{actionid:?}: started, then its outcome");
        }
    }

    /// What became of a workspace whose last action is over. It is the same in the journal, in its row and on the
    /// engine.
    pub(crate) fn what_is(&self, console: &Console, slug: &str) -> &'static str {
        self.journal_is_true_to_form();
        let about = |event: &&Record| event.subject.as_deref() == Some(slug);
        let last = self.events().iter().rfind(about).unwrap().kind.clone();
        let (row, there) = (console.get(slug), self.there_is(slug));
        match last.as_str() {
            "hearth.provisioned" => {
                assert_eq!(row.status, 200, "{}", row.text);
                let said = row.json();
                assert_eq!((said["state"].as_str(), said["found"].as_str()), (Some("active"), Some("serving")));
                assert!(self.page(&row.url()).is_some_and(|page| page.contains(&format!("<h1>{slug}</h1>"))));
                assert_eq!(there, ["container", "network", "volume"].map(|kind| format!("{kind} rocky-{slug}")));
                "provisioned: it serves"
            }
            gone @ ("hearth.failed" | "hearth.decommissioned") => {
                assert_eq!(row.is(), (404, "unknown-workspace".to_owned()), "{gone}, and there is a row");
                assert!(there.is_empty(), "{gone}, and there is {there:?}");
                if gone == "hearth.failed" { "failed: nothing is there" } else { "decommissioned: nothing is there" }
            }
            other => panic!("{slug} ends with {other}"),
        }
    }

    /// What answers at a workspace's address, if anything does.
    pub(crate) fn page(&self, url: &str) -> Option<String> {
        let address = url.strip_prefix("http://")?.strip_suffix('/')?.parse().ok()?;
        self.engine.inside(|| {
            let mut stream = TcpStream::connect_timeout(&address, SOON).ok()?;
            stream.set_read_timeout(Some(SOON)).ok()?;
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
            read_answer(stream).ok().map(|answer| answer.text)
        })
    }

    /// How often the workspace there was started on the data that it has, as its page says.
    pub(crate) fn starts(&self, url: &str) -> u32 {
        let page = self.page(url).unwrap_or_else(|| panic!("nothing answers at {url}"));
        let (_, said) = page.split_once("<dt>starts</dt><dd>").unwrap();
        said.split('<').next().unwrap().parse().unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(label) = self.label()
            && let Err(error) = self.api.clear(&label)
        {
            eprintln!("what {} made is still there: {error}", self.path.display());
        }
        if std::thread::panicking() {
            eprintln!("the consoles of {} said:\n{}", self.path.display(), self.log());
        }
    }
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
        let mut stream = self.engine.inside(|| TcpStream::connect(&self.address))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all((head + &body).as_bytes())?;
        Ok(stream)
    }

    pub(crate) fn begin_provision(&self, slug: &str, tier: &str) -> io::Result<TcpStream> {
        self.begin("POST", WORKSPACES, Some(json!({ "slug": slug, "tier": tier })))
    }

    pub(crate) fn provision(&self, slug: &str, tier: &str) -> Answer {
        read_answer(self.begin_provision(slug, tier).unwrap()).unwrap()
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

    /// What a look at the workspace finds.
    pub(crate) fn found(&self, slug: &str) -> String {
        let answer = self.get(slug);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["found"].as_str().unwrap_or("nobody looked").to_owned()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Somebody killed it.
    pub(crate) fn was_killed(mut self) {
        assert_eq!(self.child.wait().unwrap().signal(), Some(Signal::KILL.as_raw()));
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // A test that failed leaves no console behind; one that was killed was waited for already.
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
    Ok(Answer { status, text: body.to_owned() })
}
