//! The way to a running service for its operator: a socket in its home (0600), for whoever the service runs as.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

use super::{Keeper, Settled};
use crate::{BoxFuture, Slug, private_files};

const SOCKET: &str = "control.sock";
const LONGEST: u64 = 4096;
const PATIENCE: Duration = Duration::from_secs(10);

/// What an operator asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// [`Keeper::reconcile`].
    Reconcile {
        /// Only this workspace's.
        slug: Option<Slug>,
    },
    /// [`Keeper::declare_failed`].
    DeclareFailed {
        /// The action.
        actionid: uuid::Uuid,
    },
}

/// What stands on the socket's one line.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Asked {
    Settle(Command),
    Rotate(Rotate),
    More(More),
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
enum Rotate {
    Rotate,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
enum More {
    More { name: String },
}

/// What a service answers besides, by its name; nothing for a name that it does not know.
type Besides<'a> = &'a (dyn Fn(&str) -> Option<BoxFuture<'static, serde_json::Value>> + Send + Sync);

/// A bound control socket. Dropped, it takes its file away.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    listener: UnixListener,
}

impl ControlSocket {
    /// Binds the socket in `home`. The caller holds the journal's lock, so a socket that is there is a dead one's.
    ///
    /// # Errors
    /// When the socket cannot be made; a home's path may have about 90 bytes.
    pub fn bind(home: &Path) -> io::Result<Self> {
        let path = home.join(SOCKET);
        std::fs::remove_file(&path).or_else(private_files::missing_is_fine)?;
        // Bound under another name and renamed when it is closed to others: it is never open to them under its own.
        let beside = home.join("control.next");
        std::fs::remove_file(&beside).or_else(private_files::missing_is_fine)?;
        let too_long = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidInput => io::Error::other(format!(
                "{} is too long a path for a socket, which has at most 107 bytes: choose a shorter home",
                path.display()
            )),
            _ => error,
        };
        let listener = UnixListener::bind(&beside).map_err(too_long)?;
        std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&beside, &path)?;
        Ok(ControlSocket { path, listener })
    }

    /// Answers operators, one after the other, for as long as it is polled.
    pub async fn serve(&self, keeper: &Keeper) {
        self.serve_with(keeper, &|_| None).await;
    }

    /// The same, with commands of the service's own, by their names: what each gives is what [`ask_for`] reads.
    pub async fn serve_with(
        &self,
        keeper: &Keeper,
        besides: &(dyn Fn(&str) -> Option<BoxFuture<'static, serde_json::Value>> + Send + Sync),
    ) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    if let Err(error) = answer(stream, keeper, besides).await {
                        tracing::warn!(%error, "an operator's command was not answered");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the control socket cannot be used");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the control socket's file was gone already");
        }
    }
}

async fn answer(stream: UnixStream, keeper: &Keeper, besides: Besides<'_>) -> io::Result<()> {
    let us = rustix::process::geteuid().as_raw();
    let peer = stream.peer_cred()?.uid();
    if peer != us {
        return Err(io::Error::other(format!("user {peer} is not user {us}")));
    }
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(LONGEST));
    tokio::time::timeout(PATIENCE, read.read_line(&mut line)).await??;
    let settled_by = format!("operator:uid={peer}");
    let mut answer = match serde_json::from_str(&line)? {
        Asked::Settle(Command::Reconcile { slug }) => {
            serde_json::to_vec(&keeper.reconcile(slug.as_ref(), &settled_by).await)
        }
        Asked::Settle(Command::DeclareFailed { actionid }) => {
            serde_json::to_vec(&keeper.declare_failed(actionid, &settled_by).await)
        }
        Asked::Rotate(Rotate::Rotate) => serde_json::to_vec(&keeper.rotate_hatch().await),
        Asked::More(More::More { name }) => match besides(&name) {
            Some(answer) => serde_json::to_vec(&answer.await),
            None => return Err(io::Error::other("a command that this service does not know")),
        },
    }?;
    answer.push(b'\n');
    // One operator who does not read must not keep the others out.
    tokio::time::timeout(PATIENCE, write.write_all(&answer)).await??;
    write.shutdown().await
}

/// Tells the service that runs in `home`; `None` when none runs there.
///
/// # Errors
/// When the service does not answer as it should.
pub async fn tell(home: &Path, command: &Command) -> io::Result<Option<Vec<Settled>>> {
    ask(home, &Asked::Settle(command.clone())).await
}

/// Has the service that runs in `home` begin a new segment of its journal, and gives the segment's file name; `None` when
/// none runs there.
///
/// # Errors
/// When it was not begun, or the service does not answer as it should.
pub async fn rotate(home: &Path) -> io::Result<Option<String>> {
    let begun: Option<Result<String, String>> = ask(home, &Asked::Rotate(Rotate::Rotate)).await?;
    begun.transpose().map_err(io::Error::other)
}

/// Has the service that runs in `home` do a command of its own, and gives what it answers; `None` when none runs there.
///
/// # Errors
/// When the service does not know the command, or does not answer as it should.
pub async fn ask_for<T: DeserializeOwned>(home: &Path, name: &str) -> io::Result<Option<T>> {
    ask(home, &Asked::More(More::More { name: name.to_owned() })).await
}

async fn ask<T: DeserializeOwned>(home: &Path, command: &Asked) -> io::Result<Option<T>> {
    let stream = match UnixStream::connect(home.join(SOCKET)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let (mut read, mut write) = stream.into_split();
    let mut command = serde_json::to_vec(command)?;
    command.push(b'\n');
    write.write_all(&command).await?;
    let mut answer = Vec::new();
    read.read_to_end(&mut answer).await?;
    if answer.is_empty() {
        return Err(io::Error::other("the running service closed the control socket without an answer: see its log"));
    }
    Ok(Some(serde_json::from_slice(&answer)?))
}
