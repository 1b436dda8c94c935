//! The console's routes: each mutating one is five lines, and none compiles without the doors.

use axum::{Json, Router, extract::State, http::StatusCode};
use rocky_sdk::{
    Authenticated, Denied, Doors, Entitled, Observer,
    hearth::{Decommission, DeploymentRef, Hearth, HearthError, Looked, Provision, Repair, Upgrade},
    tenant_action,
    web::{DoorRouter, PathSlug},
};

/// What the handlers share.
#[derive(Clone)]
pub struct Console {
    pub(crate) hearth: Hearth,
    pub(crate) doors: Doors,
    #[cfg(feature = "cloud")]
    pub(crate) cloud: Option<crate::cloud::Cloud>,
}

impl Console {
    /// Without a route for webhooks.
    #[must_use]
    pub fn new(doors: Doors, hearth: Hearth) -> Self {
        Console {
            hearth,
            doors,
            #[cfg(feature = "cloud")]
            cloud: None,
        }
    }
}

#[tenant_action]
async fn provision(token: &Entitled<Provision>, State(console): State<Console>) -> Result<DeploymentRef, HearthError> {
    console.hearth.provision(token).await
}

#[tenant_action]
async fn upgrade(token: &Entitled<Upgrade>, State(console): State<Console>) -> Result<DeploymentRef, HearthError> {
    console.hearth.upgrade(token).await
}

#[tenant_action]
async fn repair(token: &Entitled<Repair>, State(console): State<Console>) -> Result<DeploymentRef, HearthError> {
    console.hearth.repair(token).await
}

#[tenant_action]
async fn decommission(
    token: &Entitled<Decommission>,
    State(console): State<Console>,
) -> Result<DeploymentRef, HearthError> {
    console.hearth.decommission(token).await
}

async fn list(
    authenticated: Authenticated<Observer>,
    State(console): State<Console>,
) -> Result<Json<Vec<DeploymentRef>>, Denied> {
    console.hearth.workspaces(&authenticated).list().await.map(Json)
}

/// With a look at it: drift shows here.
async fn one(
    authenticated: Authenticated<Observer>,
    State(console): State<Console>,
    PathSlug(slug): PathSlug,
) -> Result<Json<Looked>, Denied> {
    console.hearth.workspaces(&authenticated).look(&slug).await.map(Json)
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether a tenant's state can be changed now, and why not.
async fn readyz(State(console): State<Console>) -> (StatusCode, String) {
    match console.doors.ready() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", reasons.join("\n"))),
    }
}

/// The whole API.
pub fn router(console: Console) -> Router {
    let routes = DoorRouter::new(console.doors.clone())
        .post("/api/hearth/workspaces", provision)
        .post("/api/hearth/workspaces/{slug}/upgrade", upgrade)
        .post("/api/hearth/workspaces/{slug}/repair", repair)
        .delete("/api/hearth/workspaces/{slug}", decommission)
        .get("/api/hearth/workspaces", list)
        .get("/api/hearth/workspaces/{slug}", one)
        .public_get("/healthz", healthz)
        .public_get("/readyz", readyz);
    #[cfg(feature = "cloud")]
    let routes = crate::cloud::webhooks(routes, &console);
    routes.with_state(console)
}
