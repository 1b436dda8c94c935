//! Workspaces in step with what is paid for: read-only where their tier lapsed, and back where it returned.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Polar, PolarError};
use crate::{
    Action, Admin, Denied, Doors, Refusal, ServiceKey, Slug, State,
    hearth::{Hearth, ReadOnly, Restore},
};

/// How often a tenant's workspaces are gone through at most.
const ROUNDS: usize = 4;
/// Before they are gone through again because somebody else was at work on one.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest that a sync of everybody waits when Polar asks for patience, and how long where it does not say.
const PATIENCE: (u64, u64) = (60, 5);

/// What became of a tenant's workspaces above solo. Those that are in step with what is paid for are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synced {
    /// Whose they are.
    pub tenant: String,
    /// Their tier lapsed: they are read-only now.
    pub read_only: Vec<Slug>,
    /// Their tier is back: they are not read-only any more.
    pub restored: Vec<Slug>,
    /// They are not in step, for these reasons.
    pub left: BTreeMap<Slug, String>,
    /// Why nobody knows whether they are in step.
    pub error: Option<String>,
}

impl Synced {
    /// Whether all of them are in step with what is paid for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.left.is_empty() && self.error.is_none()
    }
}

/// Asks what the tenant pays for, and makes read-only what it does not pay for any more, and lifts that where it does again.
/// Each is an action of its own through the doors, by the service whose key this is. On doubt nothing is changed.
///
/// Done twice, or by two at once, it is done once. A tenant without a workspace above solo is not asked about.
///
/// ```no_run
/// use rocky_sdk::{Doors, ServiceKey, hearth::Hearth, polar::{Polar, settle_tier}};
///
/// async fn settle(polar: &Polar, doors: &Doors, hearth: &Hearth, key: &ServiceKey) {
///     let synced = settle_tier(polar, doors, hearth, key, "acme").await;
///     for slug in &synced.read_only {
///         println!("{slug} of {} refuses changes from now on", synced.tenant);
///     }
///     for slug in &synced.restored {
///         println!("{slug} takes changes again");
///     }
///     if !synced.is_settled() {
///         println!("later again: {:?} {:?}", synced.error, synced.left);
///     }
/// }
/// ```
pub async fn settle_tier(polar: &Polar, doors: &Doors, hearth: &Hearth, key: &ServiceKey, tenant: &str) -> Synced {
    let mut synced = Synced { tenant: tenant.to_owned(), ..Synced::default() };
    if let Err(unknown) = settle(polar, doors, hearth, key, &mut synced).await {
        synced.error = Some(unknown.to_string());
    }
    synced
}

/// Does the same for every tenant that has a workspace above solo: for webhooks that never came.
///
/// ```no_run
/// use rocky_sdk::{Denied, Doors, ServiceKey, hearth::Hearth, polar::{Polar, sync_all}};
///
/// async fn nightly(polar: &Polar, doors: &Doors, hearth: &Hearth, key: &ServiceKey) -> Result<bool, Denied> {
///     let all = sync_all(polar, doors, hearth, key).await?;
///     Ok(all.iter().all(|synced| synced.is_settled()))
/// }
/// ```
///
/// # Errors
/// 403 `denied` for a key that is not good for [`ReadOnly`] behind these doors; 503 `ledger-unavailable`.
pub async fn sync_all(polar: &Polar, doors: &Doors, hearth: &Hearth, key: &ServiceKey) -> Result<Vec<Synced>, Denied> {
    let mut tenants: Vec<String> = hearth.paid(key, None).await?.into_iter().map(|row| row.tenant).collect();
    tenants.dedup(); // they come in order
    let mut all = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        let mut synced = Synced { tenant, ..Synced::default() };
        let mut settled = settle(polar, doors, hearth, key, &mut synced).await;
        if let Err(Unknown::Paid(PolarError::RateLimited { retry_after })) = settled {
            let (longest, unsaid) = PATIENCE;
            tokio::time::sleep(Duration::from_secs(retry_after.unwrap_or(unsaid).min(longest))).await;
            settled = settle(polar, doors, hearth, key, &mut synced).await;
        }
        synced.error = settled.err().map(|unknown| unknown.to_string());
        all.push(synced);
    }
    Ok(all)
}

/// What has to be known first.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error(transparent)]
    Paid(#[from] PolarError),
    #[error(transparent)]
    Rows(#[from] Denied),
}

async fn settle(
    polar: &Polar,
    doors: &Doors,
    hearth: &Hearth,
    key: &ServiceKey,
    synced: &mut Synced,
) -> Result<(), Unknown> {
    let tenant = synced.tenant.clone();
    for _ in 0..ROUNDS {
        synced.left.clear();
        let rows = hearth.paid(key, Some(&tenant)).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let paid = polar.tier_of(&tenant).await?;
        let (mut changed, mut overtaken) = (false, false);
        for row in rows {
            let lapsed = paid < Some(row.tier);
            let slug = row.slug.clone();
            let refusal = match row.state {
                State::Active if lapsed => match act(doors, key, &tenant, ReadOnly { slug: row.slug }).await {
                    Ok(()) => {
                        synced.read_only.push(slug);
                        changed = true;
                        continue;
                    }
                    Err(refusal) => refusal,
                },
                State::ReadOnly if !lapsed => match act(doors, key, &tenant, Restore { slug: row.slug }).await {
                    Ok(()) => {
                        synced.restored.push(slug);
                        changed = true;
                        continue;
                    }
                    Err(refusal) => refusal,
                },
                State::Provisioning | State::Upgrading if lapsed => {
                    synced.left.insert(slug, "another action is at work on it".to_owned());
                    continue;
                }
                State::Unsettled => {
                    synced.left.insert(slug, "an action on it has no outcome yet".to_owned());
                    continue;
                }
                _ => continue,
            };
            overtaken |= ["busy", "read-only", "nothing-to-do"].contains(&refusal.code());
            synced.left.insert(slug, refusal.to_string());
        }
        if overtaken {
            tokio::time::sleep(PAUSE).await;
        } else if !changed {
            return Ok(());
        }
        // What was paid or lapsed meanwhile found the workspace as it was, and changed nothing: it is asked about again.
    }
    Ok(())
}

async fn act<A: Action<Role = Admin>>(
    doors: &Doors,
    key: &ServiceKey,
    tenant: &str,
    action: A,
) -> Result<(), Refusal<Infallible>> {
    let audited = doors.authenticate_service::<Admin>(key, tenant).await?.audit(action).await?;
    // The row is all there is to it, and the doors write that.
    audited.perform((), |_, ()| Box::pin(async { Ok::<(), Infallible>(()) })).await.map(drop)
}
