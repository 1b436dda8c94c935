//! The operator's commands.

use std::{env, path::Path, process::ExitCode, time::Duration};

use rocky_sdk::{
    LocalAuth, Slug,
    config::Config,
    hatch,
    hearth::{Settled, Verdict, control},
};

use crate::{
    Ended, Failure, audit, http,
    serve::{Chosen, journal_options, open},
};

/// How long a console may take to answer: longer than its driver may work.
const PATIENCE: Duration = Duration::from_secs(90);

/// `token`: a new one; the old one is worth nothing from then on, in a running console too.
pub(crate) fn token(home: &Path) -> Ended {
    let first = LocalAuth::new_token(home)?;
    println!("{}", first.token);
    eprintln!("kept in {}", first.token_file.display());
    Ok(ExitCode::SUCCESS)
}

/// `pending`: read beside a running console, without its lock.
pub(crate) fn pending(home: &Path) -> Ended {
    let pending = hatch::pending(&home.join("hatch"))?;
    for tombstone in &pending {
        println!("{}", audit::tombstone(tombstone));
    }
    match pending.len() {
        0 => println!("every action has its outcome"),
        count => println!(
            "{count} without an outcome; a running console may be at work on some: `reconcile` settles the rest"
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// `reconcile`: through the running console, or with the home to itself. Exit code 1 when something is left.
pub(crate) async fn reconcile(config: &Config, chosen: &Chosen, command: &control::Command) -> Ended {
    let settled = match control::tell(&config.home, command).await? {
        Some(settled) => settled,
        None => alone(config, chosen, command).await?,
    };
    for Settled { actionid, started, subject, verdict } in &settled {
        let verdict = match verdict {
            Verdict::Succeeded => "settled: it succeeded".to_owned(),
            Verdict::Failed => "settled: it failed".to_owned(),
            Verdict::Left(why) => format!("left: {why}"),
        };
        println!("{started:<30}  {:<20}  {actionid}  {verdict}", subject.as_deref().unwrap_or("-"));
    }
    if settled.is_empty() {
        println!("there is nothing to settle");
    }
    let left = settled.iter().any(|settled| matches!(settled.verdict, Verdict::Left(_)));
    Ok(if left { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// `repair`: asks the console that listens at `at`, through its doors. Exit code 1 when it did not come about.
pub(crate) async fn repair(home: &Path, slug: &Slug, at: &str) -> Ended {
    let (token, path) = (bearer(home)?, format!("/api/hearth/workspaces/{slug}/repair"));
    let failed = |why: String| Err(Failure::Failed(why));
    let answer = match tokio::time::timeout(PATIENCE, http::send(at, "POST", &path, Some(&token), None)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            return failed(format!(
                "no console answers at {at} ({error}): start one with `serve`, or say where with --at"
            ));
        }
        Err(_) => return failed(format!("the console at {at} is still at it: `pending` lists what has no outcome")),
    };
    let said = answer.json();
    if answer.status != 200 {
        let detail = said["detail"].as_str().unwrap_or_default();
        return failed(format!("{slug} is not repaired: {} {}: {detail}", answer.status, answer.code()));
    }
    println!("{slug} answers at {}", audit::escaped(said["url"].as_str().unwrap_or("-")));
    Ok(ExitCode::SUCCESS)
}

/// The token that a command asks a console with.
fn bearer(home: &Path) -> Result<String, Failure> {
    match env::var("ROCKY_TOKEN") {
        Ok(token) if !token.trim().is_empty() => return Ok(token.trim().to_owned()),
        Err(env::VarError::NotPresent) => {}
        _ => return Err(Failure::Refused("ROCKY_TOKEN holds no token: write one, or unset it.".to_owned())),
    }
    let file = home.join("token");
    let kept = std::fs::read_to_string(&file).map_err(|error| {
        let instead = "give the token in ROCKY_TOKEN, or make a new one with `token`";
        Failure::Failed(format!("{}: {error}: {instead}", file.display()))
    })?;
    Ok(kept.trim().to_owned())
}

/// `audit rotate`: through the running console, or with the home to itself.
pub(crate) async fn rotate(config: &Config) -> Ended {
    let home = config.home.as_path();
    let name = match control::rotate(home).await? {
        Some(name) => name,
        None => {
            let hatch = known(home)?.join("hatch");
            let journal = hatch::Journal::open(&hatch, journal_options(config))?;
            journal.rotate().await?
        }
    };
    println!("{} is sealed up to here; from now on: {name}", home.join("hatch").display());
    Ok(ExitCode::SUCCESS)
}

/// A folder in which a console was started once.
pub(crate) fn known(home: &Path) -> Result<&Path, Failure> {
    // The cloud build has no identity of its own.
    if ["identity.json", "rocky.db"].iter().any(|name| home.join(name).exists()) {
        return Ok(home);
    }
    Err(Failure::Failed(format!("{} is no console's home: nothing was ever started there", home.display())))
}

async fn alone(config: &Config, chosen: &Chosen, command: &control::Command) -> Result<Vec<Settled>, Failure> {
    known(&config.home)?;
    let opened = open(config, chosen).await?;
    let by = format!("operator:uid={}", rustix::process::geteuid().as_raw());
    let settled = match command {
        control::Command::Reconcile { slug } => opened.keeper.reconcile(slug.as_ref(), &by).await,
        control::Command::DeclareFailed { actionid } => opened.keeper.declare_failed(*actionid, &by).await,
    };
    if let Err(undrained) = opened.doors.shutdown(std::time::Duration::from_secs(30)).await {
        eprintln!("rocky-console: {undrained}");
    }
    opened.rows.close().await;
    Ok(settled)
}
