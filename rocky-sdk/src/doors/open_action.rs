//! An action that has started: whoever ends it, however it ends, it gets exactly one outcome or stays a tombstone.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;
use tokio_util::task::task_tracker::TaskTrackerToken;
use uuid::Uuid;

use super::{Doors, Inbound, Intent, Problem, denials::actor};
use crate::{
    BoxFuture, Slug,
    hatch::{Event, Reservation, Ticket, Tombstone, WriteError},
};

/// The longest error text that an outcome carries, counted as JSON.
const ERROR_BYTES: usize = 1024;
/// The longest code that an outcome carries, in characters.
const CODE_CHARS: usize = 64;
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A started action's hold on HATCH, the registry and the ledger.
pub(crate) struct OpenAction {
    pub(super) doors: Doors,
    pub(super) intent: Intent,
    inbound: Inbound,
    since: Instant,
    /// `None` for an action of an earlier run.
    place: Option<Reservation>,
    keyed: bool,
    dropped: Dropped,
    /// A drain waits for it.
    _drain: TaskTrackerToken,
}

/// What it means that the action is dropped as it is.
enum Dropped {
    /// It never ran: its outcome is `abandoned`.
    Abandoned,
    /// It may have run: only a look at the driver can tell, so it stays a tombstone.
    Unsettled,
    /// It is closed, or never started.
    Nothing,
}

/// How an action ended.
#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    pub(crate) duration_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settled_by: Option<String>,
    /// The event's name is the action's succeeded one.
    #[serde(skip)]
    pub(crate) success: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Succeeded,
    Failed,
    Panicked,
    Refused,
    Abandoned,
    #[cfg(feature = "hearth")]
    Reconciled,
}

impl Outcome {
    pub(crate) fn succeeded() -> Self {
        Outcome { status: Status::Succeeded, code: None, error: None, duration_us: 0, settled_by: None, success: true }
    }

    pub(crate) fn failed(status: Status, code: impl Into<String>, error: Option<&str>) -> Self {
        let error = error.map(bounded);
        // An outcome fits its reserved place, whatever an action's own error calls itself.
        let code = code.into().chars().take(CODE_CHARS).collect();
        Outcome { status, code: Some(code), error, duration_us: 0, settled_by: None, success: false }
    }
}

impl OpenAction {
    /// Makes the started event durable within the limit.
    pub(super) async fn start(
        doors: Doors,
        intent: Intent,
        inbound: Inbound,
        data: Box<RawValue>,
        keyed: bool,
    ) -> Result<Self, WriteError> {
        let since = Instant::now();
        let until = since + doors.inner().relay.limit();
        let tombstone = Tombstone {
            actionid: intent.actionid,
            started: intent.started.to_owned(),
            time: crate::deployment::timestamp(),
            subject: intent.subject.as_ref().map(Slug::to_string),
            tenant: intent.tenant().to_owned(),
            actor: intent.actor().to_owned(),
            role: intent.role().as_str().to_owned(),
            data,
        };
        let _drain = doors.tasks().token();
        let dropped = Dropped::Nothing;
        let mut open = OpenAction { doors, intent, inbound, since, place: None, keyed, dropped, _drain };
        let queued = open.doors.inner().relay.started(&open.event(open.intent.started, &tombstone.data), until).await;
        let mut ticket = match queued {
            Ok((ticket, place)) => {
                open.place = Some(place);
                ticket
            }
            Err(error) => {
                open.let_go().await;
                return Err(error);
            }
        };
        open.doors.inner().registry.began(tombstone);
        match tokio::time::timeout_at(until.into(), &mut ticket).await {
            Ok(written) => match written.unwrap_or_else(|_| Err(lost())) {
                Ok(()) => {
                    open.dropped = Dropped::Abandoned;
                    Ok(open)
                }
                Err(error) => {
                    open.never_started(&error).await;
                    Err(error)
                }
            },
            Err(_) => {
                // It may still land. Nobody will act on it; if it does, its outcome says so.
                let doors = open.doors.clone();
                doors.spawn(open.abandon_when_it_lands(ticket));
                Err(WriteError::Late)
            }
        }
    }

    async fn abandon_when_it_lands(mut self, ticket: Ticket) {
        match ticket.await.unwrap_or_else(|_| Err(lost())) {
            Ok(()) => self.dropped = Dropped::Abandoned,
            Err(error) => self.never_started(&error).await,
        }
    }

    /// The started event was refused. After a failed fdatasync nobody knows: it stays in the list until the next opening.
    async fn never_started(&self, error: &WriteError) {
        match error {
            WriteError::Poisoned(_) => self.doors.inner().registry.leave(self.intent.actionid),
            _ => self.doors.inner().registry.closed(self.intent.actionid),
        }
        self.let_go().await;
    }

    /// From here on, only the driver knows what was done.
    pub(super) fn begins_to_act(&mut self) {
        self.dropped = Dropped::Unsettled;
    }

    /// An action of an earlier run, or one that was left, to be settled.
    #[cfg(feature = "hearth")]
    pub(super) fn again(doors: Doors, intent: Intent) -> Self {
        let (inbound, since) = (Inbound::default(), Instant::now());
        let _drain = doors.tasks().token();
        OpenAction { doors, intent, inbound, since, place: None, keyed: true, dropped: Dropped::Unsettled, _drain }
    }

    /// Writes the outcome, then gives the claim back and the answer free. False when the outcome was not durable in time:
    /// then the workspace is unsettled until it is, which is tried for as long as HATCH can come back.
    pub(super) async fn close(mut self, outcome: Outcome) -> bool {
        self.dropped = Dropped::Unsettled;
        let (told, mut answer) = oneshot::channel();
        let doors = self.doors.clone();
        let mut closing = GoesOn { doors, work: Some(Box::pin(self.close_here(outcome, told))) };
        tokio::select! {
            biased;
            () = &mut closing => answer.try_recv().unwrap_or(false),
            answer = &mut answer => answer.unwrap_or(false),
        }
    }

    /// The action was not done: closes it so, and hands the problem back to be answered.
    pub(super) async fn refuse(self, problem: Problem) -> Problem {
        let code = problem.code().to_owned();
        let error = problem.detail().to_owned();
        if self.close(Outcome::failed(Status::Refused, code, Some(&error))).await {
            problem
        } else {
            outcome_unrecorded()
        }
    }

    /// Leaves it as it is: a tombstone, its workspace unsettled.
    pub(super) async fn leave(self) {
        self.doubt().await;
    }

    async fn close_here(mut self, mut outcome: Outcome, told: oneshot::Sender<bool>) {
        let elapsed = self.since.elapsed().as_micros();
        outcome.duration_us = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let mut told = Some(told);
        let mut backoff = BACKOFF.0;
        loop {
            match self.write(&outcome, &mut told).await {
                Ok(()) => break,
                Err(error @ (WriteError::Poisoned(_) | WriteError::Closed)) => {
                    tracing::error!(%error, actionid = %self.intent.actionid, "an action stays without an outcome");
                    return self.not_in_time(&mut told).await;
                }
                Err(error) => {
                    tracing::error!(%error, actionid = %self.intent.actionid, "an outcome is not durable yet");
                    self.not_in_time(&mut told).await;
                    self.doors.pause(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF.1);
                }
            }
        }
        self.dropped = Dropped::Nothing;
        self.doors.inner().registry.closed(self.intent.actionid);
        self.let_go().await;
        tell(&mut told, true);
    }

    /// Once written, an outcome is waited for until its fate is known: writing it again could make two of one.
    async fn write(&self, outcome: &Outcome, told: &mut Option<oneshot::Sender<bool>>) -> Result<(), WriteError> {
        let name = if outcome.success { self.intent.succeeded } else { &self.intent.failed };
        let relay = &self.doors.inner().relay;
        let mut ticket = relay.outcome(&self.event(name, outcome), self.place.as_ref()).await?;
        let in_time = tokio::time::timeout(relay.limit(), &mut ticket).await;
        let written = match in_time {
            Ok(written) => written,
            Err(_) => {
                self.not_in_time(told).await;
                ticket.await
            }
        };
        written.unwrap_or_else(|_| Err(lost()))
    }

    async fn not_in_time(&self, told: &mut Option<oneshot::Sender<bool>>) {
        if told.is_some() {
            self.doubt().await;
            tell(told, false);
        }
    }

    pub(super) async fn doubt(&self) {
        if let Some(ledger) = self.doors.ledger().filter(|_| self.in_ledger())
            && let Err(error) = ledger.doubt(self.intent.actionid).await
        {
            tracing::error!(%error, "a workspace could not be marked as unsettled; its claim stands");
        }
    }

    async fn let_go(&self) {
        Self::forget(&self.doors, self.intent.actionid, self.in_ledger()).await;
    }

    /// Gives claim and key back. While the rows cannot be written it is tried again by itself; the next start does it too.
    pub(super) async fn forget(doors: &Doors, actionid: Uuid, in_ledger: bool) {
        let Some(ledger) = doors.ledger().filter(|_| in_ledger).cloned() else { return };
        let Err(error) = ledger.release(actionid).await else { return };
        tracing::error!(%error, "a claim could not be given back yet");
        let again = doors.clone();
        doors.spawn(async move {
            let mut backoff = BACKOFF.0;
            while !again.closing() {
                again.pause(backoff).await;
                backoff = (backoff * 2).min(BACKOFF.1);
                if ledger.release(actionid).await.is_ok() {
                    return;
                }
            }
        });
    }

    pub(super) fn in_ledger(&self) -> bool {
        self.keyed || self.intent.subject.is_some()
    }

    fn event<'a, D>(&'a self, kind: &'a str, data: D) -> Event<'a, D> {
        Event {
            kind,
            subject: self.intent.subject.as_ref().map(Slug::as_str),
            who: actor(&self.intent.session),
            actionid: Some(self.intent.actionid),
            requestid: self.inbound.request_id.as_deref(),
            traceparent: self.inbound.traceparent.as_deref(),
            data,
        }
    }
}

/// Work that goes on in a task of its own where it is not over when it is let go.
struct GoesOn {
    doors: Doors,
    work: Option<BoxFuture<'static, ()>>,
}

impl Future for GoesOn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Taken out: work that panics is over, and is not begun again when this is dropped.
        let Some(mut work) = self.work.take() else { return Poll::Ready(()) };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl Drop for GoesOn {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.doors.spawn(work);
        }
    }
}

impl Drop for OpenAction {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.dropped, Dropped::Nothing) {
            Dropped::Nothing => {}
            Dropped::Unsettled => self.doors.inner().registry.leave(self.intent.actionid),
            Dropped::Abandoned => {
                let doors = self.doors.clone();
                let open = OpenAction {
                    doors: self.doors.clone(),
                    intent: self.intent.clone(),
                    inbound: std::mem::take(&mut self.inbound),
                    since: self.since,
                    place: self.place.take(),
                    keyed: self.keyed,
                    dropped: Dropped::Unsettled,
                    _drain: self._drain.clone(),
                };
                let outcome = Outcome::failed(Status::Abandoned, "abandoned", None);
                doors.spawn(async move {
                    open.close(outcome).await;
                });
            }
        }
    }
}

/// The writer ended with the event in its hands: nobody knows what the disk has of it.
fn lost() -> WriteError {
    WriteError::Poisoned("the journal's writer ended".to_owned())
}

fn tell(told: &mut Option<oneshot::Sender<bool>>, durable: bool) {
    if let Some(told) = told.take()
        && told.send(durable).is_err()
    {
        tracing::debug!("nobody waits for this outcome any more");
    }
}

pub(super) fn outcome_unrecorded() -> Problem {
    Problem::new(
        500,
        "outcome-unrecorded",
        "What became of the action is not recorded yet; it is settled as soon as HATCH is back.",
    )
}

/// The beginning of a text that takes no more than its share of a line once it is JSON.
fn bounded(text: &str) -> String {
    let mut taken = 0;
    let fits = |c: &char| {
        taken += match c {
            '"' | '\\' => 2,
            c if c.is_control() => 6,
            c => c.len_utf8(),
        };
        taken <= ERROR_BYTES
    };
    text.chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_text_is_bounded_as_json() {
        for text in ["x".repeat(5000), "\"".repeat(5000), "\u{1}".repeat(5000), "é".repeat(5000)] {
            let json = serde_json::to_string(&bounded(&text)).unwrap();
            assert!(json.len() > ERROR_BYTES - 8 && json.len() <= ERROR_BYTES + 2, "{}", json.len());
        }
        assert_eq!(bounded("short"), "short");
    }
}
