//! A real BetterAuth server in a process of its own: people come and go by its HTTP API, and what only its database can
//! do is done over the process's standard input.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail as its tests do")]

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// A server that hashes a password on a machine with other work to do answers late.
const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "the-same-for-everybody";

/// How a server is to be.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Whether it believes what a second cookie says of a session, and how that is written.
    pub cache: Cache,
    /// `__Secure-` before the names of its cookies.
    pub secure: bool,
    /// Its `cookiePrefix`.
    pub prefix: &'static str,
    /// How often it may be asked in a minute, for anything but to sign in; 0 for any number of times.
    pub rate_limit: u32,
}

/// BetterAuth's cookie cache, and its strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// There is none.
    Off,
    /// Base64 and an HMAC.
    Compact,
    /// A signed token.
    Jwt,
    /// An encrypted token.
    Jwe,
}

/// A server, which ends with this.
pub struct BetterAuthServer {
    /// Where it answers: its `baseURL`.
    pub url: String,
    /// The name of its session cookie, as it sets it.
    pub cookie: String,
    child: Child,
    control: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    people: AtomicUsize,
}

/// Somebody who has signed up.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their user id.
    pub id: String,
    email: String,
}

/// What a browser has of a server once somebody has signed in.
#[derive(Debug, Clone)]
pub struct Cookies {
    /// The session cookie, `name=value`.
    pub session: String,
    /// All cookies, as a `Cookie` header.
    pub all: String,
}

/// A request that the server got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its method and path, with the query: `GET /api/auth/ok`.
    pub what: String,
    /// Its headers, in their order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// On which of the server's connections it came.
    pub connection: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { cache: Cache::Off, secure: false, prefix: "better-auth", rate_limit: 0 }
    }
}

impl BetterAuthServer {
    /// Starts one on a free port of this machine, and waits until it answers.
    ///
    /// # Panics
    /// Without Node and npm, and where npm cannot install what the lock file names.
    pub fn start(settings: Settings) -> Self {
        let Settings { cache, secure, prefix, rate_limit } = settings;
        let cache = format!("{cache:?}").to_lowercase();
        let settings = json!({ "cache": cache, "secure": secure, "prefix": prefix, "rateLimit": rate_limit });
        let mut command = Command::new("node");
        command.arg("server.mjs").arg(settings.to_string()).current_dir(&*INSTALLED);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut control = (stdin, BufReader::new(stdout));
        let said = heard(&mut control.1);
        let text = |name: &str| said[name].as_str().unwrap_or_else(|| panic!("it said {said}")).to_owned();
        let (url, cookie) = (text("url"), text("cookie"));
        BetterAuthServer { url, cookie, child, control: Mutex::new(control), people: AtomicUsize::new(0) }
    }

    /// Signs somebody new up, with these roles.
    pub fn person(&self, roles: &str) -> Person {
        let email = format!("person-{}@example.com", self.people.fetch_add(1, Ordering::Relaxed));
        let who = json!({ "email": email, "password": PASSWORD, "name": roles });
        let (said, _) = self.post("/sign-up/email", None, &who);
        let id = said["user"]["id"].as_str().unwrap_or_else(|| panic!("{said}")).to_owned();
        let person = Person { id, email };
        self.write(&person, &json!({ "role": roles }));
        person
    }

    /// Signs them in, once more if they are.
    pub fn sign_in(&self, person: &Person) -> Cookies {
        let (_, cookies) = self.post("/sign-in/email", None, &json!({ "email": person.email, "password": PASSWORD }));
        self.cookies(&cookies)
    }

    /// Signs this session out.
    pub fn sign_out(&self, cookies: &Cookies) {
        self.post("/sign-out", Some(cookies), &json!({}));
    }

    /// Revokes all sessions of whose session this is.
    pub fn revoke(&self, cookies: &Cookies) {
        self.post("/revoke-sessions", Some(cookies), &json!({}));
    }

    /// Bans them through the API, as an admin does.
    pub fn ban(&self, admin: &Cookies, person: &Person) {
        self.post("/admin/ban-user", Some(admin), &json!({ "userId": person.id }));
    }

    /// Takes them away through the API, as an admin does.
    pub fn remove(&self, admin: &Cookies, person: &Person) {
        self.post("/admin/remove-user", Some(admin), &json!({ "userId": person.id }));
    }

    /// A session in which an admin acts as them.
    pub fn impersonate(&self, admin: &Cookies, person: &Person) -> Cookies {
        let (_, cookies) = self.post("/admin/impersonate-user", Some(admin), &json!({ "userId": person.id }));
        self.cookies(&cookies)
    }

    /// Writes into their row of the database, where the API has no say: `banned`, `banExpires` (ISO 8601), `role`,
    /// `tenant`.
    pub fn write(&self, person: &Person, row: &Value) {
        self.command(&json!({ "do": "user", "id": person.id, "row": row }));
    }

    /// Ends the time of their sessions.
    pub fn expire(&self, person: &Person) {
        self.command(&json!({ "do": "expire", "id": person.id }));
    }

    /// What the server itself says to a browser that has these cookies, its cookie cache believed.
    pub fn believes(&self, cookies: &Cookies) -> bool {
        let (status, _, body) = self.send("GET", "/get-session", Some(&cookies.all), "").unwrap();
        assert_eq!(status, 200, "{body}");
        !body.is_null()
    }

    /// The requests that it got since this was last asked.
    pub fn asked(&self) -> Vec<Asked> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let read = |request: &Value| {
            let headers = request["headers"].as_array().unwrap();
            let (pairs, _) = headers.as_chunks::<2>();
            Asked {
                what: format!("{} {}", text(&request["method"]), text(&request["path"])),
                headers: pairs.iter().map(|[name, value]| (text(name).to_lowercase(), text(value))).collect(),
                connection: request["connection"].as_u64().unwrap(),
            }
        };
        self.command(&json!({ "do": "asked" })).as_array().unwrap().iter().map(read).collect()
    }

    /// Stops it where it is: it takes connections, and does not answer.
    pub fn pause(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Kills it: nobody answers there any more.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As a browser keeps them: of each name the last one, and none that has no value any more.
    fn cookies(&self, set: &[String]) -> Cookies {
        let mut kept = BTreeMap::new();
        for cookie in set {
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).unwrap();
            kept.insert(name, value);
        }
        kept.retain(|_, value| !value.is_empty());
        let session = kept.get(self.cookie.as_str()).unwrap_or_else(|| panic!("no {} in {set:?}", self.cookie));
        let all: Vec<_> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Cookies { session: format!("{}={session}", self.cookie), all: all.join("; ") }
    }

    /// What the API says to this, and the cookies that it sets. It does what it is asked.
    fn post(&self, path: &str, cookies: Option<&Cookies>, body: &Value) -> (Value, Vec<String>) {
        let cookies = cookies.map(|cookies| cookies.all.as_str());
        let (status, set, said) = self.send("POST", path, cookies, &body.to_string()).unwrap();
        assert_eq!(status, 200, "POST {path}: {said}");
        (said, set)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        cookies: Option<&str>,
        body: &str,
    ) -> io::Result<(u16, Vec<String>, Value)> {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // Of HTTP 1.0 the answer comes in one piece and ends with the connection.
        let mut head = format!("{method} /api/auth{path} HTTP/1.0\r\nhost: {host}\r\norigin: {}\r\n", self.url);
        if let Some(cookies) = cookies {
            head += &format!("cookie: {cookies}\r\n");
        }
        if !body.is_empty() {
            head += &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
        }
        write!(stream, "{head}\r\n{body}")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        let (head, body) = said.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let set = head.lines().filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.to_owned())
        });
        Ok((status, set.collect(), serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    fn command(&self, command: &Value) -> Value {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(control.0, "{command}").unwrap();
        let mut said = heard(&mut control.1);
        assert!(said.get("done").is_some(), "{command}: {said}");
        said["done"].take()
    }
}

impl Drop for BetterAuthServer {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn heard(from: &mut impl BufRead) -> Value {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("the server said {line:?}: {error}"))
}

/// The folder of `server.mjs` and what it needs, in the target folder of the program that runs.
static INSTALLED: LazyLock<PathBuf> = LazyLock::new(|| {
    let program = env::current_exe().unwrap();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let folder = target.unwrap_or_else(|| panic!("{} is in no target folder", program.display())).join("better-auth");
    fs::create_dir_all(&folder).unwrap();
    // Tests and the demo may come at the same time: one of them installs, and the others wait for it.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("better-auth");
    // What is as it should be is not written: another server may be about to read it.
    let renew = |name: &str| {
        let (new, path) = (fs::read(ours.join(name)).unwrap(), folder.join(name));
        if fs::read(&path).ok().as_ref() != Some(&new) {
            fs::write(&path, new).unwrap();
        }
    };
    // Whoever was killed in the midst left no mark, or another one.
    let (mark, wanted) = (folder.join("installed"), fs::read(ours.join("package-lock.json")).unwrap());
    if fs::read(&mark).ok().as_ref() != Some(&wanted) {
        renew("package.json");
        renew("package-lock.json");
        let words = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
        let ended = Command::new("npm").args(words).current_dir(&folder).stdin(Stdio::null()).status();
        let ended = ended.unwrap_or_else(|error| panic!("npm cannot be started: {error}"));
        assert!(ended.success(), "npm ci in {}: {ended}", folder.display());
        fs::write(&mark, wanted).unwrap();
    }
    renew("server.mjs");
    folder
});
