//! Polar's API, as far as rocky asks it, on 127.0.0.1: what its description says and what its servers do, troubles
//! included. It looks at the token, the version and the path as the real one does; what it says is the test's script.

mod answer;
mod state;
mod webhook;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

pub use state::Customer;
pub use webhook::{KeyForm, Webhook, secret};

/// What a token may do.
pub const SCOPES: [&str; 5] =
    ["customers:read", "products:read", "subscriptions:read", "checkouts:write", "customer_sessions:write"];

/// A server of its own thread and runtime; it ends when this is dropped, and cuts whoever waits for an answer.
///
/// ```
/// use rocky_cloud_tests::fake_polar::{FakePolar, Trouble};
///
/// let polar = FakePolar::start();
/// polar.customer("acme").benefit("team");
/// polar.next(Trouble::TooMany { retry_after: Some(1) }); // the first request, and no other
/// assert!(polar.asked().is_empty(), "nobody asked yet");
/// ```
#[derive(Debug)]
pub struct FakePolar {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What goes wrong with one request. All but [`Trouble::Delay`] take the place of the answer, and are met before the token
/// is looked at.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// 429 with an empty body, and with `Retry-After` in whole seconds or without it.
    TooMany {
        /// The header's value.
        retry_after: Option<u64>,
    },
    /// This status, as a server or the proxy before it says it: a line of text.
    Status(u16),
    /// 422 `RequestValidationError`.
    Invalid,
    /// A 200 that is a page.
    NotJson,
    /// A 200 that is this, whoever was asked about.
    Says(Value),
    /// The answer comes this much later.
    Delay(Duration),
    /// The connection is closed without an answer.
    Drop,
    /// The connection is closed in the middle of a 200's body.
    CutOff,
}

/// A request, as it came. The token's value is not kept.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// Path and query, not decoded.
    pub path: String,
    /// The headers, by lower-case name; of `authorization` the scheme alone.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// When it had come.
    pub at: Instant,
}

#[derive(Debug)]
struct Shared {
    base: String,
    script: Mutex<Script>,
}

#[derive(Debug)]
struct Script {
    token: String,
    scopes: BTreeSet<&'static str>,
    next: VecDeque<Trouble>,
    always: Option<Trouble>,
    strange: bool,
    people: Vec<state::Person>,
    products: Vec<(Uuid, String)>,
    asked: Vec<Asked>,
}

impl FakePolar {
    /// Listens on a free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let script = Script {
            token: fresh_token(),
            scopes: SCOPES.into(),
            next: VecDeque::new(),
            always: None,
            strange: false,
            people: Vec::new(),
            products: Vec::new(),
            asked: Vec::new(),
        };
        let shared = Arc::new(Shared { base: format!("http://{address}"), script: Mutex::new(script) });
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, shared) => {}
                        _ = stopped => {}
                    }
                });
            }
        });
        FakePolar { address, shared, server: Some((stop, thread)) }
    }

    /// Where it listens: `http://127.0.0.1:..`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.base
    }

    /// The same, as `host:port`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token that it takes, and no other.
    #[must_use]
    pub fn token(&self) -> String {
        self.script().token.clone()
    }

    /// Another token from now on: the one before is answered with 401 `invalid_token`.
    pub fn revoke_token(&self) {
        self.script().token = fresh_token();
    }

    /// The token may do this no longer: 403 `insufficient_scope`. One of [`SCOPES`].
    pub fn revoke_scope(&self, scope: &str) {
        assert!(self.script().scopes.remove(scope), "{scope} is no scope that the token has");
    }

    /// What happens to the next request for which nothing was said yet. Several follow one another.
    pub fn next(&self, trouble: Trouble) {
        self.script().next.push_back(trouble);
    }

    /// What happens to every request for which [`FakePolar::next`] says nothing.
    pub fn always(&self, trouble: Trouble) {
        self.script().always = Some(trouble);
    }

    /// No troubles any more.
    pub fn recovers(&self) {
        let mut script = self.script();
        script.always = None;
        script.next.clear();
    }

    /// From now on states have fields, types and values that no reader knew when it was written, tiers included.
    pub fn grows(&self) {
        self.script().strange = true;
    }

    /// The customer of this external id, made where there is none: known, and with nothing.
    pub fn customer(&self, external_id: &str) -> Customer<'_> {
        let mut script = self.script();
        if !script.people.iter().any(|person| person.external_id == external_id) {
            script.people.push(state::Person::new(external_id));
        }
        drop(script);
        Customer { polar: self, external_id: external_id.to_owned() }
    }

    /// The id of the product whose metadata says this tier.
    pub fn product(&self, tier: &str) -> Uuid {
        let mut script = self.script();
        if let Some((id, _)) = script.products.iter().find(|(_, known)| known == tier) {
            return *id;
        }
        let id = Uuid::now_v7();
        script.products.push((id, tier.to_owned()));
        id
    }

    /// Every request since the start, or since [`FakePolar::forget`].
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.script().asked.clone()
    }

    /// The same, as `GET /v1/..`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.script().asked.iter().map(ToString::to_string).collect()
    }

    /// Empties the log of requests, and gives what was in it.
    pub fn forget(&self) -> Vec<String> {
        self.script().asked.drain(..).map(|asked| asked.to_string()).collect()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script()
    }
}

impl Drop for FakePolar {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.server.take() {
            drop(stop);
            // Waited for: from here on nobody listens, and no connection is open.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

fn fresh_token() -> String {
    format!("polar_oat_{}", Uuid::now_v7().simple())
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    // Ends with its owner, and every connection with it.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| answer::answer(request, Arc::clone(&shared)));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}
