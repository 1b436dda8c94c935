//! The engine that these tests run on: where it is, what can happen to it, and what it looks like from its own network.

use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    ops::Deref,
    os::{fd::AsFd, unix::net::UnixStream},
    panic::resume_unwind,
    path::PathBuf,
    process::Command,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use serde_json::Value;

/// The workspace image, which was built before the tests began.
pub(crate) const IMAGE: &str = "rocky/workspace:dev";
/// What `cargo xtask engine` calls a file of the engine's folder; while it is there, dockerd is not started again.
const HELD: &str = "held";
/// After this an engine that is asked does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who does something to the engine has it alone; who only uses it shares it.
static TURNS: RwLock<()> = RwLock::new(());

#[derive(Clone)]
pub(crate) struct Engine {
    socket: PathBuf,
    /// The first process of its namespaces, as seen from here. It outlives every dockerd.
    init: Pid,
    folder: PathBuf,
}

/// The engine beside other tests, as it should be.
pub(crate) struct Shared {
    engine: Engine,
    _turn: RwLockReadGuard<'static, ()>,
}

/// The engine without other tests, to be stopped and killed. It is as it was when this is gone.
pub(crate) struct Alone {
    engine: Engine,
    _turn: RwLockWriteGuard<'static, ()>,
}

pub(crate) fn shared() -> Shared {
    Shared { _turn: TURNS.read().unwrap_or_else(PoisonError::into_inner), engine: Engine::of_this_run() }
}

pub(crate) fn alone() -> Alone {
    Alone { _turn: TURNS.write().unwrap_or_else(PoisonError::into_inner), engine: Engine::of_this_run() }
}

/// The console's program, which is built beside these tests.
pub(crate) fn console() -> PathBuf {
    let here = env::current_exe().unwrap();
    let console = here.parent().unwrap().with_file_name("rocky-console");
    assert!(console.is_file(), "there is no {}: run `cargo xtask test --only docker`", console.display());
    console
}

impl Engine {
    fn of_this_run() -> Self {
        let said = |name: &str| {
            env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test --only docker`"))
        };
        let host = said("DOCKER_HOST");
        let socket = host.strip_prefix("unix://").unwrap_or_else(|| panic!("{host} is no Unix socket"));
        let init = said("ROCKY_ENGINE_PID").parse().ok().and_then(Pid::from_raw).unwrap();
        Engine { socket: PathBuf::from(socket), init, folder: PathBuf::from(said("ROCKY_ENGINE_FOLDER")) }
    }

    /// What `DOCKER_HOST` is to be for a program that is to use it.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Status and body of what its API says to a GET; a body that is no JSON is null.
    pub(crate) fn get(&self, path: &str) -> io::Result<(u16, Value)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // Of HTTP 1.0 the answer comes in one piece and ends with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        let (head, body) = said.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        Ok((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    pub(crate) fn answers(&self) -> bool {
        self.get("/_ping").is_ok_and(|(status, _)| status == 200)
    }

    /// Does this in the engine's network: its loopback, its bridges, the addresses of its containers. What is opened
    /// there stays there.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = File::open(self.process("ns/net")).unwrap();
        // A thread has a network of its own, and this one is over afterwards.
        thread::scope(|scope| {
            let there = scope.spawn(move || {
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            there.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// A program in the engine's network.
    pub(crate) fn program(&self, name: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.process("ns/net").display())).arg("--").arg(name);
        command
    }

    fn process(&self, of: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{of}", self.init.as_raw_nonzero()))
    }

    /// The daemon: the `dockerd` that has the same process namespace as the first process there.
    fn dockerd(&self) -> Option<Pid> {
        let ours = fs::read_link(self.process("ns/pid")).ok()?;
        fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw)?;
            let path = entry.path();
            // Of one that is gone but for its number the namespace cannot be read.
            let is_it = fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "dockerd\n")
                && fs::read_link(path.join("ns/pid")).is_ok_and(|namespace| namespace == ours);
            is_it.then_some(pid)
        })
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.dockerd().unwrap(), signal).unwrap();
    }

    fn is_stopped(&self) -> bool {
        let state = |pid: Pid| fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        let stat = self.dockerd().and_then(|pid| state(pid).ok()).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    }

    fn held(&self) -> PathBuf {
        self.folder.join(HELD)
    }
}

impl Alone {
    /// It takes connections and says nothing, until it goes on.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::STOP);
        // One of its threads may still be at an answer.
        until("the engine to stand still", || self.is_stopped());
    }

    pub(crate) fn go_on(&mut self) {
        self.signal(Signal::CONT);
    }

    /// As a crash does. Its containers run on without it, until another dockerd finds them.
    pub(crate) fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Starts it after it was killed; waits until it answers.
    pub(crate) fn start(&mut self) {
        fs::remove_file(self.held()).unwrap();
        self.is_back();
    }

    /// Ends it in good order, with its containers, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.end(Signal::TERM);
        self.start();
    }

    fn end(&mut self, signal: Signal) {
        fs::write(self.held(), "").unwrap();
        self.signal(signal);
        until("the end of dockerd", || self.dockerd().is_none());
    }

    fn is_back(&self) {
        until("the engine", || self.answers());
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // A test that failed in the middle leaves the others an engine.
        if let Some(dockerd) = self.dockerd() {
            let _gone_already = kill_process(dockerd, Signal::CONT);
        }
        let _was_not_held = fs::remove_file(self.held());
        if !thread::panicking() {
            self.is_back();
        }
    }
}

impl Deref for Shared {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Deref for Alone {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// Waits until it is so.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !so() {
        assert!(Instant::now() < patience, "{what} never came");
        thread::sleep(Duration::from_millis(20));
    }
}
