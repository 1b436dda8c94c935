//! Door 1: `Authenticated<R>`.

use std::{
    any::TypeId,
    future::{Pending, pending},
    marker::PhantomData,
    sync::Arc,
    time::Instant,
};

use serde::de::IgnoredAny;
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    AnswerKey, Audited, Completed, Denied, Doors, Inbound, Intent, Invariant, Owner, Recall, Refusal, ServiceKey,
    audited::{Stage, audited},
    inbound::visible,
    ledger::{ledger_unavailable, unknown_workspace},
    open_action::OpenAction,
    problem::Problem,
};
use crate::{
    Action, Admin, BoxFuture, Observer, Operator, Role,
    action::Audit,
    airlock::{Credentials, Session, Unresolved},
    hatch::WriteError,
    sealed::{ByRockyAlone, Word},
};

/// Somebody whose role is `R` or higher. Good for one audited action, begun within the token's time (30 s, settable), or
/// for reads as long as it is held.
///
/// As the first argument of a route it is an extractor: door 1 is passed before any body is read.
#[must_use = "an authenticated caller who does nothing has done nothing"]
pub struct Authenticated<R> {
    doors: Doors,
    session: Session,
    inbound: Inbound,
    /// What a service may do; `None`: whatever its role may.
    only: Option<Arc<[TypeId]>>,
    /// When door 1 was passed: it does not stay open.
    since: Instant,
    role: Invariant<R>,
}

/// A role that is enough for another: admin for all, operator for operator's and observer's, observer for observer's.
#[diagnostic::on_unimplemented(
    message = "the role `{Self}` is not enough for an action of `{Needed}`",
    label = "this action wants `{Needed}`",
    note = "let the caller in as that: `Authenticated<{Needed}>`, or `doors.authenticate::<{Needed}>(..)`"
)]
pub trait Covers<Needed: Role>: Role {}
#[diagnostic::do_not_recommend]
impl Covers<Admin> for Admin {}
#[diagnostic::do_not_recommend]
impl Covers<Operator> for Admin {}
#[diagnostic::do_not_recommend]
impl Covers<Observer> for Admin {}
#[diagnostic::do_not_recommend]
impl Covers<Operator> for Operator {}
#[diagnostic::do_not_recommend]
impl Covers<Observer> for Operator {}
#[diagnostic::do_not_recommend]
impl Covers<Observer> for Observer {}

/// Nothing has it: it carries the sentence that the compiler says when an action is audited before anybody was asked who they
/// are.
///
/// ```compile_fail,E0277
/// # use rocky_sdk::{Doors, doors::Authenticates, tenant_action};
/// # #[tenant_action(
/// #     role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed"
/// # )]
/// # struct Rotate { key: String }
/// fn may_be_audited<A: Authenticates>(doors: &Doors, action: A) {
///     drop(doors.audit(action));
/// }
/// fn rotate(doors: &Doors, key: String) {
///     may_be_audited(doors, Rotate { key }) // nobody was asked who they are yet
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "nobody was asked who they are yet",
    label = "Airlock comes first: write `.authenticate::<Admin>(&credentials).await?.audit(..)`",
    note = "an action is somebody's: `authenticate` gives what has `audit`"
)]
pub trait Authenticates {
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone;
}

/// Nothing has it: it carries the sentence that the compiler says when an action is performed before it is audited.
///
/// ```compile_fail,E0277
/// # use rocky_sdk::{Admin, Authenticated, doors::Audits};
/// fn may_be_performed<T: Audits>(stage: T) {
///     drop(stage);
/// }
/// fn rotate(authenticated: Authenticated<Admin>) {
///     may_be_performed(authenticated) // this action is not audited yet
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "this action is not audited yet",
    label = "HATCH comes first: write `.audit(TheAction {{ .. }}).await?.perform(..)`",
    note = "an action runs once its started event is durable; `audit` waits for that and gives what has `perform`"
)]
pub trait Audits {
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone;
}

impl Doors {
    /// Door 1: asks Airlock who holds the credentials and whether their role is enough.
    ///
    /// # Errors
    /// 403 `denied`, and `cross-site` for a write that a cookie came with from elsewhere, each recorded as `auth.denied`;
    /// 503 `airlock-unavailable` when nobody could be asked in time.
    pub async fn authenticate<R: Role>(&self, credentials: &Credentials) -> Result<Authenticated<R>, Denied> {
        self.authenticate_inbound(credentials, Inbound::default()).await
    }

    /// The same for a request that brings more than credentials along.
    ///
    /// # Errors
    /// As [`Doors::authenticate`].
    pub async fn authenticate_inbound<R: Role>(
        &self,
        credentials: &Credentials,
        inbound: Inbound,
    ) -> Result<Authenticated<R>, Denied> {
        let span = tracing::info_span!("airlock", role = R::RANK.as_str());
        async {
            let session = match self.resolve(credentials).await {
                Ok(session) => session,
                Err(Unresolved::Stranger(reason)) => return Err(self.deny(None, &inbound, reason).await),
                Err(Unresolved::CrossSite) => {
                    return Err(self.deny_as(cross_site(), None, &inbound, "a write from another site").await);
                }
                Err(Unresolved::Unavailable(reason)) => {
                    tracing::warn!(reason, "Airlock is unavailable");
                    return Err(airlock_unavailable().denied());
                }
            };
            if session.role() < R::RANK {
                return Err(self.deny(Some(session), &inbound, "role too low").await);
            }
            Ok(Authenticated {
                doors: self.clone(),
                session,
                inbound,
                only: None,
                since: Instant::now(),
                role: PhantomData,
            })
        }
        .instrument(span)
        .await
    }

    /// Lets a service in, for the actions of its key and for this tenant's workspaces. `R` is the role of the action that
    /// it is about to do.
    ///
    /// # Errors
    /// 403 `denied` for a key of other doors, and for a tenant whose name no session could have.
    pub async fn authenticate_service<R: Role>(
        &self,
        key: &ServiceKey,
        tenant: &str,
    ) -> Result<Authenticated<R>, Denied> {
        let inbound = Inbound::default();
        if !Arc::ptr_eq(&key.doors, self.identity()) {
            return Err(self.deny(None, &inbound, "a service key of other doors").await);
        }
        let Ok(session) = Session::new(key.actor(), tenant, R::RANK) else {
            return Err(self.deny(None, &inbound, "not a tenant's name").await);
        };
        let only = Some(Arc::clone(&key.actions));
        Ok(Authenticated { doors: self.clone(), session, inbound, only, since: Instant::now(), role: PhantomData })
    }
}

impl<R: Role> Authenticated<R> {
    /// Who it is: subject, tenant and role.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Gives the action an idempotency key: within 24 hours, the same action under the same key is answered as the first
    /// time and not done again.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        Authenticated { inbound: self.inbound.idempotency_key(key), ..self }
    }

    /// Door 2: the started event is durable before this returns `Ok`.
    ///
    /// # Errors
    /// 403 `denied`: another tenant's workspace, or an action that is not the service's. 404 `unknown-workspace`.
    /// 503 `hatch-unavailable` when the event was not durable in time: the action must not run, and if the event lands
    /// later its outcome says `abandoned`. 409 and 422 for an idempotency key in use.
    pub fn audit<A>(self, action: A) -> BoxFuture<'static, Result<Audited<A>, Denied>>
    where
        A: Action,
        R: Covers<A::Role>,
    {
        // A named future, not an `async fn`: with the latter, one wrong role is reported three times.
        Box::pin(async move {
            let span = tracing::info_span!("hatch", action = A::NAME);
            let doors = self.doors.clone();
            // In a task of its own: when the caller hangs up, its yield is dropped, and a dropped `Audited` is abandoned.
            let audited = doors.run(self.audit_here(action).instrument(span)).await;
            audited.unwrap_or_else(|| Err(hatch_unavailable().denied()))
        })
    }

    /// Door 3 comes after door 2: an action is performed by [`Audited::perform`], and this does not compile. It is here so that
    /// the compiler can say so.
    ///
    /// ```compile_fail,E0277
    /// # use rocky_sdk::{Admin, Authenticated};
    /// async fn rotate(authenticated: Authenticated<Admin>) {
    ///     authenticated.perform((), |_, _| Box::pin(async { Ok(()) })).await;
    /// }
    /// ```
    pub fn perform<C, Code, A, T, E>(self, context: C, act: Code) -> Pending<Result<Completed<A, T>, Refusal<E>>>
    where
        Authenticated<R>: Audits,
    {
        drop((self, context, act));
        pending()
    }

    async fn audit_here<A: Action>(self, action: A) -> Result<Audited<A>, Denied> {
        let Authenticated { doors, session, inbound, only, since, .. } = self;
        let denied = |problem: Problem| Err(problem.denied());
        if doors.closing() {
            return denied(Problem::new(503, "shutting-down", "The service is shutting down: try another instance."));
        }
        if since.elapsed() >= doors.inner().limits.token {
            return denied(Problem::new(503, "too-late", "You were recognised too long ago: ask again."));
        }
        let inbound = Inbound { wanted: Some(A::STARTED), subject: action.subject().cloned(), ..inbound };
        let session = match only {
            None => session,
            Some(only) if only.contains(&TypeId::of::<A>()) => session.in_role(A::Role::RANK),
            Some(_) => return Err(doors.deny(Some(session), &inbound, "not an action of this service").await),
        };
        if let Err(taken) = doors.inner().vocabulary.register(&[Word::of::<A>()]) {
            tracing::error!(%taken, "an action was refused");
            return denied(Problem::new(500, "event-name-taken", taken.to_string()));
        }
        let intent = Intent::of(&action, session, Uuid::now_v7());
        if intent.subject.is_some() {
            let Some(ledger) = doors.ledger() else {
                return denied(Problem::new(
                    500,
                    "no-ledger",
                    "This action is about a workspace, and the doors have no ledger.",
                ));
            };
            match ledger.owner(&intent).await {
                Ok(Owner::Ours) => {}
                Ok(Owner::Theirs) => {
                    return Err(doors.deny(Some(intent.session), &inbound, "another tenant's workspace").await);
                }
                Ok(Owner::Nobody) => {
                    // A decommission that is sent again finds its workspace gone, and its answer kept.
                    return match &inbound.idempotency_key {
                        Some(key) => match recall(&doors, &intent, &action, key, false).await? {
                            Some(answer) => Ok(audited(Stage::Answered(answer))),
                            None => denied(unknown_workspace()),
                        },
                        None => denied(unknown_workspace()),
                    };
                }
                Err(error) => {
                    tracing::error!(%error, "an action was refused");
                    return denied(ledger_unavailable());
                }
            }
        }
        let data = match written_down(&action) {
            Ok(data) => data,
            Err(error) => {
                return denied(Problem::new(422, "invalid", format!("The action cannot be written down: {error}.")));
            }
        };
        let keyed = match &inbound.idempotency_key {
            None => false,
            Some(key) => match recall(&doors, &intent, &action, key, true).await? {
                Some(answer) => return Ok(audited(Stage::Answered(answer))),
                None => true,
            },
        };
        let deadline = Instant::now() + doors.inner().limits.token;
        match OpenAction::start(doors, intent, inbound, data, keyed).await {
            Ok(open) => Ok(audited(Stage::Fresh { action, open: Box::new(open), deadline })),
            Err(error @ WriteError::TooLarge(_)) => denied(Problem::new(413, "too-large", error.to_string())),
            Err(error) => {
                tracing::error!(%error, "a started event is not durable");
                denied(hatch_unavailable())
            }
        }
    }

    #[cfg(feature = "hearth")]
    pub(crate) fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Whether it is a service, which is good for its actions and not for reads.
    #[cfg(feature = "hearth")]
    pub(crate) fn is_service(&self) -> bool {
        self.only.is_some()
    }

    #[cfg(feature = "hearth")]
    pub(crate) fn inbound(&self) -> &Inbound {
        &self.inbound
    }
}

/// Looks the key up; `None` when it is new, and with `take` this action's from now on.
async fn recall<A: Action>(
    doors: &Doors,
    intent: &Intent,
    action: &A,
    key: &str,
    take: bool,
) -> Result<Option<super::Answer>, Denied> {
    let denied = |problem: Problem| Err(problem.denied());
    if !visible(key) {
        return denied(Problem::new(
            400,
            "invalid-idempotency-key",
            "An idempotency key is 1 to 128 visible ASCII characters.",
        ));
    }
    let Some(ledger) = doors.ledger() else {
        return denied(Problem::new(500, "no-ledger", "An idempotency key was given, and the doors have no ledger."));
    };
    let fingerprint = match serde_json::to_vec(action) {
        Ok(bytes) => hex::encode(
            Sha256::new().chain_update(A::STARTED.as_str()).chain_update([0]).chain_update(bytes).finalize(),
        ),
        Err(error) => {
            return denied(Problem::new(422, "invalid", format!("The action cannot be written down: {error}.")));
        }
    };
    let key = AnswerKey {
        tenant: intent.tenant().to_owned(),
        actor: intent.actor().to_owned(),
        action: A::NAME,
        key: key.to_owned(),
        fingerprint,
        actionid: intent.actionid,
    };
    match ledger.recall(&key, take).await {
        Ok(Recall::New) => Ok(None),
        Ok(Recall::Answered(answer)) => Ok(Some(answer)),
        Ok(Recall::InFlight) => denied(Problem::new(
            409,
            "idempotency-in-flight",
            "The action with this idempotency key is still at work, or has no outcome yet.",
        )),
        Ok(Recall::Different) => denied(Problem::new(
            422,
            "idempotency-mismatch",
            "This idempotency key was used for another action: use a new one.",
        )),
        Err(error) => {
            tracing::error!(%error, "an idempotency key could not be looked up");
            denied(ledger_unavailable())
        }
    }
}

/// The action in its audited form: JSON, on one line, whatever its `Serialize` does.
fn written_down<A: Action>(action: &A) -> serde_json::Result<Box<RawValue>> {
    let data = to_raw_value(&Audit(action))?;
    serde_json::from_str::<IgnoredAny>(data.get())?;
    if data.get().contains(['\n', '\r']) {
        return to_raw_value(&serde_json::from_str::<serde_json::Value>(data.get())?);
    }
    Ok(data)
}

fn hatch_unavailable() -> Problem {
    Problem::new(503, "hatch-unavailable", "The audit event could not be made durable, so nothing was done: try again.")
}

fn airlock_unavailable() -> Problem {
    Problem::new(503, "airlock-unavailable", "Nobody could be asked who you are, so nothing was done: try again.")
}

fn cross_site() -> Problem {
    Problem::new(403, "cross-site", "This write did not come from a page of this service, so nothing was done.")
}

impl<R> std::fmt::Debug for Authenticated<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Authenticated({})", self.session.subject())
    }
}
