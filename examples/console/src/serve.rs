//! `serve`: the adapters are chosen here and nowhere else.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use rocky_sdk::{
    Billing, Doors, LocalAuth,
    config::Config,
    hatch::{Journal, JournalOptions},
    hearth::{Hearth, Keeper, LocalProcess, Rows, control::ControlSocket},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    Ended, Failure,
    routes::{Console, router},
};

/// How long running actions may take to end after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);
/// How long answers may take to be read after that.
const GOODBYE: Duration = Duration::from_secs(2);
const DRIVER: &str = "process";

/// The service's name in its events' `source`.
const APP: &str = "console";

/// Everything that a home holds, opened.
pub(crate) struct Opened {
    pub(crate) doors: Doors,
    pub(crate) hearth: Hearth,
    pub(crate) keeper: Keeper,
    pub(crate) rows: Arc<Rows>,
}

/// Opens a home: journal, identity, rows, driver, doors. The journal's lock comes first: who has it has the home.
pub(crate) async fn open(config: &Config) -> Result<Opened, Failure> {
    let home = config.home.as_path();
    let journal = Journal::open(&home.join("hatch"), journal_options(config))?;
    let (auth, first) = LocalAuth::open(home)?;
    if let Some(first) = first {
        eprintln!("a new home: this token is shown once, and kept in {}", first.token_file.display());
        eprintln!("  {}", first.token);
    }
    let rows = Arc::new(Rows::open(&home.join("rocky.db"), DRIVER).await?);
    let itself = std::env::current_exe()?;
    let driver = LocalProcess::new([itself.as_os_str(), "workspace".as_ref()], &home.join("workspaces"))?;
    let doors = Doors::builder()
        .airlock(auth)
        .hatch(journal)
        .billing(Billing::SelfHosted)
        .ledger(Arc::clone(&rows) as _)
        .build()
        .await?;
    let (hearth, keeper) = Hearth::new(&doors, Arc::clone(&rows), driver)?;
    Ok(Opened { doors, hearth, keeper, rows })
}

/// Whoever opens the journal does it so: a rotation without a console keeps as much as one beside it.
pub(crate) fn journal_options(config: &Config) -> JournalOptions {
    let mut options = JournalOptions::new(APP);
    options.segment_bytes = config.hatch_segment_bytes;
    options.keep_segments = config.hatch_keep;
    options
}

pub(crate) async fn run(config: &Config, driver: &str) -> Ended {
    refuse_other_drivers(driver)?;
    log();
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let Opened { doors, hearth, keeper, rows } = open(config).await?;
    let keeper = Arc::new(keeper);
    for tombstone in doors.pending() {
        let (started, subject) = (&tombstone.started, tombstone.subject.as_deref().unwrap_or("-"));
        tracing::warn!(started, subject, actionid = %tombstone.actionid, "no outcome: `rocky-console reconcile` settles it");
    }
    let control = ControlSocket::bind(&config.home)?;
    let listener = tokio::net::TcpListener::bind(&config.listen)
        .await
        .map_err(|error| Failure::Failed(format!("cannot listen on {}: {error}", config.listen)))?;
    let address = listener.local_addr()?;

    let (stop, stopped) = tokio::sync::watch::channel(());
    let app = router(Console { hearth, doors: doors.clone() });
    let server = tokio::spawn(
        axum::serve(listener, app)
            .with_graceful_shutdown(async move {
                let mut stopped = stopped;
                // An error is a sender that is gone, which is a stop too.
                if stopped.changed().await.is_err() {
                    tracing::debug!("the server stops with its owner");
                }
            })
            .into_future(),
    );
    let retries = tokio::spawn({
        let keeper = Arc::clone(&keeper);
        async move { keeper.retry_decommissions().await }
    });
    let operators = tokio::spawn(async move { control.serve(&keeper).await });
    writeln!(std::io::stdout(), "listening on http://{address}")?;

    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    tracing::info!("shutting down");
    stop.send_replace(());
    operators.abort();
    // Waited for: its socket is gone before the home's next console may bind one.
    if let Err(error) = operators.await {
        tracing::debug!(%error, "the control socket is closed");
    }
    let drained = doors.shutdown(DRAIN).await;
    if tokio::time::timeout(GOODBYE, server).await.is_err() {
        tracing::info!("some connections were cut");
    }
    retries.abort();
    if tokio::time::timeout(GOODBYE, rows.close()).await.is_err() {
        tracing::warn!("the rows were not closed in time");
    }
    match drained {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(undrained) => {
            eprintln!("rocky-console: {undrained}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn refuse_other_drivers(driver: &str) -> Result<(), Failure> {
    match driver {
        DRIVER => Ok(()),
        "docker" => Err(Failure::Refused(
            "--driver docker needs the feature `local-docker`, which this build does not have: write --driver process."
                .to_owned(),
        )),
        other => Err(Failure::Refused(format!("--driver {other} is not a driver: write --driver process."))),
    }
}

/// Logs on standard error; `ROCKY_LOG` says how much.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ROCKY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}
