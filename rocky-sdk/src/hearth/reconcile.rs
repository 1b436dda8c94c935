//! Settling what was left: each started action without an outcome gets the one that the driver shows.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{Decommission, Hearth, HearthError, Inspection, Provision, Upgrade, placed, tier_of};
use crate::{
    Action, DeploymentRef, Slug,
    doors::{Ledger, Progress, Settlement, Taken},
    hatch::Tombstone,
};

/// Between two tries of a decommission.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// What became of one tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The action.
    pub actionid: uuid::Uuid,
    /// Its started event.
    pub started: String,
    /// Its workspace.
    pub subject: Option<String>,
    /// What was decided.
    pub verdict: Verdict,
}

/// What was decided about a tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The driver shows that it succeeded.
    Succeeded,
    /// Nothing of it is there, or what was there is undone.
    Failed,
    /// It stays as it is, for this reason.
    Left(String),
}

impl Hearth {
    /// Settles the tombstones, of one workspace or all: looks at the driver, undoes what is half made, tries a
    /// decommission again, and writes the missing outcomes. `settled_by` says on whose word.
    pub async fn reconcile(&self, only: Option<&Slug>, settled_by: &str) -> Vec<Settled> {
        let mut settled = Vec::new();
        for tombstone in self.0.doors.pending() {
            if only.is_none_or(|slug| tombstone.subject.as_deref() == Some(slug.as_str())) {
                settled.push(self.settle(tombstone, settled_by.to_owned()).await);
            }
        }
        settled
    }

    /// Tries decommissions again until they succeed: at once those of an earlier run, then after 1 s to 5 min. Ends when
    /// the doors are closed.
    pub async fn retry_decommissions(&self) {
        let mut next: HashMap<uuid::Uuid, (Instant, Duration)> = HashMap::new();
        let mut later = false;
        while !self.0.doors.closing() {
            let pending = self.0.doors.pending();
            let retried: Vec<_> =
                pending.into_iter().filter(|tombstone| tombstone.started == Decommission::STARTED.as_str()).collect();
            next.retain(|actionid, _| retried.iter().any(|tombstone| tombstone.actionid == *actionid));
            for tombstone in retried {
                let actionid = tombstone.actionid;
                let wait = if later { BACKOFF.0 } else { Duration::ZERO };
                let (due, backoff) = *next.entry(actionid).or_insert((Instant::now() + wait, BACKOFF.0));
                if due > Instant::now() {
                    continue;
                }
                let settled = self.settle(tombstone, "serve".to_owned()).await;
                tracing::info!(?settled, "a decommission was tried again");
                next.insert(actionid, (Instant::now() + backoff, (backoff * 2).min(BACKOFF.1)));
            }
            later = true;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// One tombstone, in a task of its own: whoever asked for it may go away.
    async fn settle(&self, tombstone: Tombstone, settled_by: String) -> Settled {
        let (actionid, started, subject) = (tombstone.actionid, tombstone.started.clone(), tombstone.subject.clone());
        let hearth = self.clone();
        let verdict = self.0.doors.run(async move { hearth.decide(&tombstone, &settled_by).await }).await;
        let verdict = verdict.unwrap_or_else(|| Verdict::Left("the service ended".to_owned()));
        Settled { actionid, started, subject, verdict }
    }

    async fn decide(&self, tombstone: &Tombstone, settled_by: &str) -> Verdict {
        let Some(taken) = self.0.doors.take(tombstone.actionid) else {
            return Verdict::Left("somebody is at work on it".to_owned());
        };
        let row = match self.0.rows.claimed(tombstone.actionid).await {
            Ok(row) => row,
            Err(error) => return Verdict::Left(error.to_string()),
        };
        if let Some(row) = &row
            && row.driver != self.0.rows.driver()
        {
            return Verdict::Left(format!("its row names the driver `{}`, which is not configured", row.driver));
        }
        if let Some(action) = taken.action::<Provision>() {
            self.settle_provision(taken, action, row, settled_by).await
        } else if let Some(action) = taken.action::<Upgrade>() {
            self.settle_upgrade(taken, action, row, settled_by).await
        } else if let Some(action) = taken.action::<Decommission>() {
            self.settle_decommission(taken, action, row, settled_by).await
        } else {
            verdict(taken.settle_unknown(settled_by).await.map_err(|error| error.to_string()), Verdict::Failed)
        }
    }

    async fn settle_provision(
        &self,
        taken: Taken,
        action: Provision,
        row: Option<DeploymentRef>,
        settled_by: &str,
    ) -> Verdict {
        let Some(row) = row else {
            return never_called(taken, &action, settled_by).await;
        };
        match self.0.driver.look().inspect(&row.slug).await {
            Err(error) => Verdict::Left(error.to_string()),
            Ok(Inspection::Serving(placement)) => succeeded(taken, &action, &placed(&row, placement), settled_by).await,
            Ok(Inspection::Absent) => failed(taken, &action, "nothing of it is there", settled_by).await,
            Ok(Inspection::Broken { .. }) => {
                let undone = taken.resume(action, row, settled_by, self.clone(), |token, hearth| {
                    Box::pin(async move {
                        token.progress(Progress::Acting);
                        hearth.0.driver.open(token)?.undo(token).await?;
                        token.progress(Progress::Nothing);
                        token.row().cloned().ok_or(HearthError::NoRow)
                    })
                });
                verdict(undone.await, Verdict::Failed)
            }
        }
    }

    async fn settle_upgrade(
        &self,
        taken: Taken,
        action: Upgrade,
        row: Option<DeploymentRef>,
        settled_by: &str,
    ) -> Verdict {
        let Some(row) = row else {
            return never_called(taken, &action, settled_by).await;
        };
        match self.0.driver.look().inspect(&row.slug).await {
            Err(error) => Verdict::Left(error.to_string()),
            Ok(found) if tier_of(&found) == Some(action.tier) => {
                let now = match found {
                    Inspection::Serving(placement) => placed(&row, placement),
                    Inspection::Absent | Inspection::Broken { .. } => DeploymentRef { tier: action.tier, ..row },
                };
                succeeded(taken, &action, &now, settled_by).await
            }
            Ok(_) => failed(taken, &action, "it has the tier that it had", settled_by).await,
        }
    }

    async fn settle_decommission(
        &self,
        taken: Taken,
        action: Decommission,
        row: Option<DeploymentRef>,
        settled_by: &str,
    ) -> Verdict {
        let Some(row) = row else {
            return never_called(taken, &action, settled_by).await;
        };
        let gone =
            taken.resume(action, row, settled_by, self.clone(), |token, hearth| Box::pin(hearth.decommission(token)));
        verdict(gone.await, Verdict::Succeeded)
    }
}

/// No row has its claim: the crash came before the driver's turn.
async fn never_called<A: Action>(taken: Taken, action: &A, settled_by: &str) -> Verdict {
    failed(taken, action, "its driver was never called", settled_by).await
}

async fn failed<A: Action>(taken: Taken, action: &A, why: &str, settled_by: &str) -> Verdict {
    let settled = taken.settle(action, Settlement::Failed(why), settled_by).await;
    verdict(settled.map_err(|error| error.to_string()), Verdict::Failed)
}

async fn succeeded<A: Action>(taken: Taken, action: &A, now: &DeploymentRef, settled_by: &str) -> Verdict {
    let settled = taken.settle(action, Settlement::Succeeded(Some(now)), settled_by).await;
    verdict(settled.map_err(|error| error.to_string()), Verdict::Succeeded)
}

fn verdict(settled: Result<bool, String>, verdict: Verdict) -> Verdict {
    match settled {
        Ok(true) => verdict,
        Ok(false) => Verdict::Left("its outcome could not be made durable".to_owned()),
        Err(why) => Verdict::Left(why),
    }
}
