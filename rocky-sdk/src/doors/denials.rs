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
    suppressed: AtomicU64,
    /// One could not be written in time, and none was since.
    lost: AtomicBool,
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
            lost: AtomicBool::new(false),
            counting: AtomicBool::new(false),
        }
    }

    /// Whether a denial could not be written, and none since.
    pub(crate) fn lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
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
        Denied::new(Problem::new(403, "denied", "Your session does not open this door."))
    }

    /// Writes a denial, and with it how many were left out. `one`: it stands for a denial itself.
    async fn write_denial(&self, who: Option<&Session>, inbound: &Inbound, reason: &str, one: bool) {
        let Inner { denials, relay, .. } = self.inner();
        let suppressed = denials.suppressed.swap(0, Ordering::AcqRel);
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
        match relay.note(&event).await {
            Err(error) => self.not_written(&error, told),
            Ok(mut ticket) => match tokio::time::timeout(relay.limit(), &mut ticket).await {
                Ok(written) => self.denial_written(written.unwrap_or(Err(WriteError::Closed)), told),
                Err(_) => {
                    // It may still land, and then it has told all that it stands for: its fate is waited for.
                    denials.lost.store(true, Ordering::Release);
                    let doors = self.clone();
                    self.spawn(async move {
                        let written = ticket.await.unwrap_or(Err(WriteError::Closed));
                        doors.denial_written(written, told);
                    });
                }
            },
        }
    }

    fn denial_written(&self, written: Result<(), WriteError>, told: u64) {
        match written {
            Ok(()) => self.inner().denials.lost.store(false, Ordering::Release),
            Err(error) => self.not_written(&error, told),
        }
    }

    /// Counts what was not told, and sees to it that it will be: nobody else may come and be denied.
    fn not_written(&self, error: &WriteError, told: u64) {
        let denials = &self.inner().denials;
        tracing::error!(%error, "a denial could not be recorded");
        denials.suppressed.fetch_add(told, Ordering::AcqRel);
        denials.lost.store(true, Ordering::Release);
        if !denials.counting.swap(true, Ordering::AcqRel) {
            let doors = self.clone();
            self.spawn(doors.count_lost_denials());
        }
    }

    fn count_lost_denials(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while self.inner().denials.lost() && !self.closing() {
                tokio::time::sleep(AGAIN).await;
                self.write_suppressed_denials("HATCH was away").await;
            }
            self.inner().denials.counting.store(false, Ordering::Release);
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
