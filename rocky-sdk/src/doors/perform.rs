//! Door 3 and the action: claim, standing, entitlement, the action in a task of its own, its outcome.

use std::{
    any::Any,
    future::Future,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::{
    ActionError, Answer, Change, Completed, Doors, Entitled, Intent, Problem, Refusal, SettleError,
    completed::completed,
    entitled::{Progress, Track, entitled},
    open_action::{OpenAction, Outcome, Status, outcome_unrecorded},
    refusal::own_problem,
};
use crate::{Action, DeploymentRef, Metered, Tier};

/// What an action returns: a boxed future that borrows the token and its context.
///
/// Work that is a function of its own, and not a closure, says so in its type:
/// ```
/// use std::convert::Infallible;
/// use rocky_sdk::{Act, Audited, Completed, Entitled, Refusal, tenant_action};
/// # #[tenant_action(
/// #     role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed"
/// # )]
/// # struct Rotate { key: String }
///
/// struct KeyStore { prefix: String }
///
/// fn rotate<'t>(token: &'t Entitled<Rotate>, keys: &'t KeyStore) -> Act<'t, String, Infallible> {
///     Box::pin(async move { Ok(format!("{}/{}", keys.prefix, token.action().key)) })
/// }
///
/// async fn perform(audited: Audited<Rotate>) -> Result<Completed<Rotate, String>, Refusal<Infallible>> {
///     audited.perform(KeyStore { prefix: "eu".to_owned() }, rotate).await
/// }
/// ```
pub type Act<'t, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 't>>;

/// What an action's code gives back: `Result<T, E>`. [`tenant_action`](crate::tenant_action) asks for it by this trait and
/// not by its spelling, so that an alias will do.
///
/// ```
/// use rocky_sdk::doors::Attempt;
/// type Kept = std::io::Result<String>;
/// fn value(of: Kept) -> Option<<Kept as Attempt>::Value> {
///     of.ok()
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "a route gives back what it made or its error, and not `{Self}`",
    label = "write `Result<T, E>`",
    note = "`T` is the body of a success, `E` an error that says `impl rocky_sdk::ActionError for E {{}}`"
)]
pub trait Attempt {
    /// What a success is.
    type Value;
    /// What a failure is.
    type Error;
}

#[diagnostic::do_not_recommend]
impl<T, E> Attempt for Result<T, E> {
    type Value = T;
    type Error = E;
}

/// What can be the body of a success: whatever serde can write, made by nobody's leave.
///
/// ```
/// #[derive(serde::Serialize)]
/// struct Key { id: String }
/// fn is_a_body<T: rocky_sdk::doors::Body>() {}
/// is_a_body::<Key>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the body of an answer",
    label = "an answer's body is written by serde",
    note = "give back a type of your own with `#[derive(serde::Serialize)]` on it: owned, and `Send`"
)]
pub trait Body: Serialize + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + Send + 'static> Body for T {}

/// How long a task may take to end once it was told to.
const ABORT: Duration = Duration::from_secs(1);

/// An action's own error, and what it says of itself.
pub(super) struct OwnFailure<E> {
    error: E,
    pub(super) text: String,
    code: &'static str,
    problem: Problem,
}

/// How the action's own code ended.
pub(super) enum Ended<E> {
    Rendered(Vec<u8>),
    Failed(Box<OwnFailure<E>>),
    Unrenderable(String),
    Panicked(String),
    TimedOut {
        /// It did not stop when it was told to, and is still at it.
        running: Option<JoinHandle<Ended<E>>>,
    },
}

/// The answer that was given the first time.
pub(super) fn again<A, T, E>(answer: Answer) -> Result<Completed<A, T>, Refusal<E>> {
    if answer.status == 200 {
        return Ok(completed(answer.body, true));
    }
    Err(serde_json::from_slice(&answer.body).unwrap_or_else(|_| outcome_unrecorded()).refusal())
}

pub(super) async fn supervise<A: Action, C, T, E>(
    action: A,
    mut open: OpenAction,
    deadline: Instant,
    context: C,
    act: impl for<'t> FnOnce(&'t Entitled<A>, &'t C) -> Act<'t, T, E> + Send + 'static,
) -> Result<Completed<A, T>, Refusal<E>>
where
    C: Send + Sync + 'static,
    T: Body,
    E: ActionError,
{
    let doors = open.doors.clone();
    // From the claim on, only an outcome or a look at the driver ends it.
    open.begins_to_act();
    let row = match admit(&doors, &open.intent, deadline).await {
        Ok(row) => row,
        Err(NotAdmitted { problem, claimed }) => {
            if claimed && let Err(error) = settle(&open, Change::Reverted, None).await {
                tracing::error!(%error, "a refused action's claim could not be taken back");
                open.leave().await;
                return Err(outcome_unrecorded().refusal());
            }
            return Err(open.refuse(*problem).await.refusal());
        }
    };
    let track = Arc::new(Track::default());
    let token = entitled(&doors, action, row, open.intent.clone(), Arc::clone(&track));
    let span = tracing::info_span!("action", action = A::NAME, actionid = %open.intent.actionid);
    let ended = act_in_its_own_task(&doors, token, context, act, span).await;
    conclude(open, &track, ended).await
}

struct NotAdmitted {
    problem: Box<Problem>,
    claimed: bool,
}

/// Everything that is asked once the started event is durable and before the driver is called.
async fn admit(doors: &Doors, intent: &Intent, deadline: Instant) -> Result<Option<DeploymentRef>, NotAdmitted> {
    let in_time = |claimed| {
        let too_late = || Problem::new(503, "too-late", "The action's time was over before it began: try again.");
        if Instant::now() < deadline { Ok(()) } else { Err(NotAdmitted { problem: Box::new(too_late()), claimed }) }
    };
    in_time(false)?;
    if doors.closed() {
        let problem = Problem::new(503, "shutting-down", "The service has shut down: try another instance.");
        return Err(NotAdmitted { problem: Box::new(problem), claimed: false });
    }
    let (row, lapsed) = match doors.ledger().filter(|_| intent.subject.is_some()) {
        None => (None, false),
        Some(ledger) => {
            let obstacle = |claimed| {
                move |obstacle: super::Obstacle| NotAdmitted { problem: Box::new(obstacle.problem()), claimed }
            };
            let row = ledger.claim(intent).await.map_err(obstacle(false))?;
            ledger.standing(intent, &row).await.map_err(obstacle(true))?;
            let lapsed = ledger.lapsed(intent, &row);
            (Some(row), lapsed)
        }
    };
    let claimed = row.is_some();
    if let Some(tier) = metered(intent.metered, row.as_ref()).filter(|tier| *tier > Tier::Solo && !lapsed) {
        let span = tracing::info_span!("polar", tier = tier.as_str());
        let entitled = doors.inner().billing.assert_entitlement(intent, tier, deadline).instrument(span).await;
        entitled.map_err(|problem| NotAdmitted { problem: Box::new(problem), claimed })?;
    }
    in_time(claimed)?;
    Ok(row)
}

/// The tier to ask about: the one that is asked for or the one that is there, whichever is higher.
fn metered(by: Metered, row: Option<&DeploymentRef>) -> Option<Tier> {
    let has = row.map(|row| row.tier);
    match by {
        Metered::No => None,
        Metered::Row => has,
        Metered::Asked(tier) => Some(has.map_or(tier, |has| has.max(tier))),
    }
}

/// Runs the action with its token and renders what it returns, all where a panic is caught and a deadline counts.
pub(super) async fn act_in_its_own_task<A: Action, C, T, E>(
    doors: &Doors,
    token: Entitled<A>,
    context: C,
    act: impl for<'t> FnOnce(&'t Entitled<A>, &'t C) -> Act<'t, T, E> + Send + 'static,
    span: tracing::Span,
) -> Ended<E>
where
    C: Send + Sync + 'static,
    T: Body,
    E: ActionError,
{
    let ends_at = token.ends_at();
    let work = async move {
        match act(&token, &context).await {
            Ok(value) => match serde_json::to_vec(&value) {
                Ok(body) => Ended::Rendered(body),
                Err(error) => Ended::Unrenderable(error.to_string()),
            },
            // What the error says of itself is the action's code too: a panic in it is caught here.
            Err(error) => Ended::Failed(Box::new(OwnFailure {
                text: chain(&error),
                code: error.code(),
                problem: own_problem(&error),
                error,
            })),
        }
    };
    let mut task = doors.runtime().spawn(work.instrument(span));
    let joined = match tokio::time::timeout_at(ends_at.into(), &mut task).await {
        Ok(joined) => joined,
        Err(_) => {
            task.abort();
            match tokio::time::timeout(ABORT, &mut task).await {
                // It ended in the very moment: what it did counts.
                Ok(Ok(ended)) => Ok(ended),
                Ok(Err(_)) => return Ended::TimedOut { running: None },
                Err(_) => return Ended::TimedOut { running: Some(task) },
            }
        }
    };
    joined.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => Ended::Panicked(panic_text(panic.as_ref())),
        Err(_) => Ended::Panicked("the runtime ended before the action did".to_owned()),
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a text".to_owned())
}

/// The row's new state, the outcome, the answer: in this order.
async fn conclude<A, T, E: ActionError>(
    open: OpenAction,
    track: &Track,
    ended: Ended<E>,
) -> Result<Completed<A, T>, Refusal<E>> {
    let (outcome, problem, error) = match ended {
        Ended::Rendered(body) => match done(&open, track, body).await {
            Done::Recorded(body) => {
                return if open.close(Outcome::succeeded()).await {
                    Ok(completed(body, false))
                } else {
                    Err(outcome_unrecorded().refusal())
                };
            }
            Done::InDoubt => {
                open.leave().await;
                return Err(outcome_unrecorded().refusal());
            }
            Done::Nothing => {
                let problem = Problem::new(502, "driver-not-called", "The action's code succeeded without its driver.");
                (Outcome::failed(Status::Failed, "driver-not-called", None), problem, None)
            }
        },
        Ended::Failed(failure) => {
            let OwnFailure { error, text, code, problem } = *failure;
            tracing::warn!(error = text, "an action failed");
            (Outcome::failed(Status::Failed, code, Some(&text)), problem, Some(error))
        }
        Ended::Unrenderable(text) => {
            (Outcome::failed(Status::Failed, "unrenderable", Some(&text)), driver_failed("could not be rendered"), None)
        }
        Ended::Panicked(text) => {
            tracing::error!(panic = text, "an action panicked");
            (Outcome::failed(Status::Panicked, "driver-failed", Some(&text)), driver_failed("panicked"), None)
        }
        Ended::TimedOut { running } => {
            if let Some(task) = running {
                open.doubt().await;
                let (doors, intent) = (open.doors.clone(), open.intent.clone());
                doors.spawn(async move {
                    // Nobody else may take it up while it runs.
                    drop(task.await);
                    drop(open);
                });
                let problem =
                    if intent.retried { pending(&intent) } else { driver_failed("took too long, and is still at it") };
                return Err(problem.refusal());
            }
            let outcome = Outcome::failed(Status::Failed, "driver-failed", Some("it took too long"));
            (outcome, driver_failed("took too long"), None)
        }
    };
    let refusal = |problem: Problem| match error {
        Some(error) => problem.refusal_with(error),
        None => problem.refusal(),
    };
    let acted = !matches!(track.progress(), Progress::Nothing);
    if open.intent.retried && (acted || track.opened()) {
        let problem = pending(&open.intent);
        open.leave().await;
        return Err(refusal(problem));
    }
    if acted {
        // What the driver left behind is not known: no outcome is better than a wrong one.
        open.leave().await;
        return Err(refusal(problem));
    }
    let body = serde_json::to_vec(&problem).ok();
    let answer = body.map(|body| Answer { status: problem.status(), body });
    if let Err(error) = settle(&open, Change::Reverted, answer.as_ref()).await {
        tracing::error!(%error, "a failed action's row could not be taken back");
        open.leave().await;
        return Err(refusal(outcome_unrecorded()));
    }
    let recorded = open.close(outcome).await;
    Err(refusal(if recorded { problem } else { outcome_unrecorded() }))
}

enum Done {
    Recorded(Vec<u8>),
    /// The driver did its work, and its row says otherwise.
    InDoubt,
    Nothing,
}

async fn done(open: &OpenAction, track: &Track, body: Vec<u8>) -> Done {
    let progress = track.progress();
    let now = match &progress {
        #[cfg(feature = "hearth")]
        Progress::Done(now) => Some(now),
        _ => None,
    };
    let answer = Answer { status: 200, body };
    match settle(open, Change::Done(now), Some(&answer)).await {
        Ok(()) => Done::Recorded(answer.body),
        Err(SettleError::NothingDone) => Done::Nothing,
        Err(SettleError::Ledger(error)) => {
            tracing::error!(%error, "a done action's row could not be written");
            Done::InDoubt
        }
    }
}

pub(super) async fn settle(open: &OpenAction, change: Change<'_>, answer: Option<&Answer>) -> Result<(), SettleError> {
    match open.doors.ledger().filter(|_| open.in_ledger()) {
        Some(ledger) => ledger.settle(open.intent.actionid, change, answer).await,
        None => Ok(()),
    }
}

/// An action that is tried again until it succeeds.
fn pending(intent: &Intent) -> Problem {
    let code = format!("{}-pending", intent.action);
    Problem::new(502, code, "What does the work failed; it is tried again until it succeeds.")
}

fn driver_failed(how: &str) -> Problem {
    Problem::new(502, "driver-failed", format!("What does the work {how}; the audit event says more."))
}

/// An error and all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
