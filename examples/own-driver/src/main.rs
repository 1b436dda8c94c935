//! A subsystem of one's own: banners that operators put up, behind the same doors as everything else.

use std::{error::Error, sync::Arc, time::Duration};

use axum::{body::Body, extract::State, http::Request};
use rocky_sdk::{
    ActionError, Billing, Bolted, Doors, Entitled, ErrorKind, ForeignToken, LocalAuth,
    hatch::{self, Journal, JournalOptions},
    tenant_action,
    web::DoorRouter,
};
use tower::ServiceExt;

/// The action: what is audited, and who may do it.
#[tenant_action(role = operator, started = "banner.raise_started", succeeded = "banner.raised", failed = "banner.failed")]
struct Raise {
    text: String,
}

/// The driver: its client is private, and its methods take tokens.
#[derive(Default)]
struct Banners(tokio::sync::Mutex<Vec<String>>);

#[derive(Debug, thiserror::Error)]
enum BannerError {
    #[error("a banner has 1 to 80 characters")]
    Length,
    #[error(transparent)]
    Foreign(#[from] ForeignToken),
}

impl ActionError for BannerError {
    fn kind(&self) -> ErrorKind {
        if matches!(self, BannerError::Length) { ErrorKind::Invalid } else { ErrorKind::Failed }
    }
}

impl Banners {
    async fn raise(&self, token: &Entitled<Raise>) -> Result<usize, BannerError> {
        let text = &token.action().text;
        if text.is_empty() || text.chars().count() > 80 {
            return Err(BannerError::Length);
        }
        let mut board = self.0.lock().await;
        board.push(text.clone());
        Ok(board.len())
    }
}

/// The route.
#[tenant_action]
async fn raise(
    token: &Entitled<Raise>,
    State(banners): State<Arc<Bolted<Banners, (Raise,)>>>,
) -> Result<usize, BannerError> {
    banners.open(token)?.raise(token).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    let (auth, first) = LocalAuth::open(home.path())?;
    let token = first.ok_or("a new home")?.token;
    let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("banners"))?;
    let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
    let banners = Arc::new(Bolted::new(&doors, Banners::default())?);
    let app = DoorRouter::new(doors.clone()).post("/banners", raise).with_state(banners);
    for (text, token) in [("we are back", token.as_str()), ("", token.as_str()), ("let me in", "wrong")] {
        let body = serde_json::json!({ "text": text }).to_string();
        let request = Request::post("/banners").header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}")).body(Body::from(body))?;
        println!("{text:?}: {}", app.clone().oneshot(request).await?.status());
    }
    doors.shutdown(Duration::from_secs(5)).await?;
    for event in hatch::records(&home.path().join("hatch"))? {
        println!("{}", event?.kind);
    }
    Ok(())
}
