//! `auth.denied`: strangers share a bounded rate, a known principal's denials are always written, and what was left out
//! is counted in the next one.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::oneshot::error::RecvError;

use super::{Doors, Inbound, Inner, problem::Problem, refusal::Denied};
use crate::{
    BoxFuture,
    airlock::Session,
    hatch::{Actor, Event, WriteError},
};

/// Strangers' denials written in a second, once the burst is used up.
const RATE: f64 = 10.0;
/// Between two tries to write how many denials could not be written.
const AGAIN: Duration = Duration::from_secs(1);
/// Strangers' denials written at once.
const BURST: f64 = 100.0;

pub(crate) struct Denials {
    bucket: Mutex<(f64, Instant)>,
    /// Strangers' denials that the rate left out.
    suppressed: AtomicU64,
    /// Denials that could not be written.
    untold: AtomicU64,
    /// Denials that are written late: their fate is waited for.
    late: AtomicU64,
    /// A task tries to write how many could not be written.
    counting: AtomicBool,
}

#[derive(Serialize)]
struct Data<'a> {
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<&'a str>,
    #[serde(skip_serializing_if = "none")]
    suppressed: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn none(count: &u64) -> bool {
    *count == 0
}

impl Denials {
    pub(crate) fn new() -> Self {
        Denials {
            bucket: Mutex::new((BURST, Instant::now())),
            suppressed: AtomicU64::new(0),
            untold: AtomicU64::new(0),
            late: AtomicU64::new(0),
            counting: AtomicBool::new(false),
        }
    }

    /// Whether there is a denial that is not durable, and that nobody was told of since.
    pub(crate) fn lost(&self) -> bool {
        self.untold.load(Ordering::Acquire) > 0 || self.late.load(Ordering::Acquire) > 0
    }

    fn admit(&self) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let filled = (bucket.0 + now.duration_since(bucket.1).as_secs_f64() * RATE).min(BURST);
        let admitted = filled >= 1.0;
        *bucket = (if admitted { filled - 1.0 } else { filled }, now);
        admitted
    }
}

impl Doors {
    /// Records the denial and says 403. The record survives a caller who hangs up.
    pub(crate) async fn deny(&self, who: Option<Session>, inbound: &Inbound, reason: &'static str) -> Denied {
        let problem = Problem::new(403, "denied", "Your session does not open this door.");
        self.deny_as(problem, who, inbound, reason).await
    }

    /// The same with another sentence.
    pub(super) async fn deny_as(
        &self,
        problem: Problem,
        who: Option<Session>,
        inbound: &Inbound,
        reason: &'static str,
    ) -> Denied {
        let denials = &self.inner().denials;
        if who.is_none() && !denials.admit() {
            denials.suppressed.fetch_add(1, Ordering::AcqRel);
        } else {
            let (doors, inbound) = (self.clone(), inbound.clone());
            let written = self.run(async move { doors.write_denial(who.as_ref(), &inbound, reason, true).await });
            if written.await.is_none() {
                tracing::warn!("a denial's record was cut off by the end of the runtime");
            }
        }
        problem.denied()
    }

    /// Writes a denial, and with it how many were left out. `one`: it stands for a denial itself.
    async fn write_denial(&self, who: Option<&Session>, inbound: &Inbound, reason: &str, one: bool) {
        let Inner { denials, relay, .. } = self.inner();
        let suppressed = denials.suppressed.swap(0, Ordering::AcqRel) + denials.untold.swap(0, Ordering::AcqRel);
        if !one && suppressed == 0 {
            return;
        }
        let event = Event {
            kind: "auth.denied",
            subject: inbound.subject.as_ref().map(crate::Slug::as_str),
            who: who.map(actor).unwrap_or_default(),
            actionid: None,
            requestid: inbound.request_id.as_deref(),
            traceparent: inbound.traceparent.as_deref(),
            data: Data { reason, wanted: inbound.wanted.map(|event| event.as_str()), suppressed },
        };
        let told = suppressed + u64::from(one);
        let until = Instant::now() + relay.limit();
        match relay.note(&event, until).await {
            Err(error) => self.not_written(&error, told),
            Ok(mut ticket) => match tokio::time::timeout_at(until.into(), &mut ticket).await {
                Ok(written) => self.denial_written(written, told),
                Err(_) => {
                    // It may still land, and then it has told all that it stands for: its fate is waited for.
                    denials.late.fetch_add(1, Ordering::AcqRel);
                    let doors = self.clone();
                    self.spawn(async move {
                        doors.denial_written(ticket.await, told);
                        doors.inner().denials.late.fetch_sub(1, Ordering::AcqRel);
                    });
                }
            },
        }
    }

    fn denial_written(&self, written: Result<Result<(), WriteError>, RecvError>, told: u64) {
        if let Err(error) = written.unwrap_or(Err(WriteError::Closed)) {
            self.not_written(&error, told);
        }
    }

    /// Counts what was not told, and sees to it that it will be: nobody else may come and be denied.
    fn not_written(&self, error: &WriteError, told: u64) {
        let denials = &self.inner().denials;
        tracing::error!(%error, "a denial could not be recorded");
        denials.untold.fetch_add(told, Ordering::AcqRel);
        self.see_to_the_untold();
    }

    fn see_to_the_untold(&self) {
        if !self.inner().denials.counting.swap(true, Ordering::AcqRel) {
            self.spawn(self.clone().count_lost_denials());
        }
    }

    fn count_lost_denials(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let denials = &self.inner().denials;
            let untold = || denials.untold.load(Ordering::Acquire) > 0 && !self.closing();
            while untold() {
                self.pause(AGAIN).await;
                self.write_suppressed_denials("HATCH was away").await;
            }
            denials.counting.store(false, Ordering::Release);
            if untold() {
                self.see_to_the_untold(); // one came in between
            }
        })
    }

    /// What was left out since the last denial that was written.
    pub(super) async fn write_suppressed_denials(&self, reason: &str) {
        self.write_denial(None, &Inbound::default(), reason, false).await;
    }
}

pub(crate) fn actor(session: &Session) -> Actor<'_> {
    Actor { tenant: Some(session.tenant()), actor: Some(session.subject()), role: Some(session.role().as_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_share_a_burst() {
        let denials = Denials::new();
        let admitted = (0..1000).filter(|_| denials.admit()).count();
        assert!((100..200).contains(&admitted), "{admitted}");
    }
}
