//! The embedded driver: each workspace is a child process that serves a page on a loopback port of its own.
//!
//! A child outlives the console that started it. Whether a workspace is there is decided by asking it, with a challenge
//! that only its nonce answers: not by its pid, which may be a zombie's or somebody else's by now.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use super::{
    Decommission, Driver, DriverError, Inspection, Placement, Provision, Repair, Upgrade,
    workspace::{ALIVE, Address, FOLDER, STOP, ServeError, Spec, proof, read_address, read_spec, spec_path},
};
use crate::{
    BoxFuture, Entitled, ErrorKind, Slug, Tier,
    private_files::{self, PrivateFileError},
};

/// How long a child may take until it answers.
const START: Duration = Duration::from_secs(20);
/// How long a workspace may take to answer one question: less than a look may take, so that one that hangs is seen to.
const ANSWER: Duration = Duration::from_millis(1500);
/// How long a workspace may take to end.
const END: Duration = Duration::from_secs(5);
/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Workspaces as processes of this machine: each serves a page on a loopback port of its own, and outlives the console
/// that started it.
///
/// Whether a workspace is there is decided by asking it, with a challenge that only its nonce answers: not by its pid.
#[derive(Debug)]
pub struct LocalProcess {
    command: Vec<OsString>,
    folder: PathBuf,
}

type Result<T, E = DriverError> = std::result::Result<T, E>;

impl LocalProcess {
    /// Starts each workspace with this command (a program and its arguments, which ends in
    /// [`serve_workspace`](super::serve_workspace)) and keeps it in a folder of its own below `folder` (0700).
    ///
    /// A child gets no environment but its folder's path, no input, and a log file for its errors.
    ///
    /// # Errors
    /// When the folder cannot be made or trusted.
    pub fn new(
        command: impl IntoIterator<Item = impl Into<OsString>>,
        folder: &Path,
    ) -> std::result::Result<Self, PrivateFileError> {
        private_files::ensure_folder(folder)?;
        let folder = folder.canonicalize().map_err(private_files::io_at(folder))?;
        Ok(LocalProcess { command: command.into_iter().map(Into::into).collect(), folder })
    }

    /// Every workspace that has a folder.
    fn folders(&self) -> Result<Vec<Slug>> {
        let unreadable = |error| DriverError::failed(format!("{}: {error}", self.folder.display()));
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            all.extend(name.to_str().and_then(|name| Slug::parse(name).ok()));
        }
        Ok(all)
    }

    fn folder_of(&self, slug: &Slug) -> PathBuf {
        self.folder.join(slug.as_str())
    }

    async fn make(&self, token: &Entitled<Provision>) -> Result<Placement> {
        let Provision { slug, tier } = token.action();
        // The name is this action's alone, so whatever is there was left by one that is over.
        if std::fs::symlink_metadata(self.folder_of(slug)).is_ok() {
            self.remove(slug).await?;
        }
        let spec = Spec {
            slug: slug.clone(),
            tenant: token.session().tenant().to_owned(),
            tier: *tier,
            nonce: nonce()?,
            actionid: token.actionid(),
        };
        let folder = self.folder_of(slug);
        private_files::ensure_folder(&folder).map_err(file)?;
        self.start(&folder, &spec).await
    }

    /// Writes the spec, starts a child, and waits until it answers. A child that does not is not left behind.
    async fn start(&self, folder: &Path, spec: &Spec) -> Result<Placement> {
        write_spec(folder, spec).await?;
        let mut child = Unfinished(Some(self.spawn(folder)?));
        let started = async {
            let port = child.ready().await?;
            match ask(port, &spec.nonce).await {
                Some(tier) => Ok(placement(port, tier, spec)),
                None => Err(DriverError::failed("the workspace started and did not answer")),
            }
        };
        let placement = match tokio::time::timeout(START, started).await {
            Ok(started) => started?,
            Err(_) => {
                return Err(DriverError::of(
                    ErrorKind::TimedOut,
                    "driver-timed-out",
                    "the workspace did not start in time",
                ));
            }
        };
        child.finish();
        Ok(placement)
    }

    fn spawn(&self, folder: &Path) -> Result<Child> {
        let log = folder.join("log");
        let log = private_files::open(&log, private_files::options().append(true).create(true)).map_err(file)?;
        let (program, arguments) =
            self.command.split_first().ok_or_else(|| DriverError::failed("the workspace's command is empty"))?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env(FOLDER, folder).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        command.spawn().map_err(|error| DriverError::failed(format!("the workspace could not be started: {error}")))
    }

    async fn change(&self, token: &Entitled<Upgrade>) -> Result<Placement> {
        let Upgrade { slug, tier } = token.action();
        let folder = self.folder_of(slug);
        let before = read_spec(&folder).map_err(spec)?;
        let after = Spec { tier: *tier, ..before.clone() };
        if let Some(port) = self.answering(&folder, &before).await {
            write_spec(&folder, &after).await?;
            return Ok(placement(port, *tier, &after));
        }
        // It does not answer: the upgrade starts it again, or else as it was.
        self.end(&folder).await?;
        match self.start(&folder, &after).await {
            Ok(placement) => Ok(placement),
            Err(error) => {
                // As it was, as far as that goes: whoever looks finds out.
                if let Err(again) = self.start(&folder, &before).await {
                    tracing::error!(%again, %slug, "a workspace could not be started as it was");
                }
                Err(error)
            }
        }
    }

    async fn mend(&self, token: &Entitled<Repair>) -> Result<Placement> {
        let row = token.row().ok_or_else(|| DriverError::failed("the repair is about no workspace"))?;
        let folder = self.folder_of(&row.slug);
        let known = match read_spec(&folder) {
            Ok(known) => Some(known),
            Err(ServeError::Spec(_)) => None,
            Err(ServeError::File(error)) if error.is_missing() => None,
            Err(error) => return Err(spec(error)),
        };
        let answers = match &known {
            Some(known) => self.answering(&folder, known).await,
            None => None,
        };
        // What it is stands in its row; whose nonce it has, and who made it, is its spec's to say while there is one.
        let (nonce, actionid) = match &known {
            Some(known) => (known.nonce.clone(), known.actionid),
            None => (nonce()?, token.actionid()),
        };
        let wanted = Spec { slug: row.slug.clone(), tenant: row.tenant.clone(), tier: row.tier, nonce, actionid };
        if let Some(port) = answers {
            if known.as_ref() != Some(&wanted) {
                write_spec(&folder, &wanted).await?;
            }
            return Ok(placement(port, wanted.tier, &wanted));
        }
        // Also where the folder is gone: its process may not be.
        self.end(&folder).await?;
        private_files::ensure_folder(&folder).map_err(file)?;
        self.start(&folder, &wanted).await
    }

    async fn look(&self, slug: &Slug) -> Result<Inspection> {
        let folder = self.folder_of(slug);
        let known = match read_spec(&folder) {
            Ok(known) => known,
            Err(ServeError::File(error)) if error.is_missing() => {
                let nothing = std::fs::symlink_metadata(&folder).is_err();
                return Ok(if nothing { Inspection::Absent } else { Inspection::Broken { tier: None } });
            }
            Err(ServeError::Spec(_)) => return Ok(Inspection::Broken { tier: None }),
            Err(error) => return Err(spec(error)),
        };
        Ok(match self.answering(&folder, &known).await {
            Some(port) => Inspection::Serving(placement(port, known.tier, &known)),
            None => Inspection::Broken { tier: Some(known.tier) },
        })
    }

    /// The port on which the workspace with this spec answers.
    async fn answering(&self, folder: &Path, spec: &Spec) -> Option<u16> {
        let Address { port, .. } = read_address(folder).ok()?;
        ask(port, &spec.nonce).await.map(|_| port)
    }

    /// Ends the process and takes the folder away.
    async fn remove(&self, slug: &Slug) -> Result<()> {
        let folder = self.folder_of(slug);
        // Also where the folder is gone: its process may not be.
        self.end(&folder).await?;
        let above = self.folder.clone();
        let removed = blocking(move || {
            std::fs::remove_dir_all(&folder)
                .or_else(private_files::missing_is_fine)
                .and_then(|()| std::fs::File::open(&above)?.sync_all())
        });
        removed
            .await?
            .map_err(|error| DriverError::failed(format!("the workspace's folder could not be taken away: {error}")))
    }

    /// Asks the process to end; ends it when it does not.
    async fn end(&self, folder: &Path) -> Result<()> {
        if let Ok(spec) = read_spec(folder)
            && let Some(port) = self.answering(folder, &spec).await
        {
            // Whether it ended is seen below; that it broke off in the middle of an answer is what was asked for.
            if exchange(port, "POST", &format!("{STOP}{}", spec.nonce)).await.is_none() {
                tracing::debug!(folder = %folder.display(), "a workspace ended without an answer");
            }
        }
        let ended = async {
            loop {
                let folder = folder.to_owned();
                let left = blocking(move || {
                    let left = processes_of(&folder)?;
                    for pid in &left {
                        kill(*pid, &folder)?;
                    }
                    Ok::<_, DriverError>(left.len())
                });
                if left.await?? == 0 {
                    return Ok(());
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let too_long =
            || Err(DriverError::of(ErrorKind::TimedOut, "driver-timed-out", "the workspace did not end in time"));
        tokio::time::timeout(END, ended).await.unwrap_or_else(|_| too_long())
    }
}

impl Driver for LocalProcess {
    fn name(&self) -> &str {
        "process"
    }

    fn provision<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<Placement>> {
        Box::pin(self.make(token))
    }

    fn undo<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<()>> {
        Box::pin(self.remove(&token.action().slug))
    }

    fn upgrade<'t>(&'t self, token: &'t Entitled<Upgrade>) -> BoxFuture<'t, Result<Placement>> {
        Box::pin(self.change(token))
    }

    fn repair<'t>(&'t self, token: &'t Entitled<Repair>) -> BoxFuture<'t, Result<Placement>> {
        Box::pin(self.mend(token))
    }

    fn decommission<'t>(&'t self, token: &'t Entitled<Decommission>) -> BoxFuture<'t, Result<()>> {
        Box::pin(self.remove(&token.action().slug))
    }

    fn inspect<'t>(&'t self, slug: &'t Slug) -> BoxFuture<'t, Result<Inspection>> {
        Box::pin(self.look(slug))
    }

    fn all<'t>(&'t self) -> BoxFuture<'t, Result<Vec<Slug>>> {
        Box::pin(async { self.folders() })
    }
}

/// A child that does not answer yet: dropped, it is killed.
struct Unfinished(Option<Child>);

impl Unfinished {
    /// Waits for the line `ready PORT`.
    async fn ready(&mut self) -> Result<u16> {
        let output = self.0.as_mut().and_then(|child| child.stdout.take());
        let output = output.ok_or_else(|| DriverError::failed("the workspace has no output"))?;
        let mut line = String::new();
        let read = BufReader::new(output.take(64)).read_line(&mut line).await;
        read.map_err(|error| DriverError::failed(format!("the workspace's output broke off: {error}")))?;
        let port = line.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
        port.ok_or_else(|| DriverError::failed("the workspace ended before it answered: its folder's `log` says why"))
    }

    /// It answers: from here on it lives without us. The runtime reaps it when it ends before us.
    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0
            && let Err(error) = child.start_kill()
        {
            tracing::debug!(%error, "a workspace that never answered had ended already");
        }
    }
}

fn placement(port: u16, tier: Tier, spec: &Spec) -> Placement {
    Placement { tier, url: format!("http://127.0.0.1:{port}/"), made_by: Some(spec.actionid) }
}

/// The tier that the workspace with this nonce says it has; `None` when nobody with this nonce answers.
async fn ask(port: u16, nonce: &str) -> Option<Tier> {
    let challenge = self::nonce().ok()?;
    let answer = exchange(port, "GET", &format!("{ALIVE}{challenge}")).await?;
    let (said, tier) = answer.trim().split_once(' ')?;
    let known = [Tier::Solo, Tier::Team, Tier::Business].into_iter().find(|known| known.as_str() == tier);
    known.filter(|_| said == proof(nonce, &challenge))
}

/// One request to a workspace, and the body of its answer.
async fn exchange(port: u16, method: &str, target: &str) -> Option<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.take(16 * 1024).read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(ANSWER, exchange).await.ok()?.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| body.to_owned())
}

async fn write_spec(folder: &Path, spec: &Spec) -> Result<()> {
    let bytes = serde_json::to_vec(spec).map_err(|error| DriverError::failed(error.to_string()))?;
    let path = spec_path(folder);
    blocking(move || private_files::replace(&path, &bytes)).await?.map_err(file)
}

/// Work that waits for a disk, where it holds up nobody else.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| DriverError::failed(error.to_string()))
}

fn nonce() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| DriverError::failed(format!("no random bytes: {error}")))?;
    Ok(hex::encode(bytes))
}

/// The living processes that were started for this folder.
fn processes_of(folder: &Path) -> Result<Vec<Pid>> {
    let unreadable = |error| DriverError::failed(format!("/proc cannot be read: {error}"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        found.extend(pid.filter(|pid| belongs_to(*pid, folder)));
    }
    Ok(found)
}

/// Whether the process was started for this folder. A zombie has no environment any more, and is nobody's.
fn belongs_to(pid: Pid, folder: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(environment) = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else {
        return false;
    };
    let ours = [FOLDER.as_bytes(), b"=", folder.as_os_str().as_bytes()].concat();
    environment.split(|byte| *byte == 0).any(|variable| variable == ours)
}

/// Ends the process, and no other that might have its number by now.
fn kill(pid: Pid, folder: &Path) -> Result<()> {
    let failed = |error| DriverError::failed(format!("the workspace's process could not be ended: {error}"));
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !belongs_to(pid, folder) {
        return Ok(());
    }
    match pidfd_send_signal(handle, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn file(error: PrivateFileError) -> DriverError {
    DriverError::failed(error.to_string())
}

fn spec(error: ServeError) -> DriverError {
    DriverError::failed(error.to_string())
}
