//! A console of a test's own: real doors, a journal and rows in a folder, a driver whose workspaces are entries of a
//! map.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
};
use http_body_util::BodyExt;
use rocky_cloud_tests::{clock::TestClock, fake_polar::FakePolar};
use rocky_console::{Console, router};
use rocky_sdk::{
    Airlock, Billing, BoxFuture, Credentials, Doors, Entitled, Rank, ServiceKey, Session, Slug,
    airlock::Unresolved,
    hatch::{Journal, JournalOptions, Record, pending, records},
    hearth::{
        Decommission, Driver, DriverError, Hearth, Inspection, Keeper, Placement, Provision, ReadOnly, Repair, Restore,
        Rows, Tier, Upgrade,
    },
    polar::{Polar, PolarOptions},
};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) const WORKSPACES: &str = "/api/hearth/workspaces";
/// What Polar may take in all: a test does not wait for five seconds.
pub(crate) const LIMIT: Duration = Duration::from_secs(2);

/// Polar as `main` builds it, but for the time.
pub(crate) fn billing(polar: &FakePolar) -> Billing {
    let mut options = PolarOptions::new(polar.token());
    options.url = polar.url().to_owned();
    options.within = LIMIT;
    Billing::Polar(Polar::new(options).unwrap())
}

pub(crate) struct House {
    pub(crate) doors: Doors,
    pub(crate) router: Router,
    pub(crate) hearth: Hearth,
    pub(crate) keeper: Keeper,
    /// What follows from billing is done under this key.
    pub(crate) key: Arc<ServiceKey>,
    /// Read-only days are counted by it.
    pub(crate) clock: TestClock,
    shelf: Arc<Shelf>,
    folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Status and code.
    pub(crate) fn is(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// Somebody of a tenant, by the token that the roster takes: whatever bytes the tenant has.
pub(crate) fn token(role: &str, tenant: &str) -> String {
    format!("{role}-{}-sesame", hex::encode(tenant))
}

/// Believes what the token says. What a session refuses to be is nobody's fault, as with any source of names.
struct Roster;

impl Airlock for Roster {
    fn resolve<'a>(&'a self, credentials: &'a Credentials) -> BoxFuture<'a, Result<Session, Unresolved>> {
        Box::pin(async move {
            let stranger = || Unresolved::Stranger("no such token");
            let token = credentials.token().and_then(|token| token.strip_suffix("-sesame")).ok_or_else(stranger)?;
            let (role, tenant) = token.split_once('-').ok_or_else(stranger)?;
            let role = match role {
                "admin" => Rank::Admin,
                "operator" => Rank::Operator,
                _ => Rank::Observer,
            };
            let tenant = String::from_utf8(hex::decode(tenant).map_err(|_| stranger())?).map_err(|_| stranger())?;
            Session::new("ada", tenant, role).map_err(|error| Unresolved::Unavailable(error.to_string()))
        })
    }
}

/// What the driver has made, and how often it was called to change something.
#[derive(Default)]
struct Shelf(Mutex<(HashMap<Slug, Placement>, usize)>);

impl Shelf {
    fn change<T>(&self, change: impl FnOnce(&mut HashMap<Slug, Placement>) -> T) -> T {
        let mut shelf = self.0.lock().unwrap();
        shelf.1 += 1;
        change(&mut shelf.0)
    }

    fn put(&self, slug: &Slug, tier: Tier) -> Placement {
        let placement = Placement { tier, url: format!("http://{slug}.test/"), made_by: None };
        self.change(|places| places.insert(slug.clone(), placement.clone()));
        placement
    }
}

struct Counted(Arc<Shelf>);

impl Driver for Counted {
    fn name(&self) -> &str {
        "shelf"
    }

    fn provision<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<Placement, DriverError>> {
        Box::pin(async move { Ok(self.0.put(&token.action().slug, token.action().tier)) })
    }

    fn undo<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<(), DriverError>> {
        Box::pin(async move {
            self.0.change(|places| places.remove(&token.action().slug));
            Ok(())
        })
    }

    fn upgrade<'t>(&'t self, token: &'t Entitled<Upgrade>) -> BoxFuture<'t, Result<Placement, DriverError>> {
        Box::pin(async move { Ok(self.0.put(&token.action().slug, token.action().tier)) })
    }

    fn repair<'t>(&'t self, token: &'t Entitled<Repair>) -> BoxFuture<'t, Result<Placement, DriverError>> {
        Box::pin(async move {
            let row = token.row().ok_or_else(|| DriverError::failed("there is no row"))?;
            Ok(self.0.put(&row.slug, row.tier))
        })
    }

    fn decommission<'t>(&'t self, token: &'t Entitled<Decommission>) -> BoxFuture<'t, Result<(), DriverError>> {
        Box::pin(async move {
            self.0.change(|places| places.remove(&token.action().slug));
            Ok(())
        })
    }

    fn inspect<'t>(&'t self, slug: &'t Slug) -> BoxFuture<'t, Result<Inspection, DriverError>> {
        let found = self.0.0.lock().unwrap().0.get(slug).cloned();
        Box::pin(async move { Ok(found.map_or(Inspection::Absent, Inspection::Serving)) })
    }
}

impl House {
    pub(crate) async fn new(billing: Billing) -> Self {
        let folder = tempfile::Builder::new().prefix("rocky-").tempdir().unwrap();
        let home = folder.path();
        let journal = Journal::open(&home.join("hatch"), JournalOptions::new("test")).unwrap();
        let clock = TestClock::stopped();
        let rows = Rows::open(&home.join("rocky.db"), "shelf").await.unwrap().with_clock(clock.clone());
        let rows = Arc::new(rows);
        let ledger = Arc::clone(&rows) as _;
        let mut doors = Doors::builder().airlock(Roster).hatch(journal).billing(billing).ledger(ledger);
        let key = Arc::new(doors.service::<(ReadOnly, Restore)>("billing"));
        let doors = doors.build().await.unwrap();
        let shelf = Arc::new(Shelf::default());
        let (hearth, keeper) = Hearth::new(&doors, rows, Counted(Arc::clone(&shelf))).unwrap();
        let router = router(Console::new(doors.clone(), hearth.clone()));
        House { doors, router, hearth, keeper, key, clock, shelf, folder }
    }

    /// How often the driver was called to change something.
    pub(crate) fn driver_calls(&self) -> usize {
        self.shelf.0.lock().unwrap().1
    }

    pub(crate) async fn send(&self, who: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send_with(who, method, path, body, &[]).await
    }

    pub(crate) async fn send_with(
        &self,
        who: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("authorization", format!("Bearer {who}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = Body::from(body.map(|body| body.to_string()).unwrap_or_default());
        answer(self.router.clone(), request.body(body).unwrap()).await
    }

    pub(crate) async fn provision(&self, who: &str, slug: &str, tier: &str) -> Answer {
        self.send(who, "POST", WORKSPACES, Some(serde_json::json!({ "slug": slug, "tier": tier }))).await
    }

    pub(crate) async fn upgrade(&self, who: &str, slug: &str, tier: &str) -> Answer {
        let path = format!("{WORKSPACES}/{slug}/upgrade");
        self.send(who, "POST", &path, Some(serde_json::json!({ "tier": tier }))).await
    }

    pub(crate) async fn repair(&self, who: &str, slug: &str) -> Answer {
        self.send(who, "POST", &format!("{WORKSPACES}/{slug}/repair"), None).await
    }

    pub(crate) async fn decommission(&self, who: &str, slug: &str) -> Answer {
        self.send(who, "DELETE", &format!("{WORKSPACES}/{slug}"), None).await
    }

    pub(crate) async fn get(&self, who: &str, slug: &str) -> Answer {
        self.send(who, "GET", &format!("{WORKSPACES}/{slug}"), None).await
    }

    /// The journal, less its own lines.
    pub(crate) fn events(&self) -> Vec<Record> {
        let lines = records(&self.folder.path().join("hatch")).unwrap().map(Result::unwrap);
        lines.filter(|line| line.actionid.is_some() || line.kind == "auth.denied").collect()
    }

    /// Each event as `name status`.
    pub(crate) fn story(&self) -> Vec<String> {
        let told = |event: &Record| match event.data_text("status") {
            Some(status) => format!("{} {status}", event.kind),
            None => event.kind.clone(),
        };
        self.events().iter().map(told).collect()
    }

    pub(crate) fn tombstones(&self) -> usize {
        pending(&self.folder.path().join("hatch")).unwrap().len()
    }

    /// Every byte of every file in the home.
    pub(crate) fn written(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        gather(self.folder.path(), &mut bytes);
        assert!(!bytes.is_empty());
        bytes
    }
}

pub(crate) async fn answer(router: Router, request: Request<Body>) -> Answer {
    let (head, body) = router.oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, text }
}

fn gather(folder: &Path, bytes: &mut Vec<u8>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, bytes);
        } else {
            bytes.extend(fs::read(&path).unwrap());
        }
    }
}
