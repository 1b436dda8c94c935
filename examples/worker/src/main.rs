//! A background job that provisions workspaces from a queue: no request, no route, the same three doors.
//!
//! The job holds a service's key. What it may do is written where the doors are built, and nothing else compiles or
//! passes: the event says `service:onboarding` did it, for the tenant that the job names.

use std::{env, error::Error, sync::Arc, time::Duration};

use rocky_sdk::{
    Admin, Billing, Completed, Doors, LocalAuth, Refusal, ServiceKey, Slug,
    hatch::{self, Journal, JournalOptions},
    hearth::{Decommission, DeploymentRef, Hearth, HearthError, LocalProcess, Provision, Rows, Tier, serve_workspace},
};
use tokio::sync::mpsc;

/// What the queue carries.
struct Job {
    tenant: String,
    action: Provision,
}

/// One job, door by door.
async fn onboard(doors: &Doors, key: &ServiceKey, hearth: &Hearth, job: Job) -> Result<DeploymentRef, Box<dyn Error>> {
    let completed = doors
        .authenticate_service::<Admin>(key, &job.tenant)
        .await?
        .idempotency_key(format!("onboard-{}", job.action.slug))
        .audit(job.action)
        .await?
        .perform(hearth.clone(), |token, hearth| Box::pin(hearth.provision(token)))
        .await?;
    Ok(completed.value()?)
}

/// Taking it away again is not among the key's actions: it is denied, and the denial is recorded.
async fn overreach(
    doors: &Doors,
    key: &ServiceKey,
    hearth: &Hearth,
    slug: Slug,
) -> Result<Completed<Decommission, DeploymentRef>, Refusal<HearthError>> {
    let authenticated = doors.authenticate_service::<Admin>(key, "local").await?;
    let audited = authenticated.audit(Decommission { slug }).await?;
    audited.perform(hearth.clone(), |token, hearth| Box::pin(hearth.decommission(token))).await
}

fn main() -> Result<(), Box<dyn Error>> {
    if env::args().nth(1).as_deref() == Some("workspace") {
        return Ok(serve_workspace()?); // the driver starts this program again, as a workspace
    }
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let home = folder.path();
    let (auth, _) = LocalAuth::open(home)?;
    let rows = Arc::new(Rows::open(&home.join("rocky.db"), "process").await?);
    let journal = Journal::open(&home.join("hatch"), JournalOptions::new("worker"))?;
    let mut builder =
        Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).ledger(Arc::clone(&rows) as _);
    let key = builder.service::<(Provision,)>("onboarding");
    let doors = builder.build().await?;
    let itself = env::current_exe()?;
    let driver = LocalProcess::new([itself.as_os_str(), "workspace".as_ref()], &home.join("workspaces"))?;
    let (hearth, _keeper) = Hearth::new(&doors, rows, driver)?;

    let (queue, mut jobs) = mpsc::channel(8);
    for slug in ["acme", "globex", "acme"] {
        let action = Provision { slug: slug.parse()?, tier: Tier::Solo };
        queue.send(Job { tenant: "local".to_owned(), action }).await?;
    }
    drop(queue);
    while let Some(job) = jobs.recv().await {
        let made = onboard(&doors, &key, &hearth, job).await?;
        println!("{} is at {}", made.slug, made.url.as_deref().unwrap_or("-"));
    }
    if let Err(refusal) = overreach(&doors, &key, &hearth, "acme".parse()?).await {
        println!("decommission by the same key: {} {}", refusal.status(), refusal.code());
    }
    doors.shutdown(Duration::from_secs(30)).await?;
    for event in hatch::records(&home.join("hatch"))? {
        let event = event?;
        println!("{}  {:<30}  {}", event.time, event.kind, event.actor.as_deref().unwrap_or("-"));
    }
    Ok(())
}
