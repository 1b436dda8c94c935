//! A whole service in a folder of its own.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{Request, Response},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::{
    Airlock, Authenticated, Billing, BoxFuture, Credentials, Denied, Doors, Entitled, ErrorKind, Limits, Observer,
    Rank, Session, Slug, Tier,
    airlock::Unresolved,
    doors::DoorsBuilder,
    hatch::{Journal, JournalOptions, Record, journal::faults::Hand, pending, records},
    hearth::{
        Decommission, DeploymentRef, Driver, DriverError, Hearth, HearthError, Inspection, Keeper, Looked, Placement,
        Provision, Repair, Rows, Upgrade,
    },
    tenant_action,
    web::{DoorRouter, PathSlug},
};

/// Who is known: `ada` is acme's admin, `otto` its operator, `oona` its observer, `mallory` umbrella's admin.
struct Roster;

impl Airlock for Roster {
    fn resolve<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Session, Unresolved>> {
        Box::pin(async move {
            let (tenant, role) = match credentials.token() {
                Some("ada") => ("acme", Rank::Admin),
                Some("otto") => ("acme", Rank::Operator),
                Some("oona") => ("acme", Rank::Observer),
                Some("mallory") => ("umbrella", Rank::Admin),
                Some("elsewhere") => return Err(Unresolved::CrossSite),
                Some("down") => return Err(Unresolved::Unavailable("it is down".to_owned())),
                Some("slow") => return std::future::pending().await,
                Some("mad") => panic!("Airlock panicked on purpose"),
                _ => return Err(Unresolved::Stranger("nobody")),
            };
            Ok(Session::new(credentials.token().unwrap_or_default(), tenant, role).unwrap())
        })
    }
}

/// What the driver does when it is called next.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum Act {
    #[default]
    Work,
    Fail,
    Conflict,
    /// Fails, and says that it had begun nothing.
    Untouched,
    Panic,
    /// Panics before there is a future.
    PanicAtOnce,
    /// Works, then panics: what it made is there.
    WorkThenPanic,
    Hang,
}

/// A driver that does as it is told, and remembers what it made over restarts.
#[derive(Default)]
pub(super) struct Script {
    pub(super) act: Mutex<Act>,
    pub(super) undo: Mutex<Act>,
    pub(super) made: Mutex<BTreeMap<String, Inspection>>,
    pub(super) calls: AtomicUsize,
    /// Runs when the driver is called, before it works.
    pub(super) when_called: Mutex<Option<Box<dyn Fn() + Send>>>,
    /// With a gate, each call waits for a permit.
    pub(super) gate: Mutex<Option<Arc<Semaphore>>>,
    /// The tier that it gives whatever it makes; without one, the one that it is to have.
    pub(super) gives: Mutex<Option<Tier>>,
    /// What it does when it is to look.
    pub(super) look: Mutex<Act>,
    pub(super) looks: AtomicUsize,
    /// Runs when it is to look, before it does.
    pub(super) when_looking: Mutex<Option<Box<dyn Fn() + Send>>>,
    /// With a gate, each look waits for a permit once it has looked.
    pub(super) look_gate: Mutex<Option<Arc<Semaphore>>>,
}

impl Script {
    pub(super) fn next(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(super) fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// From now on this is what there is.
    pub(super) fn there(&self, slug: &str, what: Inspection) {
        self.made.lock().unwrap().insert(slug.to_owned(), what);
    }

    pub(super) fn close_the_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    async fn work<T>(&self, act: Act, work: impl FnOnce() -> T) -> Result<T, DriverError> {
        if let Some(then) = &*self.when_called.lock().unwrap() {
            then();
        }
        self.calls.fetch_add(1, Ordering::SeqCst);
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        act.run(work).await
    }

    fn place(&self, slug: &Slug, tier: Tier) -> Placement {
        let placement = Placement { tier, url: format!("http://{slug}.test/"), made_by: None };
        self.there(slug.as_str(), Inspection::Serving(placement.clone()));
        placement
    }
}

impl Act {
    async fn run<T>(self, work: impl FnOnce() -> T) -> Result<T, DriverError> {
        match self {
            Act::Work => Ok(work()),
            Act::Fail => Err(DriverError::failed("the disk is on fire")),
            Act::Conflict => Err(DriverError::of(ErrorKind::Conflict, "name-in-use", "somebody else's")),
            Act::Untouched => {
                Err(DriverError::of(ErrorKind::Unavailable, "engine-unavailable", "nobody is there").untouched())
            }
            Act::Panic | Act::PanicAtOnce => panic!("the driver panicked on purpose"),
            Act::WorkThenPanic => {
                work();
                panic!("the driver panicked late, on purpose")
            }
            Act::Hang => std::future::pending().await,
        }
    }
}

struct Scripted(Arc<Script>);

impl Driver for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn provision<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<Placement, DriverError>> {
        let act = *self.0.act.lock().unwrap();
        assert!(act != Act::PanicAtOnce, "the driver panicked at once, on purpose");
        let tier = self.0.gives.lock().unwrap().unwrap_or(token.action().tier);
        Box::pin(self.0.work(act, move || self.0.place(&token.action().slug, tier)))
    }

    fn undo<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<(), DriverError>> {
        Box::pin(async move {
            if *self.0.undo.lock().unwrap() != Act::Work {
                return Err(DriverError::failed("it cannot be undone"));
            }
            self.0.made.lock().unwrap().remove(token.action().slug.as_str());
            Ok(())
        })
    }

    fn upgrade<'t>(&'t self, token: &'t Entitled<Upgrade>) -> BoxFuture<'t, Result<Placement, DriverError>> {
        let act = *self.0.act.lock().unwrap();
        let tier = self.0.gives.lock().unwrap().unwrap_or(token.action().tier);
        Box::pin(self.0.work(act, move || self.0.place(&token.action().slug, tier)))
    }

    fn repair<'t>(&'t self, token: &'t Entitled<Repair>) -> BoxFuture<'t, Result<Placement, DriverError>> {
        let act = *self.0.act.lock().unwrap();
        let row = token.row().unwrap();
        let tier = self.0.gives.lock().unwrap().unwrap_or(row.tier);
        Box::pin(self.0.work(act, move || self.0.place(&row.slug, tier)))
    }

    fn decommission<'t>(&'t self, token: &'t Entitled<Decommission>) -> BoxFuture<'t, Result<(), DriverError>> {
        let act = *self.0.act.lock().unwrap();
        Box::pin(self.0.work(act, || {
            self.0.made.lock().unwrap().remove(token.action().slug.as_str());
        }))
    }

    fn inspect<'t>(&'t self, slug: &'t Slug) -> BoxFuture<'t, Result<Inspection, DriverError>> {
        let act = *self.0.look.lock().unwrap();
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        assert!(act != Act::PanicAtOnce, "the look panicked at once, on purpose");
        if let Some(then) = &*self.0.when_looking.lock().unwrap() {
            then();
        }
        let found = self.0.made.lock().unwrap().get(slug.as_str()).cloned();
        let gate = self.0.look_gate.lock().unwrap().clone();
        Box::pin(async move {
            if let Some(gate) = gate {
                gate.acquire().await.unwrap().forget();
            }
            act.run(|| found.unwrap_or(Inspection::Absent)).await
        })
    }

    fn all<'t>(&'t self) -> BoxFuture<'t, Result<Vec<Slug>, DriverError>> {
        let act = *self.0.look.lock().unwrap();
        let made: Vec<_> = self.0.made.lock().unwrap().keys().map(|slug| Slug::parse(slug).unwrap()).collect();
        Box::pin(act.run(|| made))
    }
}

/// The service.
pub(super) struct House {
    pub(super) home: PathBuf,
    pub(super) doors: Doors,
    pub(super) hearth: Hearth,
    pub(super) keeper: Arc<Keeper>,
    pub(super) rows: Arc<Rows>,
    pub(super) router: Router,
    pub(super) script: Arc<Script>,
    pub(super) hand: Hand,
    keep: Arc<tempfile::TempDir>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: axum::http::HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(super) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code in one, to compare.
    pub(super) fn is(&self) -> (u16, String) {
        (self.status, self.code())
    }
}

/// What a test asks for, built up.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) token: Option<&'static str>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

pub(super) fn ask(method: &'static str, path: &str) -> Ask {
    Ask { method, path: path.to_owned(), token: Some("ada"), headers: Vec::new(), body: Vec::new() }
}

pub(super) fn provision(slug: &str, tier: &str) -> Ask {
    ask("POST", "/w").json(&format!(r#"{{"slug":"{slug}","tier":"{tier}"}}"#))
}

pub(super) fn upgrade(slug: &str, tier: &str) -> Ask {
    ask("POST", &format!("/w/{slug}/upgrade")).json(&format!(r#"{{"tier":"{tier}"}}"#))
}

pub(super) fn repair(slug: &str) -> Ask {
    ask("POST", &format!("/w/{slug}/repair"))
}

pub(super) fn decommission(slug: &str) -> Ask {
    ask("DELETE", &format!("/w/{slug}"))
}

pub(super) fn get(slug: &str) -> Ask {
    ask("GET", &format!("/w/{slug}"))
}

pub(super) fn look(slug: &str) -> Ask {
    ask("GET", &format!("/w/{slug}/look"))
}

impl Ask {
    pub(super) fn by(self, token: impl Into<Option<&'static str>>) -> Self {
        Ask { token: token.into(), ..self }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn json(self, body: &str) -> Self {
        Ask { body: body.as_bytes().to_vec(), ..self.header("content-type", "application/json") }
    }

    fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body)).unwrap()
    }
}

#[tenant_action]
async fn provision_route(
    token: &Entitled<Provision>,
    State(hearth): State<Hearth>,
) -> Result<DeploymentRef, HearthError> {
    hearth.provision(token).await
}

/// A route that says it succeeded and never calls its driver.
#[tenant_action]
async fn lazy_route(token: &Entitled<Provision>) -> Result<String, HearthError> {
    Ok(token.action().slug.to_string())
}

/// A route that calls its driver and then panics.
#[tenant_action]
async fn clumsy_route(token: &Entitled<Provision>, State(hearth): State<Hearth>) -> Result<String, HearthError> {
    hearth.provision(token).await?;
    panic!("the route panicked on purpose")
}

#[tenant_action]
async fn upgrade_route(token: &Entitled<Upgrade>, State(hearth): State<Hearth>) -> Result<DeploymentRef, HearthError> {
    hearth.upgrade(token).await
}

#[tenant_action]
async fn repair_route(token: &Entitled<Repair>, State(hearth): State<Hearth>) -> Result<DeploymentRef, HearthError> {
    hearth.repair(token).await
}

#[tenant_action]
async fn decommission_route(
    token: &Entitled<Decommission>,
    State(hearth): State<Hearth>,
) -> Result<DeploymentRef, HearthError> {
    hearth.decommission(token).await
}

async fn list_route(
    who: Authenticated<Observer>,
    State(hearth): State<Hearth>,
) -> Result<Json<Vec<DeploymentRef>>, Denied> {
    hearth.workspaces(&who).list().await.map(Json)
}

async fn get_route(
    who: Authenticated<Observer>,
    State(hearth): State<Hearth>,
    PathSlug(slug): PathSlug,
) -> Result<Json<DeploymentRef>, Denied> {
    hearth.workspaces(&who).get(&slug).await.map(Json)
}

async fn look_route(
    who: Authenticated<Observer>,
    State(hearth): State<Hearth>,
    PathSlug(slug): PathSlug,
) -> Result<Json<Looked>, Denied> {
    hearth.workspaces(&who).look(&slug).await.map(Json)
}

impl House {
    pub(super) async fn new() -> Self {
        House::with(|_| {}).await
    }

    /// A house with other limits.
    pub(super) async fn with(limits: impl FnOnce(&mut Limits)) -> Self {
        let keep = Arc::new(tempfile::tempdir().unwrap());
        House::open(keep, Arc::default(), limits, |_| {}).await
    }

    pub(super) async fn open(
        keep: Arc<tempfile::TempDir>,
        script: Arc<Script>,
        limits: impl FnOnce(&mut Limits),
        more: impl FnOnce(&mut DoorsBuilder),
    ) -> Self {
        let home = keep.path().to_owned();
        let hand = Hand::default();
        let under = hand.clone();
        let options = JournalOptions::new("test");
        let journal = Journal::open_over(&home.join("hatch"), options, move |storage| under.over(storage)).unwrap();
        let rows = Arc::new(Rows::open(&home.join("rocky.db"), "scripted").await.unwrap());
        let mut set = Limits::default();
        limits(&mut set);
        let mut builder = Doors::builder()
            .airlock(Roster)
            .hatch(journal)
            .billing(Billing::SelfHosted)
            .ledger(Arc::clone(&rows) as _)
            .limits(set);
        more(&mut builder);
        let doors = builder.build().await.unwrap();
        let (hearth, keeper) = Hearth::new(&doors, Arc::clone(&rows), Scripted(Arc::clone(&script))).unwrap();
        let keeper = Arc::new(keeper);
        let router = DoorRouter::new(doors.clone())
            .post("/w", provision_route)
            .post("/lazy", lazy_route)
            .post("/clumsy", clumsy_route)
            .post("/w/{slug}/upgrade", upgrade_route)
            .post("/w/{slug}/repair", repair_route)
            .delete("/w/{slug}", decommission_route)
            .get("/w", list_route)
            .get("/w/{slug}", get_route)
            .get("/w/{slug}/look", look_route)
            .with_state(hearth.clone());
        House { home, doors, hearth, keeper, rows, router, script, hand, keep }
    }

    /// Another hand on the same house, for a task of its own.
    pub(super) fn share(&self) -> House {
        House {
            home: self.home.clone(),
            doors: self.doors.clone(),
            hearth: self.hearth.clone(),
            keeper: Arc::clone(&self.keeper),
            rows: Arc::clone(&self.rows),
            router: self.router.clone(),
            script: Arc::clone(&self.script),
            hand: self.hand.clone(),
            keep: Arc::clone(&self.keep),
        }
    }

    /// What the next house in the same folder begins with.
    pub(super) fn what_outlives_a_crash(&self) -> (Arc<tempfile::TempDir>, Arc<Script>) {
        (Arc::clone(&self.keep), Arc::clone(&self.script))
    }

    pub(super) async fn send(&self, ask: Ask) -> Answer {
        answer(self.router.clone().oneshot(ask.request()).await.unwrap()).await
    }

    /// Provisions, and it works.
    pub(super) async fn made(&self, slug: &str, tier: &str) {
        let answer = self.send(provision(slug, tier)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// The journal, less its own lines.
    pub(super) fn events(&self) -> Vec<Record> {
        let lines = records(&self.home.join("hatch")).unwrap().map(Result::unwrap);
        lines.filter(|line| !line.kind.starts_with("segment.") && !line.kind.starts_with("log.")).collect()
    }

    /// Each event as `name status`, from the `from`th on.
    pub(super) fn story(&self, from: usize) -> Vec<String> {
        let told = |event: &Record| match event.data_text("status") {
            Some(status) => format!("{} {status}", event.kind),
            None => event.kind.clone(),
        };
        self.events().iter().skip(from).map(told).collect()
    }

    pub(super) fn unsettled(&self) -> usize {
        pending(&self.home.join("hatch")).unwrap().len()
    }

    /// Every started event has one outcome, and no action has a third line.
    pub(super) fn all_closed(&self) {
        let mut lines = BTreeMap::<_, usize>::new();
        for event in self.events() {
            if let Some(actionid) = event.actionid {
                *lines.entry(actionid).or_default() += 1;
            }
        }
        assert!(lines.values().all(|count| *count == 2), "{lines:?}: {:?}", self.story(0));
    }

    /// Waits until it is so; a test's own time-out is its last resort.
    pub(super) async fn until(&self, what: &str, mut so: impl FnMut(&House) -> bool) {
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        while !so(self) {
            assert!(tokio::time::Instant::now() < patience, "{what} never came: {:?}", self.story(0));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Changes rows as no code of the product does.
    pub(super) async fn tamper(&self, sql: &'static str) {
        tamper(&self.home, sql).await;
    }
}

/// Changes the rows in a home as no code of the product does.
pub(super) async fn tamper(home: &std::path::Path, sql: &'static str) {
    use sqlx::Connection;
    let path = format!("sqlite://{}", home.join("rocky.db").display());
    let mut connection = sqlx::SqliteConnection::connect(&path).await.unwrap();
    let changed = sqlx::query(sql).execute(&mut connection).await.unwrap();
    assert!(changed.rows_affected() > 0, "{sql}");
    connection.close().await.unwrap();
}

async fn answer(response: Response<Body>) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status, headers, text }
}
