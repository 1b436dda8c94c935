//! A socket between a console and its engine: it counts the calls, and something happens at one of them.

use std::{
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::api::Api;

/// No request's head is longer.
const LONGEST: usize = 64 * 1024;

pub(crate) struct Proxy {
    path: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    engine: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    over: bool,
    /// Calls since the strike was planned.
    calls: usize,
    strike: Option<Strike>,
    struck: Option<String>,
    /// A call, and what it is answered with.
    refused: Option<(&'static str, &'static str)>,
    held: Option<(&'static str, Duration)>,
}

struct Strike {
    pid: Pid,
    at: usize,
    moment: Moment,
}

/// When a console is killed at a call of its.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Moment {
    /// The engine does not hear of the call.
    Before,
    /// The engine heard all of it. A question was answered, to nobody; of what changes something the connection is cut
    /// as soon as it is asked, as it is when a process dies.
    PassedOn,
}

struct Request {
    /// `GET /containers/<id>/json`: without its version, its query, its names and ids.
    call: String,
    bytes: Vec<u8>,
}

enum Then {
    Pass,
    Kill(Pid, Moment),
    Refuse(&'static str),
    /// It is passed on after so long, whoever waits for it or not.
    Hold(Duration),
}

impl Proxy {
    /// Listens on this socket for what is meant for the engine.
    pub(crate) fn to(api: &Api, path: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let shared = Arc::new(Shared { engine: api.socket(), state: Mutex::default() });
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if ours.state().over {
                    break;
                }
                let ours = Arc::clone(&ours);
                // A console that dies in the midst is what this is for: there is nobody to tell.
                thread::spawn(move || client.and_then(|client| ours.pass_on(client)));
            }
        });
        Proxy { path, shared }
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// The process is killed at this call, counted from 1 and from now.
    pub(crate) fn strike(&self, pid: Pid, at: usize, moment: Moment) {
        let mut state = self.shared.state();
        state.calls = 0;
        state.strike = Some(Strike { pid, at, moment });
    }

    /// The call at which the process was killed, if it came to that one.
    pub(crate) fn struck(&self) -> Option<String> {
        self.shared.state().struck.clone()
    }

    /// The next call of this kind is answered with 500 and this, and the engine does not hear of it.
    pub(crate) fn refuse_once(&self, call: &'static str, why: &'static str) {
        self.shared.state().refused = Some((call, why));
    }

    /// The next call of this kind comes to the engine so much later, whoever waits for it or not.
    pub(crate) fn hold_once(&self, call: &'static str, long: Duration) {
        self.shared.state().held = Some((call, long));
    }

    /// Whether it was.
    pub(crate) fn has_refused(&self) -> bool {
        self.shared.state().refused.is_none()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state().over = true;
        // It waits for a connection: this is the last one.
        drop(UnixStream::connect(&self.path));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, and its answer until the engine closes.
    fn pass_on(&self, mut client: UnixStream) -> io::Result<()> {
        let request = Request::read(&mut client)?;
        let then = self.next(&request);
        match then {
            Then::Refuse(why) => {
                let said = serde_json::json!({ "message": why }).to_string();
                let length = said.len();
                return write!(
                    client,
                    "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\n\
                     content-length: {length}\r\nconnection: close\r\n\r\n{said}"
                );
            }
            Then::Kill(pid, Moment::Before) => return Ok(kill_process(pid, Signal::KILL)?),
            Then::Hold(long) => thread::sleep(long),
            Then::Kill(_, Moment::PassedOn) | Then::Pass => {}
        }
        let mut engine = UnixStream::connect(&self.engine)?;
        engine.write_all(&request.bytes)?;
        if let Then::Kill(pid, _) = then {
            if request.call.starts_with("GET ") {
                io::copy(&mut engine, &mut io::sink())?;
            }
            return Ok(kill_process(pid, Signal::KILL)?);
        }
        io::copy(&mut engine, &mut client).map(|_| ())
    }

    /// Counts the call, and says what happens at it.
    fn next(&self, request: &Request) -> Then {
        let mut state = self.state();
        state.calls += 1;
        if let Some((_, why)) = state.refused.take_if(|(call, _)| *call == request.call) {
            return Then::Refuse(why);
        }
        if let Some((_, long)) = state.held.take_if(|(call, _)| *call == request.call) {
            return Then::Hold(long);
        }
        let calls = state.calls;
        match state.strike.take_if(|strike| strike.at == calls) {
            Some(Strike { pid, moment, .. }) => {
                state.struck = Some(request.call.clone());
                Then::Kill(pid, moment)
            }
            None => Then::Pass,
        }
    }
}

impl Request {
    /// Reads a whole request. To the engine it is its connection's last: the next one comes on another and is counted.
    fn read(client: &mut UnixStream) -> io::Result<Self> {
        let (mut bytes, mut piece): (Vec<u8>, _) = (Vec::new(), [0; 4096]);
        let mut more = |bytes: &mut Vec<u8>| -> io::Result<()> {
            match client.read(&mut piece)? {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    bytes.extend_from_slice(&piece[..read]);
                    Ok(())
                }
            }
        };
        let ends = loop {
            if let Some(ends) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break ends + 2;
            }
            if bytes.len() > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            more(&mut bytes)?;
        };
        let head = String::from_utf8_lossy(&bytes[..ends]).into_owned();
        let field = |name: &str| {
            head.lines().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let chunked = field("transfer-encoding").is_some();
        let length: usize = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        let whole = |bytes: &[u8]| match chunked {
            true => bytes.ends_with(b"\r\n0\r\n\r\n"),
            false => bytes.len() >= ends + 2 + length,
        };
        while !whole(&bytes) {
            more(&mut bytes)?;
        }
        drop(bytes.splice(ends..ends, *b"connection: close\r\n"));
        let line = head.lines().next().unwrap_or_default();
        Ok(Request { call: told(line), bytes })
    }
}

/// A request's first line, of which there are as many as there are kinds of calls.
fn told(line: &str) -> String {
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let version =
        |part: &str| part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let parts = path.split('/').filter(|part| !part.is_empty() && !version(part)).map(|part| {
        let is_an_id = part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        match part {
            _ if is_an_id => "<id>",
            part if part.starts_with("rocky-") => "<name>",
            part => part,
        }
    });
    format!("{method} /{}", parts.collect::<Vec<_>>().join("/"))
}

#[test]
fn calls_of_one_kind_are_told_alike() {
    let id = "0123456789abcdef".repeat(4);
    for (line, call) in [
        ("GET /version HTTP/1.1".to_owned(), "GET /version"),
        (format!("POST /v1.41/containers/{id}/update HTTP/1.1"), "POST /containers/<id>/update"),
        ("GET /v1.41/volumes/rocky-acme HTTP/1.1".to_owned(), "GET /volumes/<name>"),
        ("GET /v1.41/containers/json?all=true&filters=%7B%7D HTTP/1.1".to_owned(), "GET /containers/json"),
        ("GET /v1.41/images/rocky/workspace:dev/json HTTP/1.1".to_owned(), "GET /images/rocky/workspace:dev/json"),
    ] {
        assert_eq!(told(&line), call);
    }
}
