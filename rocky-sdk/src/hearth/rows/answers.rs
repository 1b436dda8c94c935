//! The store of idempotent answers.

use jiff::{Timestamp, ToSpan};
use sqlx::{Row as _, SqliteConnection};
use uuid::Uuid;

use super::unusable;
use crate::{
    deployment::timestamp,
    doors::{Answer, AnswerKey, LedgerError, Recall},
};

/// How long an answer is given again.
const KEPT_HOURS: i64 = 24;

pub(super) async fn recall(
    connection: &mut SqliteConnection,
    key: &AnswerKey,
    take_it: bool,
) -> Result<Recall, LedgerError> {
    let oldest = Timestamp::now().checked_sub(KEPT_HOURS.hours()).map_err(unusable)?;
    sqlx::query("DELETE FROM answers WHERE created_at < ? AND free = 1")
        .bind(format!("{oldest:.6}"))
        .execute(&mut *connection)
        .await
        .map_err(unusable)?;
    let known = sqlx::query(
        "SELECT fingerprint, status, body, free FROM answers WHERE tenant = ? AND actor = ? AND action = ? AND key = ?",
    )
    .bind(key.tenant())
    .bind(key.actor())
    .bind(key.action())
    .bind(key.key())
    .fetch_optional(&mut *connection)
    .await
    .map_err(unusable)?;
    let Some(known) = known else {
        if take_it {
            take(connection, key).await?;
        }
        return Ok(Recall::New);
    };
    let fingerprint: String = known.try_get("fingerprint").map_err(unusable)?;
    if fingerprint != key.fingerprint() {
        return Ok(Recall::Different);
    }
    let free: i64 = known.try_get("free").map_err(unusable)?;
    let status: Option<i64> = known.try_get("status").map_err(unusable)?;
    let body: Option<Vec<u8>> = known.try_get("body").map_err(unusable)?;
    match (free, status, body) {
        (1, Some(status), Some(body)) => {
            let status = u16::try_from(status).map_err(unusable)?;
            Ok(Recall::Answered(Answer { status, body }))
        }
        _ => Ok(Recall::InFlight),
    }
}

async fn take(connection: &mut SqliteConnection, key: &AnswerKey) -> Result<(), LedgerError> {
    sqlx::query(
        "INSERT INTO answers (tenant, actor, action, key, fingerprint, actionid, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(key.tenant())
    .bind(key.actor())
    .bind(key.action())
    .bind(key.key())
    .bind(key.fingerprint())
    .bind(key.actionid().to_string())
    .bind(timestamp())
    .execute(connection)
    .await
    .map_err(unusable)?;
    Ok(())
}

/// Keeps the answer, not yet to be given. One that was kept for an action that was then undone is an answer no more.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    actionid: Uuid,
    answer: Option<&Answer>,
    done: bool,
) -> Result<(), LedgerError> {
    if answer.is_none() && done {
        return Ok(());
    }
    sqlx::query("UPDATE answers SET status = ?, body = ? WHERE actionid = ?")
        .bind(answer.map(|answer| i64::from(answer.status)))
        .bind(answer.map(|answer| answer.body.as_slice()))
        .bind(actionid.to_string())
        .execute(connection)
        .await
        .map_err(unusable)?;
    Ok(())
}

/// Gives the answer free; a key without one is forgotten, and may be used again.
pub(super) async fn free(connection: &mut SqliteConnection, actionid: &str) -> Result<(), LedgerError> {
    for change in [
        "DELETE FROM answers WHERE actionid = ? AND body IS NULL",
        "UPDATE answers SET free = 1 WHERE actionid = ? AND body IS NOT NULL",
    ] {
        sqlx::query(change).bind(actionid).execute(&mut *connection).await.map_err(unusable)?;
    }
    Ok(())
}
