//! `serve`: the adapters are chosen here and nowhere else.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

#[cfg(feature = "local-docker")]
use rocky_sdk::hearth::{DockerOptions, LocalDocker};
use rocky_sdk::{
    Billing, Clock, Doors, LocalAuth, SystemClock,
    config::{Auth, BillingMode, Config},
    hatch::{Journal, JournalOptions},
    hearth::{Driver, Hearth, Keeper, LocalProcess, Rows, control::ControlSocket},
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
/// The service's name in its events' `source`.
const APP: &str = "console";

/// What makes workspaces. A row remembers which driver made it, and no other touches it.
#[derive(clap::Args)]
pub(crate) struct Chosen {
    /// What makes workspaces: `process`, or `docker`, whose engine is where DOCKER_HOST says
    #[arg(long, env = "ROCKY_DRIVER", default_value = "process")]
    pub(crate) driver: String,
    /// The image of `docker`'s workspaces, which the engine has: a name, name@digest or an id
    #[arg(long, env = "ROCKY_WORKSPACE_IMAGE", default_value = "rocky/workspace:dev", value_name = "IMAGE")]
    pub(crate) image: String,
    /// From where the networks of `docker`'s workspaces take their addresses, 8 each
    #[arg(long, env = "ROCKY_WORKSPACE_SUBNETS", default_value = "10.213.0.0/16", value_name = "NETWORK/PREFIX")]
    pub(crate) subnets: String,
}

/// Everything that a home holds, opened.
pub struct Opened {
    pub(crate) doors: Doors,
    pub(crate) hearth: Hearth,
    pub(crate) keeper: Keeper,
    pub(crate) rows: Arc<Rows>,
    #[cfg(feature = "cloud")]
    pub(crate) cloud: Option<crate::cloud::Cloud>,
}

impl Opened {
    /// What `serve` serves.
    pub fn app(&self) -> axum::Router {
        router(Console {
            #[cfg(feature = "cloud")]
            cloud: self.cloud.clone(),
            ..Console::new(self.doors.clone(), self.hearth.clone())
        })
    }

    /// Waits for running actions, and closes the home.
    ///
    /// # Errors
    /// [`Failure`], when some had no outcome by then.
    pub async fn close(self) -> Result<(), Failure> {
        let drained = self.doors.shutdown(DRAIN).await;
        self.rows.close().await;
        Ok(drained?)
    }
}

/// Opens a home: journal, identity, rows, driver, doors. The journal's lock comes first: who has it has the home.
pub(crate) async fn open(config: &Config, chosen: &Chosen) -> Result<Opened, Failure> {
    match chosen.driver.as_str() {
        "process" => open_under(config, SystemClock).await,
        #[cfg(feature = "local-docker")]
        "docker" => {
            // A refused start leaves nothing behind.
            docker(chosen, DockerOptions::new(&chosen.image, "unnamed"))?;
            opened(config, SystemClock, "docker", async |rows| {
                let mut options = DockerOptions::new(&chosen.image, instance(&config.home, rows).await?);
                options.engine_file = Some(config.home.join("engine"));
                docker(chosen, options)
            })
            .await
        }
        #[cfg(not(feature = "local-docker"))]
        "docker" => Err(Failure::Refused(
            "--driver docker needs the feature `local-docker`, which this build does not have: write --driver process."
                .to_owned(),
        )),
        other => Err(Failure::Refused(format!("--driver {other} is not a driver: they are process and docker."))),
    }
}

/// Opens a home whose workspaces are processes, and counts a read-only one's days by this clock. They are started from
/// the program that calls this, which serves one when its first argument is `workspace`.
///
/// # Errors
/// [`Failure`].
pub async fn open_under(config: &Config, clock: impl Clock) -> Result<Opened, Failure> {
    let itself = std::env::current_exe()?;
    let command = [itself.as_os_str(), "workspace".as_ref()];
    let workspaces = config.home.join("workspaces");
    opened(config, clock, "process", async |_| Ok(LocalProcess::new(command, &workspaces)?)).await
}

#[cfg(feature = "local-docker")]
fn docker(chosen: &Chosen, mut options: DockerOptions) -> Result<LocalDocker, Failure> {
    let subnets = chosen.subnets.split_once('/');
    let subnets = subnets.and_then(|(base, prefix)| Some((base.parse().ok()?, prefix.parse().ok()?)));
    options.subnets = subnets.ok_or_else(|| {
        Failure::Refused(format!("--subnets {} is not a network: write one as 10.213.0.0/16.", chosen.subnets))
    })?;
    LocalDocker::new(options).map_err(|refused| Failure::Refused(format!("{refused}.")))
}

/// This home's own name on an engine that it may share: made once, and kept.
#[cfg(feature = "local-docker")]
async fn instance(home: &std::path::Path, rows: &Rows) -> Result<String, Failure> {
    let path = home.join("instance");
    match std::fs::read_to_string(&path) {
        Ok(name) => return Ok(name.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::Failed(format!("{}: {error}", path.display()))),
    }
    if !rows.is_empty().await? {
        let shown = path.display();
        return Err(Failure::Failed(format!(
            "{shown} is gone, which names the containers of this home's workspaces: put it back; the label `rocky.instance` \
             of each of them has the name"
        )));
    }
    let name = uuid::Uuid::now_v7().simple().to_string();
    // Whole or not at all: what a half name made would be nobody's.
    let mut file = tempfile::NamedTempFile::new_in(home)?;
    writeln!(file, "{name}")?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    std::fs::File::open(home)?.sync_all()?;
    Ok(name)
}

async fn opened<D: Driver>(
    config: &Config,
    clock: impl Clock,
    name: &str,
    driver: impl AsyncFnOnce(&Rows) -> Result<D, Failure>,
) -> Result<Opened, Failure> {
    let home = config.home.as_path();
    // A refused start leaves nothing behind.
    #[cfg(feature = "cloud")]
    let (airlock, paid) = (crate::cloud::airlock(config)?, crate::cloud::paid(config)?);
    let builder = match &config.auth {
        Auth::Local => None,
        #[cfg(feature = "cloud")]
        Auth::Airlock { .. } => airlock.map(|airlock| Doors::builder().airlock(airlock)),
        _ => return Err(not_in_this_build("ROCKY_AUTH")),
    };
    let billing = match &config.billing {
        BillingMode::Disabled => Some(Billing::SelfHosted),
        #[cfg(feature = "cloud")]
        BillingMode::Enabled { .. } => paid.as_ref().map(|paid| Billing::Polar(paid.polar.clone())),
        _ => None,
    };
    let billing = billing.ok_or_else(|| not_in_this_build("ROCKY_BILLING"))?;
    let journal = Journal::open(&home.join("hatch"), journal_options(config))?;
    let builder = match (builder, &config.auth) {
        (Some(builder), _) => builder,
        (None, Auth::Local) => Doors::builder().airlock(local(home)?),
        (None, _) => return Err(not_in_this_build("ROCKY_AUTH")),
    };
    let rows = Arc::new(Rows::open(&home.join("rocky.db"), name).await?.with_clock(clock));
    let driver = driver(&rows).await?;
    #[cfg_attr(not(feature = "cloud"), expect(unused_mut, reason = "the cloud build takes a key from it"))]
    let mut builder = builder.hatch(journal).billing(billing).ledger(Arc::clone(&rows) as _);
    #[cfg(feature = "cloud")]
    let cloud = paid.map(|paid| crate::cloud::Cloud::of(paid, &mut builder));
    let doors = builder.build().await?;
    let (hearth, keeper) = Hearth::new(&doors, Arc::clone(&rows), driver)?;
    Ok(Opened {
        doors,
        hearth,
        keeper,
        rows,
        #[cfg(feature = "cloud")]
        cloud,
    })
}

/// The home's one user, whose token is shown when it is made.
fn local(home: &std::path::Path) -> Result<LocalAuth, Failure> {
    let (auth, first) = LocalAuth::open(home)?;
    if let Some(first) = first {
        eprintln!("a new home: this token is shown once, and kept in {}", first.token_file.display());
        eprintln!("  {}", first.token);
    }
    Ok(auth)
}

/// The SDK has a feature that this program was built without.
fn not_in_this_build(setting: &str) -> Failure {
    Failure::Refused(format!(
        "{setting} names a mode that this console was built without: build it with `--features cloud`."
    ))
}

/// Whoever opens the journal does it so: a rotation without a console keeps as much as one beside it.
pub(crate) fn journal_options(config: &Config) -> JournalOptions {
    let mut options = JournalOptions::new(APP);
    options.segment_bytes = config.hatch_segment_bytes;
    options.keep_segments = config.hatch_keep;
    options
}

pub(crate) async fn run(config: &Config, chosen: &Chosen) -> Ended {
    log();
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    no_workspace_reaches(config, chosen)?;
    let opened = open(config, chosen).await?;
    let app = opened.app();
    #[cfg(feature = "cloud")]
    let besides = crate::cloud::commands(&opened);
    let Opened { doors, keeper, rows, .. } = opened;
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
    let operators = tokio::spawn(async move {
        #[cfg(feature = "cloud")]
        control.serve_with(&keeper, &besides).await;
        #[cfg(not(feature = "cloud"))]
        control.serve(&keeper).await;
    });
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

/// A container reaches what listens on this machine's addresses, at its network's gateway: this console is not to be there.
fn no_workspace_reaches(config: &Config, chosen: &Chosen) -> Result<(), Failure> {
    let listen = &config.listen;
    let on_loopback = match listen.parse::<std::net::SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => listen.starts_with("localhost:"),
    };
    if chosen.driver == "docker" && !on_loopback {
        return Err(Failure::Refused(format!(
            "--driver docker and the address {listen} do not go together: workspaces would reach the console. Listen on \
             127.0.0.1:7070, behind a proxy."
        )));
    }
    Ok(())
}

/// Logs on standard error; `ROCKY_LOG` says how much.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("ROCKY_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
}
