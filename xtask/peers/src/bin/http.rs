//! `http KIND --connections N --seconds S --folder DIR`: how many requests a second a route answers that changes state.
//!
//! The change is the same small one for all kinds: `bare` makes it and no more, `naive` writes a line to an audit log
//! before and after it, `guarded` makes it behind the doors. The client asks all of them the same, from within this
//! process.
#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs::File,
    io::Write,
    num::NonZeroUsize,
    path::Path as FilePath,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
    serve::ListenerExt,
};
use rocky_peers::{
    args::Args,
    client,
    measure::{self, Report, Window, together},
    scratch::Scratch,
};
use rocky_sdk::{
    ActionError, Billing, Bolted, Doors, Entitled, ForeignToken, LocalAuth,
    hatch::{Journal, JournalOptions},
    tenant_action,
    web::DoorRouter,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

const WARM_UP: Duration = Duration::from_millis(500);
const ROUTE: &str = "/keys/{name}/rotate";
const BODY: &str = r#"{"reason":"the signing key is ninety days old"}"#;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (kind, mut args) = Args::read(env::args().skip(1))?;
    if !["bare", "naive", "guarded"].contains(&kind.as_str()) {
        return Err(format!("there is no kind `{kind}`: the kinds are bare, naive, guarded").into());
    }
    let connections = args.take::<NonZeroUsize>("connections")?.get();
    let measured = args.seconds()?;
    let folder = args.folder()?;
    args.end()?;
    let scratch = Scratch::new(&folder, &kind)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let micros = runtime.block_on(async {
        let service = Service::new(&kind, scratch.path(), connections).await?;
        service.measure(connections, measured).await
    })?;
    Ok(measure::print(&Report::new(&kind, connections, None, measured, micros)?)?)
}

/// What is measured, and what it takes to be let in.
struct Service {
    router: Router,
    token: String,
    doors: Option<Doors>,
}

impl Service {
    async fn new(kind: &str, folder: &FilePath, connections: usize) -> Result<Self, Box<dyn Error>> {
        let keys = Keys::default();
        let open = |router: Router| Service { router, token: "nobody-asks-for-it".to_owned(), doors: None };
        match kind {
            "bare" => Ok(open(Router::new().route(ROUTE, post(bare)).with_state(Arc::new(keys)))),
            "naive" => {
                let log = File::options().append(true).create_new(true).open(folder.join("audit.jsonl"))?;
                let state = Arc::new(Logged { keys, log: Arc::new(Mutex::new(log)), events: AtomicU64::new(0) });
                Ok(open(Router::new().route(ROUTE, post(naive)).with_state(state)))
            }
            _ => {
                let (auth, first) = LocalAuth::open(folder)?;
                let token = first.ok_or("the folder is not new")?.token;
                let mut options = JournalOptions::new("peers");
                // No connection is to wait for the place of its outcome.
                options.open_actions = options.open_actions.max(connections);
                options.waiting_bytes = options.waiting_bytes.max(options.open_actions << 14);
                let journal = Journal::open(&folder.join("hatch"), options)?;
                let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
                let keys = Arc::new(Bolted::<Keys, (Rotate,)>::new(&doors, keys)?);
                let router = DoorRouter::new(doors.clone()).post(ROUTE, guarded).with_state(keys);
                Ok(Service { router, token, doors: Some(doors) })
            }
        }
    }

    async fn measure(self, connections: usize, measured: Duration) -> Result<Vec<u32>, Box<dyn Error>> {
        let Service { router, token, doors } = self;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let listener = listener.tap_io(|stream| {
            // Where it cannot be set, the connection is about to break, and the client says so.
            let _ = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let window = Window::new(WARM_UP, measured);
        let clients: Vec<_> = (0..connections)
            .map(|number| tokio::spawn(client::ask(address, request(number, &token), window)))
            .collect();
        let mut parts = Vec::with_capacity(connections);
        for client in clients {
            parts.push(client.await?);
        }
        server.abort();
        if let Some(doors) = doors {
            doors.shutdown(Duration::from_secs(5)).await?;
        }
        Ok(together(parts)?)
    }
}

/// To a key of the connection's own. Every kind is sent the token, so that all read a request of the same length.
fn request(connection: usize, token: &str) -> Vec<u8> {
    format!(
        "POST /keys/key-{connection:06}/rotate HTTP/1.1\r\n\
         host: 127.0.0.1\r\n\
         authorization: Bearer {token:<70}\r\n\
         content-type: application/json\r\n\
         content-length: {}\r\n\
         \r\n\
         {BODY}",
        BODY.len()
    )
    .into_bytes()
}

/// The driver: how often each key was rotated.
#[derive(Default)]
struct Keys(Mutex<HashMap<String, u64>>);

impl Keys {
    fn turn(&self, name: &str) -> u64 {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = keys.entry(name.to_owned()).or_default();
        *times += 1;
        *times
    }

    fn rotate(&self, token: &Entitled<Rotate>) -> u64 {
        self.turn(&token.action().name)
    }
}

#[derive(Deserialize)]
struct Asked {
    reason: String,
}

async fn bare(State(keys): State<Arc<Keys>>, Path(name): Path<String>, Json(_): Json<Asked>) -> Json<u64> {
    Json(keys.turn(&name))
}

/// The keys, and the audit log as it is commonly written: a line before, a line after, each waited for.
struct Logged {
    keys: Keys,
    log: Arc<Mutex<File>>,
    events: AtomicU64,
}

/// About as long as one of HATCH's events.
#[derive(Serialize)]
struct AuditLine<'a> {
    specversion: &'a str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    time_ms: u128,
    datacontenttype: &'a str,
    actor: &'a str,
    tenant: &'a str,
    role: &'a str,
    actionid: &'a str,
    data: Rotation<'a>,
}

#[derive(Serialize)]
struct Rotation<'a> {
    status: &'a str,
    name: &'a str,
    reason: &'a str,
}

async fn naive(
    State(state): State<Arc<Logged>>,
    Path(name): Path<String>,
    Json(asked): Json<Asked>,
) -> Result<Json<u64>, StatusCode> {
    let action = state.id();
    let rotation = |status| Rotation { status, name: &name, reason: &asked.reason };
    state.record("keys.rotation_started", &action, rotation("started")).await?;
    let times = state.keys.turn(&name);
    state.record("keys.rotated", &action, rotation("succeeded")).await?;
    Ok(Json(times))
}

impl Logged {
    fn id(&self) -> String {
        format!("00000000-0000-7000-8000-{:012x}", self.events.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns once the line is durable.
    async fn record(&self, kind: &str, action: &str, rotation: Rotation<'_>) -> Result<(), StatusCode> {
        let time_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let line = serde_json::to_vec(&AuditLine {
            specversion: "1.0",
            id: &self.id(),
            source: "/naive/keys/00000000000070008000000000000000",
            kind,
            time_ms,
            datacontenttype: "application/json",
            actor: "user:local-operator",
            tenant: "local",
            role: "admin",
            actionid: action,
            data: rotation,
        });
        let mut line = line.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        line.push(b'\n');
        let log = Arc::clone(&self.log);
        let written = tokio::task::spawn_blocking(move || {
            let mut file = log.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(&line)?;
            file.sync_data()
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            _ => Err(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// The same change as an action.
#[tenant_action(role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed")]
struct Rotate {
    name: String,
    reason: String,
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct NotOpened(#[from] ForeignToken);

impl ActionError for NotOpened {}

#[tenant_action]
async fn guarded(token: &Entitled<Rotate>, State(keys): State<Arc<Bolted<Keys, (Rotate,)>>>) -> Result<u64, NotOpened> {
    Ok(keys.open(token)?.rotate(token))
}
