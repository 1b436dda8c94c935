//! `engine`: a Docker Engine for tests, with the workspace image. The one that `DOCKER_HOST` names, or a private one in
//! namespaces of its own, so that its processes, mounts, bridges and rules never touch the machine's and end with it.
//!
//! ```text
//! unshare                    waits outside; its number is kept in `engine.pid`
//! └─ tini                    the first process in there: when it ends, everything ends
//!    └─ keep                 this program: starts dockerd, and again when it was killed
//!       └─ dockerd           with containerd, the shims, the containers
//! ```

use std::{
    env, fs,
    io::{self, Read, Write},
    os::unix::{net::UnixStream, process::ExitStatusExt},
    path::{self, Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{needs, root, suites::cargo};

const IMAGE: &str = "rocky/workspace:dev";
/// Bytes that the name of a socket may have.
const LONGEST: usize = 107;
/// The socket with the longest name that dockerd makes in its folder.
const DEEPEST: &str = "exec/containerd/containerd.sock.ttrpc";
/// What an engine has in its folder. The last one says that the folder is an engine's, and goes last.
const MADE: [&str; 9] = ["data", "exec", "docker.sock", "dockerd.pid", "daemon.json", "dockerd.log", "keep", HELD, PID];
/// While a file of this name is there, a dockerd that ended is not started again.
const HELD: &str = "held";
const PID: &str = "engine.pid";
const COMES_WITHIN: Duration = Duration::from_secs(30);
/// How long a build or an installation may take.
const SAID_WITHIN: Duration = Duration::from_secs(15 * 60);
/// Dockerd gives its containers 15 s.
const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// After this an engine that is asked does not answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Starts an engine where none is given, and builds the image on it. The last line that it prints is `DOCKER_HOST=...`.
pub(crate) fn start(folder: Option<&str>) -> Result<bool, String> {
    let socket = match given() {
        Some(socket) => socket,
        None => private(Place::of(folder)?)?,
    };
    println!("{IMAGE} is {}", build_image(&socket)?);
    println!("DOCKER_HOST=unix://{}", socket.display());
    Ok(true)
}

/// Builds the image anew, on the engine that is given or was started.
pub(crate) fn image(folder: Option<&str>) -> Result<bool, String> {
    let place = Place::of(folder)?;
    let started = || Some(place.socket()).filter(|socket| answers(socket));
    let socket = given().or_else(started).ok_or("no engine answers: `cargo xtask engine start` starts one")?;
    println!("{IMAGE} is {}", build_image(&socket)?);
    Ok(true)
}

/// Ends the engine that was started, and takes its folder away. One that was given is left alone.
pub(crate) fn stop(folder: Option<&str>) -> Result<bool, String> {
    let place = Place::of(folder)?;
    if !place.is_ours() {
        println!("no engine was started in {}", place.folder.display());
        return Ok(true);
    }
    match Engine::that_was_started(&place) {
        Some(engine) => engine.stop()?,
        None => place.clear()?,
    }
    println!("nothing is left in {}", place.folder.display());
    Ok(true)
}

/// The socket of the engine that `DOCKER_HOST` names, where one answers there.
fn given() -> Option<PathBuf> {
    let host = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty())?;
    let socket = host.strip_prefix("unix://").map(PathBuf::from).filter(|socket| answers(socket));
    if socket.is_none() {
        eprintln!("DOCKER_HOST={host}: no engine answers there on a Unix socket");
    }
    socket
}

/// The socket of the private engine in this place, which is started where it does not run.
fn private(place: Place) -> Result<PathBuf, String> {
    let socket = place.socket();
    match Engine::that_was_started(&place) {
        Some(_) if answers(&socket) => return Ok(socket),
        Some(silent) => silent.stop()?,
        None => {}
    }
    install()?;
    Engine::begin(place, Lifetime::ItsOwn)?;
    Ok(socket)
}

/// As root on Debian installs what is missing; elsewhere says what that is.
fn install() -> Result<(), String> {
    let packages = needs::packages(&needs::DOCKER);
    if !packages.is_empty() && needs::is_root() && needs::is_there("apt-get") {
        for mut command in needs::installing(&packages) {
            println!("$ {command:?}");
            said(&mut command)?;
        }
    }
    match needs::missing(&needs::DOCKER, true) {
        Some(missing) => Err(format!("an engine cannot be started: {missing}")),
        None => Ok(()),
    }
}

/// The folder of a private engine.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn of(folder: Option<&str>) -> Result<Self, String> {
        Place::at(&folder.map_or_else(|| root().join("target/engine"), PathBuf::from))
    }

    fn at(folder: &Path) -> Result<Self, String> {
        let folder = path::absolute(folder).map_err(|error| told(folder, &error))?;
        let length = folder.join(DEEPEST).as_os_str().len();
        if length > LONGEST {
            let most = LONGEST - DEEPEST.len() - 1;
            return Err(format!(
                "{} is too long a name for an engine's folder, which has sockets: at most {most} bytes",
                folder.display()
            ));
        }
        Ok(Place { folder })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn socket(&self) -> PathBuf {
        self.file("docker.sock")
    }

    fn is_ours(&self) -> bool {
        self.file(PID).is_file()
    }

    /// Makes the folder, empty but for what says whose it is. One that holds what no engine left is refused.
    fn make_ready(&self) -> Result<(), String> {
        if self.is_ours() {
            self.clear()?;
        }
        let folder = &self.folder;
        fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
        let first = fs::read_dir(folder).map_err(|error| told(folder, &error))?.next();
        match first {
            Some(_) => Err(format!("{} holds something that is no engine's", folder.display())),
            None => fs::write(self.file(PID), "").map_err(|error| told(folder, &error)),
        }
    }

    /// Takes away what an engine had here, and the folder unless it holds more.
    fn clear(&self) -> Result<(), String> {
        for name in MADE {
            let path = self.file(name);
            let gone = match path.is_dir() {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            match gone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(&path, &error)),
                _ => {}
            }
        }
        match fs::remove_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(told(&self.folder, &error)),
            _ => Ok(()),
        }
    }

    /// The last lines of the engine's log.
    fn log(&self) -> String {
        let bytes = fs::read(self.file("dockerd.log")).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&bytes), 20)
    }

    fn dockerd(&self) -> Command {
        let mut dockerd = Command::new("dockerd");
        dockerd
            // Empty: a configuration of the machine's own is not for this one.
            .arg("--config-file")
            .arg(self.file("daemon.json"))
            .arg("--data-root")
            .arg(self.file("data"))
            .arg("--exec-root")
            .arg(self.file("exec"))
            .arg("--pidfile")
            .arg(self.file("dockerd.pid"))
            .arg("--host")
            .arg(format!("unix://{}", self.socket().display()))
            .args(["--storage-driver", "overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs"]);
        dockerd
    }
}

/// Whether an engine goes on when the process that started it has ended.
enum Lifetime {
    ItsOwn,
    /// It is killed with that process, whatever ended it.
    Ours,
}

/// A private engine.
pub(crate) struct Engine {
    place: Place,
    /// `unshare`, which waits for the first process of the namespaces.
    outer: Process,
    /// The same, where this process started it and has to take note of its end.
    child: Option<Child>,
}

impl Engine {
    /// Starts an engine that ends with this process.
    pub(crate) fn begin_in(folder: &Path) -> Result<Self, String> {
        Engine::begin(Place::at(folder)?, Lifetime::Ours)
    }

    /// Starts it, and waits until it answers.
    fn begin(place: Place, lifetime: Lifetime) -> Result<Self, String> {
        place.make_ready()?;
        let child = spawn(&place, lifetime).map_err(|error| format!("the engine cannot be started: {error}"))?;
        let outer = Process::of(child.id()).unwrap_or(Process { pid: child.id(), began: 0 });
        let mut engine = Engine { place, outer, child: Some(child) };
        let noted = fs::write(engine.place.file(PID), format!("{} {}\n", outer.pid, outer.began));
        let ends_at = Instant::now() + COMES_WITHIN;
        while noted.is_ok() && engine.outer.lives() && Instant::now() < ends_at {
            if answers(&engine.socket()) {
                return Ok(engine);
            }
            thread::sleep(Duration::from_millis(100));
        }
        let why = match noted {
            Err(error) => told(&engine.place.file(PID), &error),
            Ok(()) => format!("dockerd did not come up; its last lines:\n{}", engine.place.log()),
        };
        engine.end();
        engine.place.clear()?;
        Err(why)
    }

    /// The one that was started here, if it still runs.
    fn that_was_started(place: &Place) -> Option<Self> {
        let noted = fs::read_to_string(place.file(PID)).ok()?;
        let (pid, began) = noted.trim().split_once(' ')?;
        let outer = Process { pid: pid.parse().ok()?, began: began.parse().ok()? };
        let place = Place { folder: place.folder.clone() };
        outer.lives().then_some(Engine { place, outer, child: None })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.place.socket()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// The first process in its namespaces, as it is numbered out here.
    pub(crate) fn init(&self) -> Option<u32> {
        self.first().map(|first| first.pid)
    }

    fn first(&self) -> Option<Process> {
        processes().find(|(_, stat)| stat.parent == self.outer.pid).map(|(process, _)| process)
    }

    /// Ends it with its containers, and takes its folder away.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        self.end();
        match self.outer.lives() {
            true => Err(format!("the engine in {} does not end", self.place.folder.display())),
            false => self.place.clear(),
        }
    }

    fn end(&mut self) {
        let first = self.first();
        let dockerd = first.map(|first| first.beside("dockerd")).unwrap_or_default();
        for dockerd in &dockerd {
            // One that is stopped hears of its end when it goes on.
            dockerd.signal("TERM");
            dockerd.signal("CONT");
        }
        if !dockerd.is_empty() {
            until(ENDS_WITHIN, || !self.outer.lives());
        }
        // What did not end in good order ends with the first process of its namespaces.
        for process in first.into_iter().chain([self.outer]) {
            if process.lives() {
                process.signal("KILL");
                until(Duration::from_secs(5), || !process.lives());
            }
        }
        if let Some(child) = &mut self.child
            && !self.outer.lives()
            && let Err(error) = child.wait()
        {
            eprintln!("how the engine ended is not known: {error}");
        }
    }
}

fn spawn(place: &Place, lifetime: Lifetime) -> io::Result<Child> {
    fs::write(place.file("daemon.json"), "{}\n")?;
    // Cargo may put another program in the place of this one, which runs on.
    fs::copy("/proc/self/exe", place.file("keep"))?;
    let log = fs::File::create(place.file("dockerd.log"))?;
    let errors = log.try_clone()?;
    let mut command = match lifetime {
        // A session of its own: neither a Ctrl-C nor a closed terminal is for it.
        Lifetime::ItsOwn => Command::new("setsid"),
        // The signal comes at the end of the thread that starts it: suites run in the first one.
        Lifetime::Ours => {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL"]);
            command
        }
    };
    // Both, and `unshare` after them, go on as the process that they are: its number is that of `unshare`.
    command
        .args(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--", "tini", "--"])
        .arg(place.file("keep"))
        .args(["engine", "keep"])
        .arg(&place.folder)
        .current_dir("/")
        .env("PATH", path_of_the_system())
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
}

/// The search path, and where a path for users does not lead: dockerd looks for `iptables`, `containerd` and `runc`.
fn path_of_the_system() -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin:/usr/bin:/sbin:/bin")
}

/// What runs in the namespaces, as the child of their first process: dockerd, started again whenever it was killed, as
/// a machine's service manager does. It is over when dockerd ends by itself. While the file `held` is there, dockerd is
/// not started again, and once that is gone it is, however it ended.
pub(crate) fn keep(folder: &str) -> Result<bool, String> {
    // Elsewhere it would change the machine's own network and mounts.
    if !fs::read_to_string("/proc/1/comm").is_ok_and(|name| name == "tini\n") {
        return Err("`engine keep` is what `cargo xtask engine start` runs: it is of no use by hand".to_owned());
    }
    let place = Place::at(Path::new(folder))?;
    // It is down in a new network, and dockerd leaves it so: a console that is tested in there needs it.
    said(Command::new("ip").args(["link", "set", "lo", "up"]))?;
    // Dockerd would take the machine's own containerd for its own where that one's socket is.
    let containerd = Path::new("/run/containerd");
    fs::create_dir_all(containerd).map_err(|error| told(containerd, &error))?;
    said(Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(containerd))?;
    loop {
        // One that was killed leaves its number behind, and the next one would not start beside it.
        let pid = place.file("dockerd.pid");
        match fs::remove_file(&pid) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(told(&pid, &error)),
            _ => {}
        }
        let ended = place.dockerd().stdin(Stdio::null()).status();
        let ended = ended.map_err(|error| format!("dockerd cannot be run: {error}"))?;
        eprintln!("dockerd ended: {ended}");
        let held = place.file(HELD);
        if ended.signal().is_none() && !held.exists() {
            return Ok(ended.success());
        }
        while held.exists() {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Builds the workspace's program, static, and the image that holds it; the image's id.
pub(crate) fn build_image(socket: &Path) -> Result<String, String> {
    let (target, host) = (root().join("target/workspace-image"), host()?);
    let mut build = cargo(&["build", "-p", "rocky-workspace", "--release", "--locked", "--target", &host]);
    build
        .current_dir(root())
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    said(&mut build)?;
    let context = target.join("context");
    let program = target.join(host).join("release/rocky-workspace");
    lay_out(&context, &program).map_err(|error| told(&context, &error))?;
    let mut docker = Command::new("docker");
    docker
        .args(["--host", &format!("unix://{}", socket.display()), "build", "--quiet", "--tag", IMAGE])
        .arg(&context)
        // The builder that every engine has; the other one is a plugin of its own.
        .env("DOCKER_BUILDKIT", "0");
    // They would speak of another engine.
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION"] {
        docker.env_remove(name);
    }
    Ok(said(&mut docker)?.trim().to_owned())
}

/// A folder with nothing but what goes into the image.
fn lay_out(context: &Path, program: &Path) -> io::Result<()> {
    let workspace = root().join("examples/console/workspace");
    if context.exists() {
        fs::remove_dir_all(context)?;
    }
    fs::create_dir_all(context.join("data"))?;
    for file in ["Dockerfile", "data/starts"] {
        fs::copy(workspace.join(file), context.join(file))?;
    }
    fs::copy(program, context.join("rocky-workspace"))?;
    Ok(())
}

/// What the compiler calls this machine.
fn host() -> Result<String, String> {
    let program = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = said(Command::new(program).arg("-vV").current_dir(root()))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say for which machine it is".to_owned())
}

/// Whether an engine answers on this socket.
fn answers(socket: &Path) -> bool {
    ping(socket).is_ok_and(|said| said.split(' ').nth(1) == Some("200"))
}

fn ping(socket: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
    let mut said = Vec::new();
    stream.take(4096).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

/// A process, and when it began: another one that has its number later is not taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: u32,
    began: u64,
}

/// What the kernel says of a process.
struct Stat {
    parent: u32,
    began: u64,
}

impl Process {
    fn of(pid: u32) -> Option<Self> {
        let stat = stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        Some(Process { pid, began: stat.began })
    }

    fn lives(self) -> bool {
        Process::of(self.pid) == Some(self)
    }

    /// The processes of this name that have their numbers in the same namespace.
    fn beside(self, name: &str) -> Vec<Process> {
        let namespace = |process: &Process| fs::read_link(format!("/proc/{}/ns/pid", process.pid)).ok();
        let Some(ours) = namespace(&self) else { return Vec::new() };
        let is_called = |process: &Process| {
            fs::read_to_string(format!("/proc/{}/comm", process.pid)).is_ok_and(|found| found.trim_end() == name)
        };
        let all = processes().map(|(process, _)| process);
        all.filter(|process| is_called(process) && namespace(process).as_ref() == Some(&ours)).collect()
    }

    fn signal(self, name: &str) {
        // One that ended meanwhile has nothing to hear.
        let heard =
            Command::new("kill").args([format!("-{name}"), self.pid.to_string()]).stderr(Stdio::null()).status();
        if let Err(error) = heard {
            eprintln!("no signal can be sent: {error}");
        }
    }
}

/// All that live, in this namespace and below.
fn processes() -> impl Iterator<Item = (Process, Stat)> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = stat(&fs::read_to_string(entry.path().join("stat")).ok()?)?;
        Some((Process { pid, began: stat.began }, stat))
    })
}

/// Reads `/proc/PID/stat`; nothing of a process that ended and that nobody took note of.
fn stat(text: &str) -> Option<Stat> {
    // The program's name stands in brackets, and may have brackets and blanks of its own.
    let (_, rest) = text.rsplit_once(") ")?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words.first()? {
        &"Z" | &"X" => None,
        _ => Some(Stat { parent: words.get(1)?.parse().ok()?, began: words.get(19)?.parse().ok()? }),
    }
}

/// Waits until it is so, or for as long.
fn until(patience: Duration, mut so: impl FnMut() -> bool) {
    let ends_at = Instant::now() + patience;
    while !so() && Instant::now() < ends_at {
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command to its end; what it printed, where it went well. What it says of errors is seen as it comes.
/// What it prints, where it goes well and in time.
fn said(command: &mut Command) -> Result<String, String> {
    let begun = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    let mut child = begun.map_err(|error| format!("this cannot be run ({error}): {command:?}"))?;
    let mut output = child.stdout.take().ok_or("its output is not ours")?;
    let reading = thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let mut status = Ok(None);
    until(SAID_WITHIN, || {
        status = child.try_wait();
        !matches!(status, Ok(None))
    });
    match status {
        Ok(Some(status)) if status.success() => {
            let read = reading.join().map_err(|_| "its output could not be read".to_owned())?;
            read.map_err(|error| format!("its output cannot be read ({error}): {command:?}"))
        }
        Ok(Some(_)) => Err(format!("this failed: {command:?}")),
        _ => {
            let ended = child.kill().and_then(|()| child.wait());
            let how = if ended.is_ok() { "was ended" } else { "could not be ended" };
            Err(format!("this took longer than {} s and {how}: {command:?}", SAID_WITHIN.as_secs()))
        }
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        env::temp_dir().join(format!("rocky-engine-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_process_is_known_by_when_it_began() {
        let us = Process::of(std::process::id()).unwrap();
        assert!(us.lives());
        assert!(!Process { began: us.began + 1, ..us }.lives());
        let rest = "1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        let found = stat(&format!("7 (a) b) ) S {rest}")).unwrap();
        assert_eq!((found.parent, found.began), (1, 4711));
        assert!(stat(&format!("7 (dockerd) Z {rest}")).is_none());
        assert!(stat("7 (dockerd) S 1").is_none());
        assert!(stat("").is_none());
    }

    #[test]
    fn a_process_that_ended_lives_no_more_though_nobody_took_note() {
        let mut child = Command::new("true").spawn().unwrap();
        until(Duration::from_secs(30), || Process::of(child.id()).is_none());
        assert!(Process::of(child.id()).is_none());
        child.wait().unwrap();
    }

    #[test]
    fn a_folder_has_room_for_its_sockets() {
        let longest = format!("/{}", "x".repeat(LONGEST - DEEPEST.len() - 2));
        assert_eq!(Place::at(Path::new(&longest)).unwrap().file(DEEPEST).as_os_str().len(), LONGEST);
        assert!(Place::at(Path::new(&(longest + "x"))).err().unwrap().contains("at most 69 bytes"));
    }

    #[test]
    fn a_folder_that_is_no_engines_stays_as_it_is() {
        let place = Place::at(&scratch("foreign")).unwrap();
        fs::create_dir_all(place.file("data")).unwrap();
        assert!(place.make_ready().unwrap_err().contains("no engine's"));
        assert!(place.file("data").is_dir());
        fs::remove_dir_all(&place.folder).unwrap();
    }

    #[test]
    fn what_an_engine_left_is_cleared_and_nothing_else() {
        let place = Place::at(&scratch("left")).unwrap();
        place.make_ready().unwrap();
        fs::create_dir_all(place.file("data/overlay2")).unwrap();
        for name in [PID, HELD, "kept"] {
            fs::write(place.file(name), "").unwrap();
        }
        place.clear().unwrap();
        let left: Vec<_> = fs::read_dir(&place.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["kept"]);
        fs::remove_file(place.file("kept")).unwrap();
        place.clear().unwrap();
        assert!(!place.folder.exists());
    }

    #[test]
    fn an_engine_answers_when_it_says_so() {
        let socket = scratch("socket");
        assert!(!answers(&socket));
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let answering = thread::spawn(move || {
            for answer in ["HTTP/1.0 200 OK\r\n\r\nOK", "HTTP/1.0 503 No\r\n\r\n", ""] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 64];
                let length = stream.read(&mut request).unwrap();
                assert!(request[..length].starts_with(b"GET /_ping HTTP/1.0\r\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        assert!(answers(&socket));
        assert!(!answers(&socket));
        assert!(!answers(&socket));
        answering.join().unwrap();
        fs::remove_file(&socket).unwrap();
    }

    #[test]
    fn the_last_lines_are_shown() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
