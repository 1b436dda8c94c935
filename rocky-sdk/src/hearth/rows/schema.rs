//! The tables, and how an older file becomes a newer one.

use std::path::Path;

use sqlx::{Row as _, SqlitePool};

use super::RowsError;

/// Each step takes a file from its place in the list to the next.
const STEPS: [&str; 1] = ["
    CREATE TABLE workspaces (
        slug            TEXT PRIMARY KEY,
        tenant          TEXT NOT NULL,
        tier            TEXT NOT NULL,
        -- provisioning, active, upgrading, read_only, decommissioning; gone: decommissioned; void: never was
        state           TEXT NOT NULL,
        driver          TEXT NOT NULL,
        url             TEXT,
        created_at      TEXT NOT NULL,
        updated_at      TEXT NOT NULL,
        -- the action that has it, what that action does, and what to go back to when it does nothing
        claim           TEXT UNIQUE,
        doing           TEXT,
        resting_state   TEXT,
        resting_tier    TEXT,
        -- the claim's action has no outcome, and nobody is at work on it
        doubt           INTEGER NOT NULL DEFAULT 0,
        read_only_until TEXT,
        -- who had the name before, and until when
        former_tenant   TEXT,
        gone_at         TEXT
    ) STRICT;
    CREATE INDEX workspaces_of_tenant ON workspaces (tenant);
    CREATE TABLE answers (
        tenant      TEXT NOT NULL,
        actor       TEXT NOT NULL,
        action      TEXT NOT NULL,
        key         TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        actionid    TEXT NOT NULL UNIQUE,
        created_at  TEXT NOT NULL,
        status      INTEGER,
        body        BLOB,
        -- the outcome is durable: the answer may be given
        free        INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, actor, action, key)
    ) STRICT;
    CREATE INDEX answers_by_age ON answers (created_at);
"];

pub(super) async fn migrate(pool: &SqlitePool, path: &Path) -> Result<(), RowsError> {
    let failed = |source| RowsError::Database { path: path.to_owned(), source };
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let row = sqlx::query("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(failed)?;
    let found: i64 = row.try_get(0).map_err(failed)?;
    let known = STEPS.len() as i64;
    if found > known {
        return Err(RowsError::Newer { path: path.to_owned(), found, known });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(*step).execute(&mut *transaction).await.map_err(failed)?;
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA user_version = {known}")))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)
}
