//! A workspace of [`LocalProcess`](super::LocalProcess), seen from inside: the child process that serves its page.

use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Slug, Tier,
    private_files::{self, PrivateFileError},
};

/// The variable that tells a child which folder is its workspace's.
pub(super) const FOLDER: &str = "ROCKY_WORKSPACE";
pub(super) const ALIVE: &str = "/.rocky/alive?challenge=";
pub(super) const STOP: &str = "/.rocky/stop?nonce=";
const LARGEST: u64 = 16 * 1024;
const AT_ONCE: usize = 256;
const PATIENCE: Duration = Duration::from_secs(5);

/// What a workspace is, in `spec.json`; written by the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spec {
    pub(super) slug: Slug,
    pub(super) tenant: String,
    pub(super) tier: Tier,
    pub(super) nonce: String,
    pub(super) actionid: uuid::Uuid,
}

/// Where a workspace answers, in `address.json`; written by the child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) port: u16,
    pub(super) pid: u32,
}

/// The child cannot serve.
///
/// What the child writes to standard error is in its folder's `log`. Its exit code tells a person from the driver:
/// ```
/// use rocky_sdk::hearth::{ServeError, serve_workspace};
///
/// fn exit_code(ended: Result<(), ServeError>) -> u8 {
///     match ended {
///         Ok(()) => 0,
///         Err(ServeError::NotStarted) => 2, // somebody typed the command by hand
///         Err(ServeError::File(_) | ServeError::Spec(_)) => 3, // its folder is not what the driver wrote
///         Err(ServeError::Io(_)) => 1, // no port, no session of its own
///     }
/// }
///
/// assert_eq!(exit_code(serve_workspace()), 2);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// It was not started by the driver.
    #[error("a workspace is started by the console, which says in {FOLDER} where its folder is")]
    NotStarted,
    /// Its files cannot be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Its spec holds no workspace.
    #[error("the workspace's spec.json cannot be read: {0}")]
    Spec(#[from] serde_json::Error),
    /// Its page cannot be served.
    #[error("the workspace's page cannot be served: {0}")]
    Io(#[from] io::Error),
}

pub(super) fn spec_path(folder: &Path) -> PathBuf {
    folder.join("spec.json")
}

pub(super) fn address_path(folder: &Path) -> PathBuf {
    folder.join("address.json")
}

/// What only the workspace with this nonce can say to a challenge.
pub(super) fn proof(nonce: &str, challenge: &str) -> String {
    hex::encode(
        Sha256::new()
            .chain_update("rocky workspace\n")
            .chain_update(nonce)
            .chain_update("\n")
            .chain_update(challenge)
            .finalize(),
    )
}

pub(super) fn read_spec(folder: &Path) -> Result<Spec, ServeError> {
    Ok(serde_json::from_slice(&private_files::read(&spec_path(folder), LARGEST)?)?)
}

pub(super) fn read_address(folder: &Path) -> Result<Address, ServeError> {
    Ok(serde_json::from_slice(&private_files::read(&address_path(folder), LARGEST)?)?)
}

/// Serves the page of the workspace whose folder the environment names, on a loopback port of its own, until it is told to
/// stop or its folder is gone. Prints `ready PORT` once it answers.
///
/// # Errors
/// [`ServeError`].
pub fn serve_workspace() -> Result<(), ServeError> {
    let folder = PathBuf::from(std::env::var_os(FOLDER).ok_or(ServeError::NotStarted)?);
    // A session of its own: neither a Ctrl-C for the console nor the console's end is for its workspaces.
    match rustix::process::setsid() {
        Ok(_) | Err(rustix::io::Errno::PERM) => {} // it leads one already
        Err(error) => return Err(io::Error::from(error).into()),
    }
    let spec = read_spec(&folder)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let address = serde_json::to_vec(&Address { port, pid: std::process::id() })?;
    private_files::replace(&address_path(&folder), &address)?;
    println!("ready {port}");

    let (watched, nonce) = (folder.clone(), spec.nonce.clone());
    std::thread::spawn(move || end_with(&watched, &nonce));
    let busy = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        if busy.fetch_add(1, Ordering::AcqRel) >= AT_ONCE {
            busy.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let (busy, folder, nonce) = (Arc::clone(&busy), folder.clone(), spec.nonce.clone());
        std::thread::spawn(move || {
            if answer(stream, &folder, &nonce).is_err() {
                // Whoever asked went away; there is nobody to tell.
            }
            busy.fetch_sub(1, Ordering::AcqRel);
        });
    }
    Ok(())
}

/// A workspace whose folder was taken away, or given to another process, is nobody's: it ends.
fn end_with(folder: &Path, nonce: &str) {
    loop {
        std::thread::sleep(PATIENCE);
        match read_spec(folder) {
            Ok(spec) if spec.nonce == nonce => {}
            Ok(_) => std::process::exit(0),
            Err(ServeError::File(error)) if error.is_missing() => std::process::exit(0),
            Err(_) => {} // a passing trouble says nothing of whose it is
        }
    }
}

fn answer(mut stream: TcpStream, folder: &Path, nonce: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new((&stream).take(8192));
    let mut request = String::new();
    head.read_line(&mut request)?;
    let mut line = String::new();
    while head.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let spec = read_spec(folder).ok().filter(|spec| spec.nonce == nonce);
    let (status, kind, body) = match (method, target, &spec) {
        ("POST", target, _) if target.strip_prefix(STOP) == Some(nonce) => {
            respond(&mut stream, "200 OK", "text/plain", "stopping\n")?;
            std::process::exit(0);
        }
        ("GET", target, Some(spec)) if target.starts_with(ALIVE) => {
            let said = format!("{} {}\n", proof(nonce, &target[ALIVE.len()..]), spec.tier);
            ("200 OK", "text/plain", said)
        }
        ("GET", "/", Some(spec)) => ("200 OK", "text/html; charset=utf-8", page(spec)),
        ("GET", "/health", Some(_)) => ("200 OK", "text/plain", "ok\n".to_owned()),
        _ => ("404 Not Found", "text/plain", "there is nothing here\n".to_owned()),
    };
    respond(&mut stream, status, kind, &body)
}

fn respond(stream: &mut TcpStream, status: &str, kind: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn page(spec: &Spec) -> String {
    let (slug, tenant, tier) = (&spec.slug, escaped(&spec.tenant), spec.tier);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{slug}</title><style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;\
         color:#1c2430;background:#f7f5f0}}h1{{font-size:2.4rem;margin:0}}dl{{display:grid;grid-template-columns:6rem 1fr}}\
         dt{{color:#6a7280}}dd{{margin:0}}</style><h1>{slug}</h1><p>This workspace is up.</p>\
         <dl><dt>tenant</dt><dd>{tenant}</dd><dt>tier</dt><dd>{tier}</dd></dl></html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if letter.is_alphanumeric() || letter == '-' || letter == '_' {
            escaped.push(letter);
        } else if write!(escaped, "&#{};", u32::from(letter)).is_err() {
            escaped.push('?');
        }
    }
    escaped
}
