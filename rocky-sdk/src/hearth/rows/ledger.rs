//! The rows as the doors' ledger.

use jiff::{Timestamp, ToSpan};
use sqlx::{Row as _, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};
use uuid::Uuid;

use super::{Rows, answers, deployment, text, unusable};
use crate::{
    BoxFuture, DeploymentRef, State, Tier,
    deployment::timestamp,
    doors::{Answer, AnswerKey, Change, Intent, Ledger, LedgerError, Obstacle, Owner, Recall, SettleError},
    hatch::Tombstone,
    hearth::{Decommission, Provision, ReadOnly, Repair, Restore, Upgrade},
};

/// How long a decommissioned workspace's name is kept for its tenant.
const KEPT_DAYS: i64 = 7;
/// How long a workspace whose tier lapsed is read-only before it may be taken away without one.
const READ_ONLY_DAYS: i64 = 7;

type Result<T, E = LedgerError> = std::result::Result<T, E>;

impl Ledger for Rows {
    fn recover<'a>(&'a self, open: &'a [Tombstone]) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.recover_rows(open))
    }

    fn owner<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Owner>> {
        Box::pin(async move {
            let Some(slug) = intent.subject() else { return Ok(Owner::Nobody) };
            if intent.is::<Provision>() {
                return Ok(Owner::Ours); // whether the name is free is the claim's to say
            }
            // One whose decommission has no outcome yet is still its tenant's.
            let query =
                "SELECT tenant FROM workspaces WHERE slug = ? AND (state NOT IN ('gone', 'void') OR claim IS NOT NULL)";
            let found = sqlx::query(query).bind(slug.as_str()).fetch_optional(&self.read).await.map_err(unusable)?;
            Ok(match found.map(|row| text(&row, "tenant")).transpose()? {
                None => Owner::Nobody,
                Some(tenant) if tenant == intent.tenant() => Owner::Ours,
                Some(_) => Owner::Theirs,
            })
        })
    }

    fn claim<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<DeploymentRef, Obstacle>> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            let claimed = if intent.is::<Provision>() {
                claim_name(&mut transaction, intent, &self.driver).await?
            } else {
                claim_row(&mut transaction, intent, &self.driver).await?
            };
            transaction.commit().await.map_err(unusable)?;
            Ok(claimed)
        })
    }

    fn standing<'a>(&'a self, intent: &'a Intent, row: &'a DeploymentRef) -> BoxFuture<'a, Result<(), Obstacle>> {
        Box::pin(async move {
            let is_read_only = row.state == State::ReadOnly;
            if intent.is::<Restore>() {
                return if is_read_only { Ok(()) } else { Err(Obstacle::NothingToDo) };
            }
            if is_read_only {
                let until = self.read_only_until(row).await?;
                let over = match &until {
                    Some(until) => until.parse::<Timestamp>().map_err(unusable)? <= self.clock.now(),
                    None => false,
                };
                if intent.is::<Decommission>() && over {
                    return Ok(());
                }
                return Err(Obstacle::ReadOnly { until: until.unwrap_or_else(|| "it is lifted".to_owned()) });
            }
            if intent.is::<ReadOnly>() && row.tier == Tier::Solo {
                return Err(Obstacle::NothingToDo); // solo never lapses
            }
            if intent.is::<Upgrade>() && intent.tier().is_none_or(|wanted| wanted <= row.tier) {
                return Err(Obstacle::NotAnUpgrade { has: row.tier });
            }
            Ok(())
        })
    }

    fn lapsed(&self, intent: &Intent, row: &DeploymentRef) -> bool {
        // `standing` lets no other pass, and this one only once its days are over.
        intent.is::<Decommission>() && row.state == State::ReadOnly
    }

    fn settle<'a>(
        &'a self,
        actionid: Uuid,
        change: Change<'a>,
        answer: Option<&'a Answer>,
    ) -> BoxFuture<'a, Result<(), SettleError>> {
        Box::pin(async move {
            let done = matches!(change, Change::Done(_));
            let mut transaction = self.begin().await?;
            if let Some(row) = claimed_row(&mut transaction, actionid).await? {
                settle_row(&mut transaction, &row, change, self.clock.now()).await?;
            }
            answers::keep(&mut transaction, actionid, answer, done).await?;
            transaction.commit().await.map_err(unusable)?;
            Ok(())
        })
    }

    fn release(&self, actionid: Uuid) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            release(&mut transaction, &actionid.to_string()).await?;
            transaction.commit().await.map_err(unusable)
        })
    }

    fn doubt(&self, actionid: Uuid) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            doubt(&mut transaction, &actionid.to_string()).await?;
            transaction.commit().await.map_err(unusable)
        })
    }

    fn recall<'a>(&'a self, key: &'a AnswerKey, take: bool) -> BoxFuture<'a, Result<Recall>> {
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            let recall = answers::recall(&mut transaction, key, take).await?;
            transaction.commit().await.map_err(unusable)?;
            Ok(recall)
        })
    }

    fn claimed(&self, actionid: Uuid) -> BoxFuture<'_, Result<Option<DeploymentRef>>> {
        Box::pin(async move {
            let mut connection = self.read.acquire().await.map_err(unusable)?;
            claimed_row(&mut connection, actionid).await?.as_ref().map(deployment).transpose()
        })
    }
}

impl Rows {
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.write.begin_with("BEGIN IMMEDIATE").await.map_err(unusable)
    }

    /// What an earlier run left: a claim whose action has no outcome is in doubt, one whose action has is over.
    async fn recover_rows(&self, open: &[Tombstone]) -> Result<()> {
        let open: Vec<String> = open.iter().map(|tombstone| tombstone.actionid.to_string()).collect();
        let mut transaction = self.begin().await?;
        let claims = sqlx::query("SELECT slug, state, claim FROM workspaces WHERE claim IS NOT NULL")
            .fetch_all(&mut *transaction)
            .await
            .map_err(unusable)?;
        for row in claims {
            let (claim, state) = (text(&row, "claim")?, text(&row, "state")?);
            if open.contains(&claim) {
                doubt(&mut transaction, &claim).await?;
            } else if ["provisioning", "upgrading", "decommissioning"].contains(&state.as_str()) {
                let slug = text(&row, "slug")?;
                tracing::error!(slug, claim, "the journal knows nothing of the action that has this workspace");
                doubt(&mut transaction, &claim).await?;
            } else {
                release(&mut transaction, &claim).await?;
            }
        }
        let kept = sqlx::query("SELECT actionid FROM answers WHERE free = 0").fetch_all(&mut *transaction);
        for row in kept.await.map_err(unusable)? {
            let actionid = text(&row, "actionid")?;
            if !open.contains(&actionid) {
                answers::free(&mut transaction, &actionid).await?;
            }
        }
        transaction.commit().await.map_err(unusable)
    }

    /// Claims of actions that are none of these: of a journal that is not here any more.
    pub(in crate::hearth) async fn claims_of_others(&self, known: &[Uuid]) -> Result<Vec<(Uuid, String, String)>> {
        let query = "SELECT slug, doing, claim FROM workspaces WHERE claim IS NOT NULL AND doubt = 1";
        let mut others = Vec::new();
        for row in sqlx::query(query).fetch_all(&self.read).await.map_err(unusable)? {
            let claim: Uuid = text(&row, "claim")?.parse().map_err(unusable)?;
            if !known.contains(&claim) {
                others.push((claim, text(&row, "slug")?, text(&row, "doing")?));
            }
        }
        Ok(others)
    }

    async fn read_only_until(&self, row: &DeploymentRef) -> Result<Option<String>> {
        let query = "SELECT read_only_until FROM workspaces WHERE slug = ?";
        let found = sqlx::query(query).bind(row.slug.as_str()).fetch_one(&self.read).await.map_err(unusable)?;
        found.try_get("read_only_until").map_err(unusable)
    }
}

/// Takes a name for a workspace that is to be made.
async fn claim_name(
    connection: &mut SqliteConnection,
    intent: &Intent,
    driver: &str,
) -> Result<DeploymentRef, Obstacle> {
    let (Some(slug), Some(tier)) = (intent.subject(), intent.tier()) else {
        return Err(Obstacle::Unknown);
    };
    if let Some(row) = row(connection, slug.as_str()).await? {
        if !may_be_taken_again(&row, intent.tenant())? {
            return Err(Obstacle::SlugTaken);
        }
        not_claimed(&row)?; // its decommission has no outcome yet
    }
    let now = timestamp();
    sqlx::query(
        "INSERT INTO workspaces (slug, tenant, tier, state, driver, created_at, updated_at, claim, doing)
         VALUES (?1, ?2, ?3, 'provisioning', ?4, ?5, ?5, ?6, 'provision')
         ON CONFLICT (slug) DO UPDATE SET
            former_tenant = tenant, tenant = ?2, tier = ?3, state = 'provisioning', driver = ?4, url = NULL,
            created_at = ?5, updated_at = ?5, claim = ?6, doing = 'provision'",
    )
    .bind(slug.as_str())
    .bind(intent.tenant())
    .bind(tier.as_str())
    .bind(driver)
    .bind(&now)
    .bind(intent.actionid().to_string())
    .execute(&mut *connection)
    .await
    .map_err(unusable)?;
    let made = row(connection, slug.as_str()).await?.ok_or(Obstacle::Unknown)?;
    Ok(deployment(&made)?)
}

/// A decommissioned workspace's name is its tenant's for a while, then anybody's.
fn may_be_taken_again(row: &SqliteRow, by: &str) -> Result<bool> {
    if text(row, "state")? != "gone" {
        return Ok(false);
    }
    let gone_at: Timestamp = text(row, "gone_at")?.parse().map_err(unusable)?;
    let free_at = gone_at.checked_add((KEPT_DAYS * 24).hours()).map_err(unusable)?;
    Ok(text(row, "tenant")? == by || free_at <= Timestamp::now())
}

/// Takes a workspace that is there, and says what it was when it was taken.
async fn claim_row(
    connection: &mut SqliteConnection,
    intent: &Intent,
    driver: &str,
) -> Result<DeploymentRef, Obstacle> {
    let Some(slug) = intent.subject() else {
        return Err(Obstacle::Unknown);
    };
    let found = row(connection, slug.as_str()).await?.ok_or(Obstacle::Unknown)?;
    let resting = deployment(&found)?;
    let state = text(&found, "state")?;
    if resting.tenant != intent.tenant() {
        return Err(Obstacle::Unknown);
    }
    not_claimed(&found)?;
    if ["gone", "void"].contains(&state.as_str()) {
        return Err(Obstacle::Unknown);
    }
    if resting.driver != driver {
        return Err(Obstacle::OtherDriver { named: resting.driver });
    }
    let (doing, during) = if intent.is::<Upgrade>() {
        ("upgrade", "upgrading")
    } else if intent.is::<Repair>() {
        ("repair", "upgrading") // of the states that are told outside, the one for a driver that changes something
    } else if intent.is::<Decommission>() {
        ("decommission", "decommissioning")
    } else if intent.is::<ReadOnly>() {
        ("read_only", state.as_str())
    } else if intent.is::<Restore>() {
        ("restore", state.as_str())
    } else {
        ("other", state.as_str())
    };
    sqlx::query(
        "UPDATE workspaces SET claim = ?2, doing = ?3, state = ?4, resting_state = state, resting_tier = tier WHERE slug = ?1",
    )
    .bind(slug.as_str())
    .bind(intent.actionid().to_string())
    .bind(doing)
    .bind(during)
    .execute(connection)
    .await
    .map_err(unusable)?;
    Ok(resting)
}

/// Nobody is at work on it.
fn not_claimed(row: &SqliteRow) -> Result<(), Obstacle> {
    let claim: Option<String> = row.try_get("claim").map_err(unusable)?;
    let doubt: i64 = row.try_get("doubt").map_err(unusable)?;
    match (claim, doubt) {
        (None, _) => Ok(()),
        (Some(_), 0) => Err(Obstacle::Busy),
        (Some(_), _) => Err(Obstacle::Unsettled),
    }
}

/// What the claimed row becomes. Doing it twice is doing it once.
async fn settle_row(
    connection: &mut SqliteConnection,
    row: &SqliteRow,
    change: Change<'_>,
    today: Timestamp,
) -> Result<(), SettleError> {
    let slug = text(row, "slug")?;
    let doing = text(row, "doing")?;
    let now = timestamp();
    let change = match (doing.as_str(), change) {
        ("provision" | "upgrade" | "repair" | "decommission", Change::Done(None)) => {
            return Err(SettleError::NothingDone);
        }
        ("provision" | "upgrade", Change::Done(Some(done))) => {
            sqlx::query("UPDATE workspaces SET state = 'active', tier = ?2, url = ?3, updated_at = ?4 WHERE slug = ?1")
                .bind(&slug)
                .bind(done.tier.as_str())
                .bind(done.url.as_deref())
                .bind(&done.updated_at)
        }
        // It answers again; what it has and may is what it had and might.
        ("repair", Change::Done(Some(done))) => sqlx::query(
            "UPDATE workspaces SET state = resting_state, tier = resting_tier, url = ?2, updated_at = ?3
             WHERE slug = ?1",
        )
        .bind(&slug)
        .bind(done.url.as_deref())
        .bind(&done.updated_at),
        ("decommission", Change::Done(Some(_))) => sqlx::query(
            "UPDATE workspaces SET state = 'gone', url = NULL, gone_at = ?2, updated_at = ?2 WHERE slug = ?1",
        )
        .bind(&slug)
        .bind(&now),
        // No driver has a part in these two: that the action succeeded is all there is to know.
        ("read_only", Change::Done(_)) => {
            let until = today.checked_add((READ_ONLY_DAYS * 24).hours()).map_err(unusable)?;
            let query =
                "UPDATE workspaces SET state = 'read_only', read_only_until = ?2, updated_at = ?3 WHERE slug = ?1";
            sqlx::query(query).bind(&slug).bind(format!("{until:.6}")).bind(&now)
        }
        // The date goes with the claim: until then the action may still be taken back.
        ("restore", Change::Done(_)) => {
            sqlx::query("UPDATE workspaces SET state = 'active', updated_at = ?2 WHERE slug = ?1")
                .bind(&slug)
                .bind(&now)
        }
        ("provision", Change::Reverted) => {
            sqlx::query("UPDATE workspaces SET state = 'void' WHERE slug = ?1").bind(&slug)
        }
        ("upgrade" | "repair" | "decommission" | "read_only" | "restore", Change::Reverted) => {
            sqlx::query("UPDATE workspaces SET state = resting_state, tier = resting_tier WHERE slug = ?1").bind(&slug)
        }
        _ => return Ok(()), // an action of another subsystem changes nothing here
    };
    change.execute(connection).await.map_err(unusable)?;
    Ok(())
}

async fn release(connection: &mut SqliteConnection, claim: &str) -> Result<()> {
    for change in [
        "DELETE FROM workspaces WHERE claim = ? AND state = 'void' AND gone_at IS NULL",
        "UPDATE workspaces SET state = 'gone', tenant = former_tenant, former_tenant = NULL
            WHERE claim = ? AND state = 'void'",
        "UPDATE workspaces SET former_tenant = NULL, gone_at = NULL, read_only_until = NULL
            WHERE claim = ? AND state = 'active'",
        "UPDATE workspaces SET claim = NULL, doing = NULL, resting_state = NULL, resting_tier = NULL, doubt = 0
            WHERE claim = ?",
    ] {
        sqlx::query(change).bind(claim).execute(&mut *connection).await.map_err(unusable)?;
    }
    answers::free(connection, claim).await
}

async fn doubt(connection: &mut SqliteConnection, claim: &str) -> Result<()> {
    sqlx::query("UPDATE workspaces SET doubt = 1 WHERE claim = ?")
        .bind(claim)
        .execute(connection)
        .await
        .map_err(unusable)?;
    Ok(())
}

async fn row(connection: &mut SqliteConnection, slug: &str) -> Result<Option<SqliteRow>> {
    sqlx::query("SELECT * FROM workspaces WHERE slug = ?").bind(slug).fetch_optional(connection).await.map_err(unusable)
}

async fn claimed_row(connection: &mut SqliteConnection, actionid: Uuid) -> Result<Option<SqliteRow>> {
    let query = "SELECT * FROM workspaces WHERE claim = ?";
    sqlx::query(query).bind(actionid.to_string()).fetch_optional(connection).await.map_err(unusable)
}
