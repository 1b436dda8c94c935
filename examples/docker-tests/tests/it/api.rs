//! The engine's API, asked by hand: what is there, whoever made it, and what a person may do to it.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::engine::{Engine, IMAGE};

/// An engine that has much to do answers late.
const PATIENCE: Duration = Duration::from_secs(30);

/// An engine behind its socket.
#[derive(Clone)]
pub(crate) struct Api {
    socket: PathBuf,
}

/// A container, a network or a volume.
#[derive(Debug)]
pub(crate) struct Thing {
    kind: &'static str,
    id: String,
    name: String,
}

/// One that a test made by hand, or had made: it is gone with this.
pub(crate) struct ByHand {
    api: Api,
    /// What takes it away.
    path: String,
    /// What shows it.
    pub(crate) shown_at: String,
}

impl Api {
    pub(crate) fn of(engine: &Engine) -> Self {
        Api::at(engine.host().trim_start_matches("unix://"))
    }

    pub(crate) fn at(socket: impl Into<PathBuf>) -> Self {
        Api { socket: socket.into() }
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    pub(crate) fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> io::Result<(u16, Vec<u8>)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // Of HTTP 1.0 the answer comes in one piece and ends with the connection.
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said)?;
        let ends = said.windows(4).position(|four| four == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = String::from_utf8_lossy(&said[..ends]).split(' ').nth(1).and_then(|status| status.parse().ok());
        said.drain(..ends + 4);
        Ok((status.ok_or(io::ErrorKind::InvalidData)?, said))
    }

    /// Status and body; a body that is no JSON is null.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> io::Result<(u16, Value)> {
        let (status, body) = self.send(method, path, "application/json", body)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, b"").unwrap()
    }

    /// It does what it is asked.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        // A body that nobody reads would reset the connection.
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, said) = self.ask("POST", path, body.as_bytes()).unwrap();
        assert!((200..300).contains(&status), "POST {path}: {status} {said}");
        said
    }

    /// It takes it away.
    pub(crate) fn delete(&self, path: &str) {
        let (status, said) = self.ask("DELETE", path, b"").unwrap();
        assert!((200..300).contains(&status), "DELETE {path}: {status} {said}");
    }

    /// What the engine says of a container that is there.
    pub(crate) fn container(&self, name: &str) -> Value {
        let (status, container) = self.get(&format!("/containers/{name}/json"));
        assert_eq!(status, 200, "{name}: {container}");
        container
    }

    /// Everything with this label, containers first, then networks, then volumes.
    pub(crate) fn labelled(&self, label: &str) -> io::Result<Vec<Thing>> {
        let filters = encoded(&json!({"label": [label]}).to_string());
        let ask = |path: String| -> io::Result<Vec<Value>> {
            let (status, said) = self.ask("GET", &path, b"")?;
            let found = if said.is_array() { &said } else { &said["Volumes"] };
            match (status, found) {
                (200, Value::Array(found)) => Ok(found.clone()),
                (200, Value::Null) => Ok(Vec::new()),
                _ => Err(io::Error::other(format!("GET {path}: {status} {said}"))),
            }
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().trim_start_matches('/').to_owned();
        let mut things = Vec::new();
        for found in ask(format!("/containers/json?all=1&filters={filters}"))? {
            things.push(Thing { kind: "container", id: text(&found["Id"]), name: text(&found["Names"][0]) });
        }
        for found in ask(format!("/networks?filters={filters}"))? {
            things.push(Thing { kind: "network", id: text(&found["Id"]), name: text(&found["Name"]) });
        }
        for found in ask(format!("/volumes?filters={filters}"))? {
            things.push(Thing { kind: "volume", id: text(&found["Name"]), name: text(&found["Name"]) });
        }
        Ok(things)
    }

    /// Takes away everything with this label, whatever it is at.
    pub(crate) fn clear(&self, label: &str) -> io::Result<()> {
        for _ in 0..20 {
            let things = self.labelled(label)?;
            if things.is_empty() {
                return Ok(());
            }
            for thing in &things {
                // One that goes already, or that something else still uses, is gone the next time.
                self.ask("DELETE", &thing.removed_at(), b"")?;
            }
            thread::sleep(Duration::from_millis(100));
        }
        Err(io::Error::other(format!("the engine does not let go of {:?}", self.labelled(label)?)))
    }

    /// What a container's program says to these words, said inside by a process of its own, and whether it went well.
    pub(crate) fn inside(&self, container: &str, words: &[&str]) -> (bool, String) {
        let command: Vec<&str> = ["/rocky-workspace"].iter().chain(words).copied().collect();
        let made = json!({"AttachStdout": true, "AttachStderr": true, "Cmd": command});
        let made = self.post(&format!("/containers/{container}/exec"), &made);
        let exec = format!("/exec/{}", made["Id"].as_str().unwrap());
        let start = json!({"Detach": false, "Tty": false}).to_string();
        let (status, said) = self.send("POST", &format!("{exec}/start"), "application/json", start.as_bytes()).unwrap();
        assert_eq!(status, 200, "{words:?}: {}", String::from_utf8_lossy(&said));
        // What it wrote ends a moment before its exit code is known.
        loop {
            let (_, now) = self.get(&format!("{exec}/json"));
            if now["Running"] == false && !now["ExitCode"].is_null() {
                return (now["ExitCode"] == 0, unframed(&said));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Makes a thing of nobody's workspace, with a name that one might have.
    pub(crate) fn by_hand(&self, kind: &str, name: &str) -> ByHand {
        let (path, shown_at) = match kind {
            "container" => {
                self.post(&format!("/containers/create?name={name}"), &json!({"Image": IMAGE}));
                (format!("/containers/{name}?force=1&v=1"), format!("/containers/{name}/json"))
            }
            "network" => {
                self.post("/networks/create", &json!({"Name": name}));
                (format!("/networks/{name}"), format!("/networks/{name}"))
            }
            _ => {
                self.post("/volumes/create", &json!({"Name": name}));
                (format!("/volumes/{name}"), format!("/volumes/{name}"))
            }
        };
        ByHand { api: self.clone(), path, shown_at }
    }

    /// An image as the workspaces' is, but for this of its configuration. Nothing is built for it.
    pub(crate) fn image(&self, name: &str, config: &Value) -> ByHand {
        let from = self.by_hand("container", &format!("rocky-image-{name}"));
        self.post(&format!("/commit?container=rocky-image-{name}&repo=rocky/{name}&tag=test"), config);
        drop(from);
        let (path, shown_at) =
            (format!("/images/rocky/{name}:test?force=1"), format!("/images/rocky/{name}:test/json"));
        ByHand { api: self.clone(), path, shown_at }
    }
}

impl Thing {
    fn removed_at(&self) -> String {
        match self.kind {
            "container" => format!("/containers/{}?force=1&v=1", self.id),
            "network" => format!("/networks/{}", self.id),
            _ => format!("/volumes/{}", self.id),
        }
    }
}

impl std::fmt::Display for Thing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        if let Err(error) = self.api.ask("DELETE", &self.path, b"") {
            eprintln!("{} could not be taken away: {error}", self.path);
        }
    }
}

/// As it may stand in a query.
fn encoded(text: &str) -> String {
    let letter = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

/// Both streams of a process, which come in pieces: eight bytes say of which one, and how long.
fn unframed(mut bytes: &[u8]) -> String {
    let mut text = Vec::new();
    while let [_, _, _, _, a, b, c, d, rest @ ..] = bytes {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (piece, next) = rest.split_at(length.min(rest.len()));
        text.extend_from_slice(piece);
        bytes = next;
    }
    String::from_utf8_lossy(&text).trim().to_owned()
}
