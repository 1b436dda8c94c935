//! The console: a real service behind the three doors, and its operator's commands. The program is [`command_line`];
//! what else is here is for whoever serves a console from a program of their own, as tests and demos do.

mod audit;
#[cfg(feature = "cloud")]
mod cloud;
mod demo;
mod http;
mod operator;
mod routes;
mod serve;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use rocky_sdk::{
    Slug,
    config::{Auth, Config},
    hearth::control,
};

pub use routes::{Console, router};
pub use serve::{Opened, open_under};

/// Provisions, upgrades, repairs and decommissions workspaces, with an audit event before and after each.
#[derive(Parser)]
#[command(name = "rocky-console", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API, until SIGTERM.
    Serve {
        #[command(flatten)]
        home: Home,
        /// The address to listen on; `:0` takes a free port [ROCKY_LISTEN, 127.0.0.1:7070]
        #[arg(long)]
        listen: Option<String>,
        #[command(flatten)]
        chosen: serve::Chosen,
    },
    /// Shows every answer of a console of its own, in a temporary home.
    Demo,
    /// Gives the local user a new token, and prints it.
    Token {
        #[command(flatten)]
        home: Home,
    },
    /// Lists the actions that started and have no outcome.
    Pending {
        #[command(flatten)]
        home: Home,
    },
    /// Settles them by looking at the driver, beside a running console or without one.
    Reconcile {
        #[command(flatten)]
        home: Home,
        #[command(flatten)]
        chosen: serve::Chosen,
        /// Only this workspace's
        slug: Option<Slug>,
        /// An action of another subsystem, of which you know that nothing came
        #[arg(long, value_name = "ACTIONID", conflicts_with = "slug")]
        failed: Option<String>,
    },
    /// Makes a workspace answer again that was stopped or removed by hand: asks the running console, with the token in
    /// its home, or in ROCKY_TOKEN.
    Repair {
        #[command(flatten)]
        home: Home,
        /// Which workspace
        slug: Slug,
        /// Where the console listens [ROCKY_LISTEN, 127.0.0.1:7070]
        #[arg(long, value_name = "ADDR")]
        at: Option<String>,
    },
    /// Looks after the audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Looks after what is paid for.
    #[cfg(feature = "cloud")]
    #[command(subcommand)]
    Billing(Billing),
    /// A workspace, as the driver starts it.
    #[command(hide = true)]
    Workspace,
}

#[cfg(feature = "cloud")]
#[derive(Subcommand)]
enum Billing {
    /// Asks for every tenant that has a workspace above solo, for webhooks that never came: makes read-only what is not
    /// paid for any more, and lifts that where it is again. Beside a running console or without one.
    Sync {
        #[command(flatten)]
        home: Home,
        #[command(flatten)]
        chosen: serve::Chosen,
    },
}

#[derive(clap::Args)]
struct Home {
    /// The folder of everything that is kept [ROCKY_HOME, rocky-home]
    #[arg(id = "home", long = "home", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Home {
    /// The environment's settings, for this home.
    fn config(self) -> Result<Config, Failure> {
        let mut config = Config::from_env().map_err(|refused| Failure::Refused(refused.to_string()))?;
        if let Some(folder) = self.folder {
            config.home = folder;
        }
        Ok(config)
    }
}

/// What a command ends with.
type Ended = Result<ExitCode, Failure>;

/// Why a command ended early.
#[derive(Debug)]
pub enum Failure {
    /// A setting that this build cannot honour: exit code 2.
    Refused(String),
    /// Anything else: exit code 1.
    Failed(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        Failure::Failed(text)
    }
}

/// Does what the program's arguments say.
#[must_use]
pub fn command_line() -> ExitCode {
    let cli = Cli::parse();
    // Workspaces are many: theirs is a thread and a socket, not a runtime.
    let ended = match cli.command {
        Command::Workspace => rocky_sdk::hearth::serve_workspace().map(|()| ExitCode::SUCCESS).map_err(Failure::from),
        command => in_a_runtime(command),
    };
    match ended {
        Ok(code) => code,
        Err(Failure::Refused(why)) => {
            eprintln!("rocky-console: {why}");
            ExitCode::from(2)
        }
        Err(Failure::Failed(why)) => {
            // It may quote a file that another hand wrote.
            eprintln!("rocky-console: {}", audit::escaped(&why));
            ExitCode::FAILURE
        }
    }
}

fn in_a_runtime(command: Command) -> Ended {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run(command));
    // A disk that hangs must not keep a console that has drained.
    runtime.shutdown_background();
    ended
}

async fn run(command: Command) -> Ended {
    match command {
        Command::Serve { home, listen, chosen } => {
            let mut config = home.config()?;
            if let Some(listen) = listen {
                config.listen = listen;
            }
            serve::run(&config, &chosen).await
        }
        Command::Demo => demo::run().await,
        Command::Token { home } => {
            let config = home.config()?;
            if config.auth != Auth::Local {
                return Err(Failure::Refused(
                    "ROCKY_AUTH=airlock has no local user, whose token this would be.".to_owned(),
                ));
            }
            operator::token(&config.home)
        }
        Command::Pending { home } => operator::pending(&home.config()?.home),
        Command::Reconcile { home, chosen, slug, failed } => {
            let config = home.config()?;
            let command = match failed.map(|actionid| actionid.parse()) {
                None => control::Command::Reconcile { slug },
                Some(Ok(actionid)) => control::Command::DeclareFailed { actionid },
                Some(Err(_)) => {
                    return Err(Failure::Failed("--failed takes an action's id, as `pending` shows it".to_owned()));
                }
            };
            operator::reconcile(&config, &chosen, &command).await
        }
        Command::Repair { home, slug, at } => {
            let config = home.config()?;
            operator::repair(&config.home, &slug, at.as_deref().unwrap_or(&config.listen)).await
        }
        Command::Audit(command) => audit::run(command).await,
        #[cfg(feature = "cloud")]
        Command::Billing(Billing::Sync { home, chosen }) => cloud::sync(&home.config()?, &chosen).await,
        Command::Workspace => Err(Failure::Failed("a workspace is served without a runtime".to_owned())),
    }
}
