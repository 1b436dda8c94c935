//! The rows of HEARTH in SQLite: who has which workspace, who is at work on it, and which answers are given again.
//!
//! One connection writes, so writers queue and never meet; others read. Each change is one transaction with
//! `synchronous = FULL`.

mod answers;
mod ledger;
mod schema;

use std::{path::Path, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};

use crate::{
    Clock, DeploymentRef, Slug, State, SystemClock, Tier,
    doors::LedgerError,
    private_files::{self, PrivateFileError},
};

/// HEARTH's rows, and the ledger that the doors ask.
pub struct Rows {
    write: SqlitePool,
    read: SqlitePool,
    /// The configured driver: rows of another are refused.
    driver: String,
    clock: Arc<dyn Clock>,
}

/// The rows cannot be opened.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let path = home.path().join("rocky.db");
/// # rocky_sdk::hearth::Rows::open(&path, "process").await?.close().await;
/// # {
/// #     use sqlx::Connection;
/// #     let mut later = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
/// #     sqlx::query("PRAGMA user_version = 9").execute(&mut later).await?;
/// #     later.close().await?;
/// # }
/// use rocky_sdk::hearth::{Rows, RowsError};
///
/// fn next(error: &RowsError) -> String {
///     match error {
///         RowsError::Newer { found, known, .. } => format!("start the version of schema {found}, not of {known}"),
///         RowsError::Database { path, source } => format!("copy {}, then see to it: {source}", path.display()),
///         RowsError::File(error) => error.to_string(),
///     }
/// }
///
/// // A later version was here, and this one does not touch what it wrote.
/// let error = Rows::open(&path, "process").await.unwrap_err();
/// assert_eq!(next(&error), "start the version of schema 9, not of 1");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file cannot be trusted.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The database cannot be used.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: std::path::PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
    /// It was written by a later version.
    #[error("{} has schema {found}, and this version knows {known}: use the version that wrote it", path.display())]
    Newer {
        /// The file.
        path: std::path::PathBuf,
        /// The schema in the file.
        found: i64,
        /// The schema of this version.
        known: i64,
    },
}

impl Rows {
    /// Opens the rows at `path` (0600), or begins them, for workspaces that `driver` makes.
    ///
    /// # Errors
    /// [`RowsError`].
    pub async fn open(path: &Path, driver: impl Into<String>) -> Result<Self, RowsError> {
        // SQLite would make it readable by others, and makes its side files like it.
        drop(private_files::open(path, private_files::options().read(true).write(true).create(true))?);
        let failed = |source| RowsError::Database { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .foreign_keys(true);
        let pool = |most| SqlitePoolOptions::new().max_connections(most).acquire_timeout(Duration::from_secs(10));
        let write = pool(1).connect_with(options.clone()).await.map_err(failed)?;
        schema::migrate(&write, path).await?;
        let read = pool(4).connect_with(options.read_only(true)).await.map_err(failed)?;
        Ok(Rows { write, read, driver: driver.into(), clock: Arc::new(SystemClock) })
    }

    /// With another clock than the system's, by which a read-only workspace's days are counted.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// use rocky_sdk::{SystemClock, hearth::Rows};
    ///
    /// let rows = Rows::open(&home.path().join("rocky.db"), "process").await?.with_clock(SystemClock);
    /// # rows.close().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Rows { clock: Arc::new(clock), ..self }
    }

    /// The name of the configured driver.
    #[must_use]
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// Closes the database in order.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// The tenant's workspaces, by name.
    pub(super) async fn of_tenant(&self, tenant: &str) -> Result<Vec<DeploymentRef>, LedgerError> {
        let query = "SELECT * FROM workspaces WHERE tenant = ? AND state NOT IN ('gone', 'void') ORDER BY slug";
        let rows = sqlx::query(query).bind(tenant).fetch_all(&self.read).await.map_err(unusable)?;
        rows.iter().map(deployment).collect()
    }

    /// Whether no workspace of the configured driver has a row.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let home = tempfile::tempdir()?;
    /// let rows = rocky_sdk::hearth::Rows::open(&home.path().join("rocky.db"), "docker").await?;
    /// assert!(rows.is_empty().await?);
    /// # rows.close().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn is_empty(&self) -> Result<bool, LedgerError> {
        let query = "SELECT NOT EXISTS (SELECT 1 FROM workspaces \
                     WHERE driver = ? AND (state NOT IN ('gone', 'void') OR claim IS NOT NULL))";
        sqlx::query_scalar(query).bind(&self.driver).fetch_one(&self.read).await.map_err(unusable)
    }

    /// Whether a workspace of this name has a row, or an action that is not over.
    pub(super) async fn is_known(&self, slug: &Slug) -> Result<bool, LedgerError> {
        let query = "SELECT EXISTS (SELECT 1 FROM workspaces \
                     WHERE slug = ? AND (state NOT IN ('gone', 'void') OR claim IS NOT NULL))";
        sqlx::query_scalar(query).bind(slug.as_str()).fetch_one(&self.read).await.map_err(unusable)
    }

    /// The workspaces above solo, of a tenant or of all, by tenant and name.
    pub(super) async fn paid(&self, tenant: Option<&str>) -> Result<Vec<DeploymentRef>, LedgerError> {
        let query = "SELECT * FROM workspaces
            WHERE tier <> 'solo' AND state NOT IN ('gone', 'void') AND (?1 IS NULL OR tenant = ?1) ORDER BY tenant, slug";
        let rows = sqlx::query(query).bind(tenant).fetch_all(&self.read).await.map_err(unusable)?;
        rows.iter().map(deployment).collect()
    }

    /// The workspace of this name, whoever has it.
    pub(super) async fn get(&self, slug: &Slug) -> Result<Option<DeploymentRef>, LedgerError> {
        let query = "SELECT * FROM workspaces WHERE slug = ? AND state NOT IN ('gone', 'void')";
        let row = sqlx::query(query).bind(slug.as_str()).fetch_optional(&self.read).await.map_err(unusable)?;
        row.as_ref().map(deployment).transpose()
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows(driver {})", self.driver)
    }
}

fn unusable(error: impl std::fmt::Display) -> LedgerError {
    LedgerError(error.to_string())
}

fn text(row: &SqliteRow, column: &str) -> Result<String, LedgerError> {
    row.try_get(column).map_err(unusable)
}

/// A row as everybody outside sees it.
fn deployment(row: &SqliteRow) -> Result<DeploymentRef, LedgerError> {
    let doubt: i64 = row.try_get("doubt").map_err(unusable)?;
    let state = match text(row, "state")?.as_str() {
        "decommissioning" | "gone" => State::Decommissioning,
        _ if doubt != 0 => State::Unsettled,
        "provisioning" | "void" => State::Provisioning,
        "active" => State::Active,
        "upgrading" => State::Upgrading,
        "read_only" => State::ReadOnly,
        other => return Err(LedgerError(format!("a row has the state `{other}`, which this version does not know"))),
    };
    Ok(DeploymentRef {
        slug: Slug::from_str(&text(row, "slug")?).map_err(unusable)?,
        tenant: text(row, "tenant")?,
        tier: tier(&text(row, "tier")?)?,
        state,
        driver: text(row, "driver")?,
        url: row.try_get("url").map_err(unusable)?,
        created_at: text(row, "created_at")?,
        updated_at: text(row, "updated_at")?,
    })
}

fn tier(text: &str) -> Result<Tier, LedgerError> {
    [Tier::Solo, Tier::Team, Tier::Business]
        .into_iter()
        .find(|tier| tier.as_str() == text)
        .ok_or_else(|| LedgerError(format!("a row has the tier `{text}`, which this version does not know")))
}
