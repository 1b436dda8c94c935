//! The trait through which the doors ask about the workspace that an action is about, and keep idempotent answers.

mod answer;
mod error;
mod intent;
mod obstacle;

use uuid::Uuid;

pub use answer::{Answer, AnswerKey, Recall};
pub use error::{LedgerError, SettleError};
pub use intent::Intent;
pub use obstacle::Obstacle;
pub(crate) use obstacle::{ledger_unavailable, unknown_workspace};

use crate::{BoxFuture, DeploymentRef, hatch::Tombstone};

/// Who has the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The action's tenant; or the action makes it, and whether it may is the claim's to say.
    Ours,
    /// Another tenant: 403 `denied`, and `auth.denied`.
    Theirs,
    /// Nobody: 404 `unknown-workspace`.
    Nobody,
}

/// What becomes of the row when the action ends. It stays claimed until [`Ledger::release`].
#[derive(Debug)]
pub enum Change<'a> {
    /// The action succeeded; a driver's action says what there is now.
    Done(Option<&'a DeploymentRef>),
    /// The action did nothing, or undid what it did: the row is what it was before.
    Reverted,
}

/// Rows and answers, as the doors need them; `hearth::Rows` is one, where the feature is on. Every change is durable
/// when its call returns.
///
/// The order in `perform` is: claim, standing, Polar, driver, `settle`, the outcome durable, `release`, the response.
///
/// # A ledger of one's own
///
/// Boards that a tenant opens and closes. It does what the doors ask for, but in memory: a real one is durable. Doors
/// have one ledger, which answers for every action that has a subject or an idempotency key.
///
/// ```
/// # use std::{collections::{HashMap, hash_map::Entry}, convert::Infallible, time::{Duration, Instant}};
/// # use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
/// # use rocky_sdk::{Admin, Billing, Completed, Credentials, Doors, LocalAuth, Refusal, Tier, tenant_action};
/// # use rocky_sdk::hatch::{Journal, JournalOptions};
/// use rocky_sdk::{BoxFuture, DeploymentRef, Ledger, Slug, State, hatch::Tombstone};
/// use rocky_sdk::doors::{Answer, AnswerKey, Change, Intent, LedgerError, Obstacle, Owner, Recall, SettleError};
/// use uuid::Uuid;
///
/// # #[tenant_action(
/// #     role = admin, started = "board.opening_started", succeeded = "board.opened", failed = "board.failed",
/// #     subject = slug,
/// # )]
/// # struct Open { slug: Slug }
/// # #[tenant_action(
/// #     role = admin, started = "board.closing_started", succeeded = "board.closed", failed = "board.failed",
/// #     subject = slug,
/// # )]
/// # struct Close { slug: Slug }
/// // The actions are `Open { slug }` and `Close { slug }`, with `subject = slug`.
/// struct Board { row: DeploymentRef, there: bool, claim: Option<Claim> }
/// // Whose claim it is, and whether the board is there before that action and after it.
/// struct Claim { by: Uuid, before: bool, after: bool }
///
/// #[derive(Default)]
/// struct Kept { boards: HashMap<Slug, Board>, keys: Keys } // `Keys` is the example at `Recall`
///
/// #[derive(Default)]
/// struct Boards(Mutex<Kept>);
///
/// impl Kept {
///     fn claimed(&mut self, by: Uuid) -> Option<&mut Board> {
///         self.boards.values_mut().find(|board| board.claim.as_ref().is_some_and(|claim| claim.by == by))
///     }
/// }
///
/// impl Ledger for Boards {
///     fn recover<'a>(&'a self, _: &'a [Tombstone]) -> BoxFuture<'a, Result<(), LedgerError>> {
///         // Memory begins empty. What a file has kept is doubted where its action is among these, and else released.
///         Box::pin(async { Ok(()) })
///     }
///
///     fn owner<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Owner, LedgerError>> {
///         Box::pin(async move {
///             let kept = self.lock();
///             Ok(match intent.subject().and_then(|slug| kept.boards.get(slug)) {
///                 _ if intent.is::<Open>() => Owner::Ours, // whether the name is free is the claim's to say
///                 None => Owner::Nobody,
///                 Some(board) if board.row.tenant == intent.tenant() => Owner::Ours,
///                 Some(_) => Owner::Theirs,
///             })
///         })
///     }
///
///     fn claim<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<DeploymentRef, Obstacle>> {
///         Box::pin(async move {
///             let (slug, opens) = (intent.subject().ok_or(Obstacle::Unknown)?, intent.is::<Open>());
///             let mut kept = self.lock();
///             let board = match kept.boards.entry(slug.clone()) {
///                 Entry::Vacant(name) if opens => name.insert(Board::new(slug, intent)), // not there yet
///                 Entry::Occupied(_) if opens => return Err(Obstacle::SlugTaken),
///                 Entry::Occupied(board) if board.get().row.tenant == intent.tenant() => board.into_mut(),
///                 _ => return Err(Obstacle::Unknown), // it went, or changed hands, since `owner` was asked
///             };
///             if board.claim.is_some() {
///                 return Err(if board.row.state == State::Unsettled { Obstacle::Unsettled } else { Obstacle::Busy });
///             }
///             board.claim = Some(Claim { by: intent.actionid(), before: !opens, after: !intent.is::<Close>() });
///             Ok(board.row.clone())
///         })
///     }
///
///     fn standing<'a>(&'a self, _: &'a Intent, _: &'a DeploymentRef) -> BoxFuture<'a, Result<(), Obstacle>> {
///         Box::pin(async { Ok(()) }) // a board that is there can always be closed
///     }
///
///     fn lapsed(&self, _: &Intent, _: &DeploymentRef) -> bool {
///         false // a board has no tier that could
///     }
///
///     fn settle<'a>(
///         &'a self,
///         actionid: Uuid,
///         change: Change<'a>,
///         answer: Option<&'a Answer>,
///     ) -> BoxFuture<'a, Result<(), SettleError>> {
///         Box::pin(async move {
///             let mut kept = self.lock();
///             let done = match change {
///                 Change::Done(_) => true, // what there is now only HEARTH's drivers say; here the claim knows
///                 Change::Reverted => false,
///             };
///             if let Some(Board { there, claim: Some(claim), .. }) = kept.claimed(actionid) {
///                 *there = if done { claim.after } else { claim.before };
///             }
///             kept.keys.keep(actionid, answer, done);
///             Ok(())
///         })
///     }
///
///     fn release(&self, actionid: Uuid) -> BoxFuture<'_, Result<(), LedgerError>> {
///         Box::pin(async move {
///             let mut kept = self.lock();
///             if let Some(board) = kept.claimed(actionid) {
///                 (board.row.state, board.claim) = (State::Active, None);
///             }
///             kept.boards.retain(|_, board| board.there || board.claim.is_some());
///             kept.keys.free(actionid);
///             Ok(())
///         })
///     }
///
///     fn doubt(&self, actionid: Uuid) -> BoxFuture<'_, Result<(), LedgerError>> {
///         Box::pin(async move {
///             if let Some(board) = self.lock().claimed(actionid) {
///                 board.row.state = State::Unsettled;
///             }
///             Ok(())
///         })
///     }
///
///     fn recall<'a>(&'a self, key: &'a AnswerKey, take: bool) -> BoxFuture<'a, Result<Recall, LedgerError>> {
///         Box::pin(async move { Ok(self.lock().keys.recall(key, take)) })
///     }
///
///     fn claimed(&self, actionid: Uuid) -> BoxFuture<'_, Result<Option<DeploymentRef>, LedgerError>> {
///         Box::pin(async move { Ok(self.lock().claimed(actionid).map(|board| board.row.clone())) })
///     }
/// }
/// # impl Boards {
/// #     fn lock(&self) -> MutexGuard<'_, Kept> {
/// #         self.0.lock().unwrap_or_else(PoisonError::into_inner)
/// #     }
/// # }
/// # impl Board {
/// #     fn new(slug: &Slug, intent: &Intent) -> Self {
/// #         let now = format!("{:.6}", jiff::Timestamp::now());
/// #         let row = DeploymentRef {
/// #             slug: slug.clone(),
/// #             tenant: intent.tenant().to_owned(),
/// #             tier: Tier::Solo,
/// #             state: State::Provisioning,
/// #             driver: "boards".to_owned(),
/// #             url: None,
/// #             created_at: now.clone(),
/// #             updated_at: now,
/// #         };
/// #         Board { row, there: false, claim: None }
/// #     }
/// # }
/// # struct Key { by: Uuid, fingerprint: String, since: Instant, answer: Option<Answer>, free: bool }
/// # #[derive(Default)]
/// # struct Keys(HashMap<[String; 4], Key>);
/// # impl Keys {
/// #     // For `Ledger::recall`.
/// #     fn recall(&mut self, key: &AnswerKey, take: bool) -> Recall {
/// #         self.0.retain(|_, known| !known.free || known.since.elapsed() < Duration::from_secs(24 * 60 * 60));
/// #         match self.0.entry([key.tenant(), key.actor(), key.action(), key.key()].map(str::to_owned)) {
/// #             Entry::Vacant(_) if !take => Recall::New,
/// #             Entry::Vacant(place) => {
/// #                 let (by, fingerprint) = (key.actionid(), key.fingerprint().to_owned());
/// #                 place.insert(Key { by, fingerprint, since: Instant::now(), answer: None, free: false });
/// #                 Recall::New
/// #             }
/// #             Entry::Occupied(known) => match known.get() {
/// #                 known if known.fingerprint != key.fingerprint() => Recall::Different,
/// #                 Key { free: true, answer: Some(answer), .. } => Recall::Answered(answer.clone()),
/// #                 _ => Recall::InFlight,
/// #             },
/// #         }
/// #     }
/// #     // For `Ledger::settle`: an action that was undone after all has no answer any more.
/// #     fn keep(&mut self, by: Uuid, answer: Option<&Answer>, done: bool) {
/// #         if let Some(key) = self.0.values_mut().find(|key| key.by == by && (answer.is_some() || !done)) {
/// #             key.answer = answer.cloned();
/// #         }
/// #     }
/// #     // For `Ledger::release`: a key without an answer was given to an action that was not done, and is forgotten.
/// #     fn free(&mut self, by: Uuid) {
/// #         self.0.retain(|_, key| key.by != by || key.answer.is_some());
/// #         self.0.values_mut().filter(|key| key.by == by).for_each(|key| key.free = true);
/// #     }
/// # }
///
/// # type Closed = Result<Completed<Close, ()>, Refusal<Infallible>>;
/// # async fn close(doors: &Doors, who: &Credentials, slug: &Slug) -> Closed {
/// #     let authenticated = doors.authenticate::<Admin>(who).await?.idempotency_key("close-it");
/// #     let audited = authenticated.audit(Close { slug: slug.clone() }).await?;
/// #     audited.perform((), |_, ()| Box::pin(async { Ok(()) })).await
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let home = tempfile::tempdir()?;
/// # let (auth, first) = LocalAuth::open(home.path())?;
/// # let ada = Credentials::bearer(first.ok_or("a new home")?.token);
/// # let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("boards"))?;
///
/// let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted);
/// let doors = doors.ledger(Arc::new(Boards::default())).build().await?;
///
/// let open = doors.authenticate::<Admin>(&ada).await?.audit(Open { slug: "spring".parse()? }).await?;
/// let work = (doors.clone(), ada.clone());
/// let opened = open.perform(work, |token, (doors, ada)| Box::pin(async move {
///     // While this action is at work the board is claimed: `close`, which goes through the doors too, is refused.
///     let second = close(doors, ada, &token.action().slug).await;
///     Ok::<_, Infallible>(second.err().map(|refusal| refusal.code().to_owned()))
/// }));
/// assert_eq!(opened.await?.value()?.as_deref(), Some("busy"));
///
/// // The claim is given back by now, and so is the key of what was refused: it is good for this.
/// assert!(!close(&doors, &ada, &"spring".parse()?).await?.replayed());
/// // The board is gone, and the answer is kept.
/// assert!(close(&doors, &ada, &"spring".parse()?).await?.replayed());
/// # doors.shutdown(Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
pub trait Ledger: Send + Sync + 'static {
    /// Asked once, before anything else: what an earlier run left. Claims of these actions are in doubt; other claims and
    /// answers belong to actions whose outcome is durable.
    fn recover<'a>(&'a self, open: &'a [Tombstone]) -> BoxFuture<'a, Result<(), LedgerError>>;
    /// Asked before anything is written as started.
    fn owner<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<Owner, LedgerError>>;
    /// Takes the workspace for this action alone, and says what its row is.
    fn claim<'a>(&'a self, intent: &'a Intent) -> BoxFuture<'a, Result<DeploymentRef, Obstacle>>;
    /// Asked with the claim held: whether the action makes sense for what is there.
    fn standing<'a>(&'a self, intent: &'a Intent, row: &'a DeploymentRef) -> BoxFuture<'a, Result<(), Obstacle>>;
    /// Asked once [`standing`](Ledger::standing) has let the action through: whether door 3 is not asked, because the row's tier
    /// lapsed and the time that its tenant was given is over. Unless a ledger says so, door 3 is asked.
    fn lapsed(&self, intent: &Intent, row: &DeploymentRef) -> bool {
        let _ = (intent, row);
        false
    }
    /// Writes the row's new state, still claimed, and keeps the answer, not yet to be given. An answer that was kept before
    /// is dropped when the change is [`Change::Reverted`] without one. Asked too about an action that claimed nothing and has a
    /// key: then there is an answer to keep, and no row.
    ///
    /// # Errors
    /// [`SettleError::NothingDone`] where a driver's action succeeded without its driver. HEARTH's drivers alone say what there
    /// is now: of any other action the change is `Done(None)`, and whether its driver was called is its own code's to know.
    fn settle<'a>(
        &'a self,
        actionid: Uuid,
        change: Change<'a>,
        answer: Option<&'a Answer>,
    ) -> BoxFuture<'a, Result<(), SettleError>>;
    /// The outcome is durable: gives the claim back and the answer free; a key without an answer is forgotten. An action that
    /// has neither claim nor key is no error.
    fn release(&self, actionid: Uuid) -> BoxFuture<'_, Result<(), LedgerError>>;
    /// The action has no outcome yet: its workspace is `unsettled` until it has.
    fn doubt(&self, actionid: Uuid) -> BoxFuture<'_, Result<(), LedgerError>>;
    /// Looks a key up; with `take`, takes it where it is new. An answer is kept for 24 hours, across restarts.
    fn recall<'a>(&'a self, key: &'a AnswerKey, take: bool) -> BoxFuture<'a, Result<Recall, LedgerError>>;
    /// The row that this action has claimed.
    fn claimed(&self, actionid: Uuid) -> BoxFuture<'_, Result<Option<DeploymentRef>, LedgerError>>;
}
