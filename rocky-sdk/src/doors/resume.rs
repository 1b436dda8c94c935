//! Settling what was left: an action that has started and has no outcome, taken up again inside the doors.

use std::sync::Arc;

use super::{
    Act, ActionError, Change, Doors, Entitled, Intent, SettleError,
    entitled::{Progress, Track, entitled},
    open_action::{OpenAction, Outcome, Status},
    perform::{Ended, act_in_its_own_task, settle},
};
use crate::{Action, DeploymentRef, Rank, airlock::Session, hatch::Tombstone};

/// A tombstone that nobody else works on. Dropped, it is left as it was.
pub(crate) struct Taken {
    doors: Doors,
    tombstone: Tombstone,
    kept: bool,
}

/// How a tombstone is settled.
pub(crate) enum Settlement<'a> {
    /// The driver shows that it succeeded: this is what there is.
    Succeeded(Option<&'a DeploymentRef>),
    /// The driver shows that nothing of it is there.
    Failed(&'a str),
}

impl Doors {
    /// The actions without an outcome, at work or not.
    pub(crate) fn known(&self) -> Vec<uuid::Uuid> {
        self.inner().registry.known()
    }

    /// Takes a tombstone that nobody works on.
    pub(crate) fn take(&self, actionid: uuid::Uuid) -> Option<Taken> {
        let tombstone = self.inner().registry.take(actionid)?;
        Some(Taken { doors: self.clone(), tombstone, kept: true })
    }
}

impl Taken {
    pub(crate) fn actionid(&self) -> uuid::Uuid {
        self.tombstone.actionid
    }

    /// The action as it was audited.
    pub(crate) fn action<A: Action>(&self) -> serde_json::Result<A> {
        serde_json::from_str(self.tombstone.data.get())
    }

    /// Writes the missing outcome: same action, the first actor, `reconciled`. False when it is not durable.
    pub(crate) async fn settle<A: Action>(
        self,
        action: &A,
        settlement: Settlement<'_>,
        settled_by: &str,
    ) -> Result<bool, SettleError> {
        let Some(intent) = self.intent(action) else {
            return Ok(false);
        };
        self.close(intent, settlement, settled_by).await
    }

    /// Closes an action that nobody here can look at, on an operator's word that nothing came of it.
    pub(crate) async fn declare_failed(self, settled_by: &str) -> Result<bool, SettleError> {
        let Some(session) = self.session() else {
            return Ok(false);
        };
        let Tombstone { actionid, started, subject, .. } = &self.tombstone;
        let family = started.split('.').next().unwrap_or(started);
        let intent = Intent {
            actionid: *actionid,
            action_type: std::any::TypeId::of::<()>(),
            action: "unknown",
            started: "unknown",
            succeeded: "unknown",
            failed: format!("{family}.failed").into(),
            retried: false,
            session,
            subject: subject.as_ref().and_then(|subject| subject.parse().ok()),
            metered: crate::Metered::No,
        };
        self.close(intent, Settlement::Failed("an operator says that nothing came of it"), settled_by).await
    }

    /// Runs a started action again, with a token of its own, and writes its outcome when it succeeds. When it fails it
    /// stays a tombstone.
    pub(crate) async fn resume<A: Action, C: Send + Sync + 'static, E: ActionError>(
        self,
        action: A,
        row: DeploymentRef,
        settled_by: &str,
        context: C,
        act: impl for<'t> FnOnce(&'t Entitled<A>, &'t C) -> Act<'t, DeploymentRef, E> + Send + 'static,
    ) -> Result<bool, String> {
        let Some(intent) = self.intent(&action) else {
            return Err("its started event names nobody".to_owned());
        };
        let track = Arc::new(Track::default());
        let token = entitled(&self.doors, action, Some(row), intent.clone(), Arc::clone(&track));
        let span = tracing::info_span!("action", action = A::NAME, actionid = %intent.actionid, resumed = true);
        match act_in_its_own_task(&self.doors, token, context, act, span).await {
            Ended::Rendered(_) => {}
            Ended::Failed(failure) => return Err(failure.text),
            Ended::Unrenderable(text) | Ended::Panicked(text) => return Err(text),
            Ended::TimedOut { running } => {
                if let Some(task) = running {
                    let doors = self.doors.clone();
                    doors.spawn(async move {
                        // Nobody else may take it up while it runs.
                        drop(task.await);
                        drop(self);
                    });
                }
                return Err("it took too long".to_owned());
            }
        }
        let settlement = match track.progress() {
            Progress::Done(ref now) => self.close(intent, Settlement::Succeeded(Some(now)), settled_by).await,
            Progress::Nothing | Progress::Acting => {
                self.close(intent, Settlement::Failed("undone when it was settled"), settled_by).await
            }
        };
        settlement.map_err(|error| error.to_string())
    }

    async fn close(
        mut self,
        intent: Intent,
        settlement: Settlement<'_>,
        settled_by: &str,
    ) -> Result<bool, SettleError> {
        let open = OpenAction::again(self.doors.clone(), intent);
        self.kept = false; // from here on the open action leaves it, or closes it
        let (change, mut outcome) = match settlement {
            Settlement::Succeeded(now) => (Change::Done(now), Outcome::succeeded()),
            Settlement::Failed(why) => (Change::Reverted, Outcome::failed(Status::Failed, "not-done", Some(why))),
        };
        settle(&open, change, None).await?;
        outcome.status = Status::Reconciled;
        outcome.settled_by = Some(settled_by.to_owned());
        Ok(open.close(outcome).await)
    }

    fn intent<A: Action>(&self, action: &A) -> Option<Intent> {
        Some(Intent::of(action, self.session()?, self.tombstone.actionid))
    }

    fn session(&self) -> Option<Session> {
        let role = match self.tombstone.role.as_str() {
            "admin" => Rank::Admin,
            "operator" => Rank::Operator,
            "observer" => Rank::Observer,
            _ => return None,
        };
        Session::new(&self.tombstone.actor, &self.tombstone.tenant, role).ok()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.kept {
            self.doors.inner().registry.leave(self.tombstone.actionid);
        }
    }
}
