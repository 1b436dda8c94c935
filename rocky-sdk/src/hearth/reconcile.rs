//! Settling what was left: each started action without an outcome gets the one that the driver shows.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    Call, Decommission, Hearth, HearthError, Inspection, Placement, Provision, ReadOnly, Repair, Restore, Upgrade,
    has_no_other_tier, placed, repaired,
};
use crate::{
    Action, DeploymentRef, EventName, Slug,
    doors::{Ledger, Progress, Settlement, Taken},
    hatch::Tombstone,
};

/// Between two tries of a decommission.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// How long a driver may take to say what it has.
const STRAYS: Duration = Duration::from_secs(30);

/// What became of one tombstone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The action; nil where there is only a workspace, which no row knows.
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

/// Settles started actions that have no outcome. It acts without passing door 1, so it cannot be copied: `main` hands it to
/// the operator's socket and to the retries, and to nobody else.
#[derive(Debug)]
pub struct Keeper(Hearth);

impl Keeper {
    pub(super) fn new(hearth: Hearth) -> Self {
        Keeper(hearth)
    }

    /// Begins a new segment of HATCH's journal.
    pub(super) async fn rotate_hatch(&self) -> Result<String, String> {
        self.0.0.doors.rotate_hatch().await.map_err(|error| error.to_string())
    }

    /// Settles the tombstones, of one workspace or all: looks at the driver, undoes what is half made, tries a
    /// decommission again, and writes the missing outcomes. `settled_by` says on whose word. What the driver has and no row
    /// knows is told, and left.
    pub async fn reconcile(&self, only: Option<&Slug>, settled_by: &str) -> Vec<Settled> {
        let wanted = |subject: Option<&str>| only.is_none_or(|slug| subject == Some(slug.as_str()));
        let mut settled = Vec::new();
        for tombstone in self.0.0.doors.pending() {
            if wanted(tombstone.subject.as_deref()) {
                settled.push(self.0.settle(tombstone, settled_by.to_owned()).await);
            }
        }
        let others = [self.0.of_another_journal().await, self.0.strays().await];
        settled.extend(others.into_iter().flatten().filter(|left| wanted(left.subject.as_deref())));
        settled
    }

    /// Closes an action that is not HEARTH's as failed, on the word of an operator who looked: nobody here can.
    pub async fn declare_failed(&self, actionid: uuid::Uuid, settled_by: &str) -> Vec<Settled> {
        let doors = &self.0.0.doors;
        let found = doors.pending().into_iter().find(|tombstone| tombstone.actionid == actionid);
        let Some(Tombstone { started, subject, .. }) = found else { return Vec::new() };
        let ours = [
            Provision::STARTED,
            Upgrade::STARTED,
            Repair::STARTED,
            Decommission::STARTED,
            ReadOnly::STARTED,
            Restore::STARTED,
        ]
        .map(EventName::as_str);
        let verdict = match doors.take(actionid) {
            _ if ours.contains(&started.as_str()) => {
                Verdict::Left("it is HEARTH's: `reconcile` looks at its driver".to_owned())
            }
            None => Verdict::Left("somebody is at work on it".to_owned()),
            Some(taken) => {
                let by = settled_by.to_owned();
                let settled = doors.run(async move { taken.declare_failed(&by).await }).await;
                let settled = settled.map(|settled| settled.map_err(|error| error.to_string()));
                verdict(settled.unwrap_or_else(|| Err("the service ended".to_owned())), Verdict::Failed)
            }
        };
        vec![Settled { actionid, started, subject, verdict }]
    }

    /// Tries decommissions again until they succeed: at once those of an earlier run, then after 1 s to 5 min. Ends when
    /// the doors are closed.
    pub async fn retry_decommissions(&self) {
        let mut next: HashMap<uuid::Uuid, (Instant, Duration)> = HashMap::new();
        let mut later = false;
        while !self.0.0.doors.closing() {
            let pending = self.0.0.doors.pending();
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
                let settled = self.0.settle(tombstone, "serve".to_owned()).await;
                tracing::info!(?settled, "a decommission was tried again");
                next.insert(actionid, (Instant::now() + backoff, (backoff * 2).min(BACKOFF.1)));
            }
            later = true;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

impl Hearth {
    /// Workspaces that an action has which the journal does not know: there is no event to give an outcome to.
    async fn of_another_journal(&self) -> Vec<Settled> {
        let claims = match self.0.rows.claims_of_others(&self.0.doors.known()).await {
            Ok(claims) => claims,
            Err(error) => {
                tracing::error!(%error, "the claims could not be read");
                return Vec::new();
            }
        };
        let why = "the journal knows nothing of this action: put back the journal that does";
        let left = claims.into_iter().map(|(actionid, slug, doing)| Settled {
            actionid,
            started: format!("({doing})"),
            subject: Some(slug),
            verdict: Verdict::Left(why.to_owned()),
        });
        left.collect()
    }

    /// What the driver has, and no row: something that came later than whoever asked for it could wait.
    async fn strays(&self) -> Vec<Settled> {
        let all = match Call::of(|| self.0.driver.look().all()).until(Instant::now() + STRAYS).await {
            Ok(Ok(all)) => all,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the driver could not say what it has");
                return Vec::new();
            }
            Err(_) => {
                tracing::warn!("the driver did not say what it has");
                return Vec::new();
            }
        };
        let mut strays = Vec::new();
        for slug in all {
            let known = self.0.rows.is_known(&slug).await;
            // One that is gone by now was about to go.
            if matches!(known, Ok(false)) && !matches!(self.inspect(&slug, STRAYS).await, Ok(Inspection::Absent)) {
                let why = "the driver has something of it, and no row knows it: a provision of this name takes it away, or do it \
                           by hand";
                strays.push(Settled {
                    actionid: uuid::Uuid::nil(),
                    started: "(no row)".to_owned(),
                    subject: Some(slug.to_string()),
                    verdict: Verdict::Left(why.to_owned()),
                });
            }
        }
        strays
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
        if self.0.doors.closing() {
            return Verdict::Left("the service is shutting down".to_owned());
        }
        if let Some(trouble) = self.0.doors.inner().relay.trouble() {
            return Verdict::Left(format!("its outcome could not be written: {trouble}"));
        }
        let started = tombstone.started.as_str();
        if started == Provision::STARTED.as_str() {
            self.settle_provision(taken, row, settled_by).await
        } else if started == Upgrade::STARTED.as_str() {
            self.settle_upgrade(taken, row, settled_by).await
        } else if started == Repair::STARTED.as_str() {
            self.settle_repair(taken, row, settled_by).await
        } else if started == Decommission::STARTED.as_str() {
            self.settle_decommission(taken, row, settled_by).await
        } else if started == ReadOnly::STARTED.as_str() {
            taken_back::<ReadOnly>(taken, settled_by).await
        } else if started == Restore::STARTED.as_str() {
            taken_back::<Restore>(taken, settled_by).await
        } else {
            let why = "it is no action of HEARTH, and nobody here can look at what it did";
            Verdict::Left(format!(
                "{why}: look yourself, and if nothing came of it say `reconcile --failed {}`",
                tombstone.actionid
            ))
        }
    }

    /// What the driver finds, within an action's time.
    async fn what_is_there(&self, row: &DeploymentRef) -> Result<Inspection, String> {
        self.inspect(&row.slug, self.0.doors.inner().limits.driver).await
    }

    async fn settle_provision(&self, taken: Taken, row: Option<DeploymentRef>, settled_by: &str) -> Verdict {
        let (taken, action, row) = match begun::<Provision>(taken, row, settled_by).await {
            Ok(begun) => begun,
            Err(verdict) => return verdict,
        };
        match self.what_is_there(&row).await {
            Err(why) => Verdict::Left(why),
            Ok(Inspection::Serving(placement)) if is_of(&placement, &action, taken.actionid()) => {
                succeeded(taken, &action, &placed(&row, placement), settled_by).await
            }
            Ok(Inspection::Absent) => failed(taken, &action, "nothing of it is there", settled_by).await,
            // Half made, or somebody else's: the name is this action's alone, so it is undone.
            Ok(Inspection::Broken { .. } | Inspection::Serving(_)) => {
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

    async fn settle_upgrade(&self, taken: Taken, row: Option<DeploymentRef>, settled_by: &str) -> Verdict {
        let (taken, action, row) = match begun::<Upgrade>(taken, row, settled_by).await {
            Ok(begun) => begun,
            Err(verdict) => return verdict,
        };
        match self.what_is_there(&row).await {
            Err(why) => Verdict::Left(why),
            Ok(Inspection::Serving(placement)) if placement.tier == action.tier => {
                succeeded(taken, &action, &placed(&row, placement), settled_by).await
            }
            Ok(Inspection::Broken { .. }) => {
                // It does not answer: the upgrade is gone through with, which starts it again.
                let actionid = taken.actionid();
                let upgraded = taken.resume(action.clone(), row.clone(), settled_by, self.clone(), |token, hearth| {
                    Box::pin(hearth.upgrade(token))
                });
                match upgraded.await {
                    Err(why) => self.settle_failed_upgrade(actionid, &action, &row, &why, settled_by).await,
                    settled => verdict(settled, Verdict::Succeeded),
                }
            }
            Ok(_) => failed(taken, &action, "it does not have the tier that was asked for", settled_by).await,
        }
    }

    /// One that was gone through with again, in vain. Where the former tier is in force, or none, it has failed: what is amiss
    /// with its workspace shows, and is a repair's to mend.
    async fn settle_failed_upgrade(
        &self,
        actionid: uuid::Uuid,
        action: &Upgrade,
        row: &DeploymentRef,
        why: &str,
        settled_by: &str,
    ) -> Verdict {
        match self.what_is_there(row).await {
            Ok(found) if has_no_other_tier(&found, row) => match self.0.doors.take(actionid) {
                Some(taken) => failed(taken, action, why, settled_by).await,
                None => Verdict::Left("somebody is at work on it".to_owned()),
            },
            Ok(_) => Verdict::Left(why.to_owned()),
            Err(unseen) => Verdict::Left(format!("{why}; {unseen}")),
        }
    }

    async fn settle_repair(&self, taken: Taken, row: Option<DeploymentRef>, settled_by: &str) -> Verdict {
        let (taken, action, row) = match begun::<Repair>(taken, row, settled_by).await {
            Ok(begun) => begun,
            Err(verdict) => return verdict,
        };
        match self.what_is_there(&row).await {
            Err(why) => Verdict::Left(why),
            Ok(Inspection::Serving(placement)) if placement.tier == row.tier => {
                succeeded(taken, &action, &repaired(&row, placement), settled_by).await
            }
            // It is not gone through with: the row is as it was, and a look shows what is amiss.
            Ok(_) => failed(taken, &action, "it still does not answer as its row says", settled_by).await,
        }
    }

    async fn settle_decommission(&self, taken: Taken, row: Option<DeploymentRef>, settled_by: &str) -> Verdict {
        let (taken, action, row) = match begun::<Decommission>(taken, row, settled_by).await {
            Ok(begun) => begun,
            Err(verdict) => return verdict,
        };
        let gone =
            taken.resume(action, row, settled_by, self.clone(), |token, hearth| Box::pin(hearth.decommission(token)));
        verdict(gone.await, Verdict::Succeeded)
    }
}

/// Whether what is there is what the action was to make.
fn is_of(placement: &Placement, action: &Provision, actionid: uuid::Uuid) -> bool {
    placement.tier == action.tier && placement.made_by.is_none_or(|made_by| made_by == actionid)
}

/// The action and the row that it has claimed; or what is decided without a look, where it claimed none.
async fn begun<A: Action>(
    taken: Taken,
    row: Option<DeploymentRef>,
    settled_by: &str,
) -> Result<(Taken, A, DeploymentRef), Verdict> {
    let action = match taken.action::<A>() {
        Ok(action) => action,
        Err(error) => return Err(Verdict::Left(format!("its started event cannot be read: {error}"))),
    };
    match row {
        Some(row) => Ok((taken, action, row)),
        // The crash came before the driver's turn.
        None => Err(failed(taken, &action, "its driver was never called", settled_by).await),
    }
}

/// One that calls no driver: its row is as it was before, and whoever looks at what is paid for does it again.
async fn taken_back<A: Action>(taken: Taken, settled_by: &str) -> Verdict {
    match taken.action::<A>() {
        Ok(action) => failed(taken, &action, "it was cut off, and is taken back", settled_by).await,
        Err(error) => Verdict::Left(format!("its started event cannot be read: {error}")),
    }
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
