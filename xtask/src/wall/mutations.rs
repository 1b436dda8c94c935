//! What each guarantee rests on, as a change that takes it away.
//!
//! Each change compiles, and something that is there already goes red of it: a mistake that compiles now, or a test. A
//! `from` stands in its file exactly once.

use super::{
    Killer::{Api, Fixture, Unit},
    Mutation,
};

pub(super) const MUTATIONS: &[Mutation] = &[
    // Door 1: who is this, and is their role enough?
    Mutation {
        name: "session-made-a-token",
        guards: "I4",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "impl<R> std::fmt::Debug for Authenticated<R> {",
        to: r#"impl<R> From<Session> for Authenticated<R> {
    fn from(session: Session) -> Self {
        unimplemented!("{session:?}")
    }
}

impl<R> std::fmt::Debug for Authenticated<R> {"#,
        killer: Fixture("I4/authenticated-from-a-session"),
    },
    Mutation {
        name: "authenticated-read-from-a-body",
        guards: "I4",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "impl<R> std::fmt::Debug for Authenticated<R> {",
        to: r#"impl<'de, R> serde::Deserialize<'de> for Authenticated<R> {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("nobody"))
    }
}

impl<R> std::fmt::Debug for Authenticated<R> {"#,
        killer: Fixture("I4/authenticated-from-a-body"),
    },
    Mutation {
        name: "authenticated-cloned",
        guards: "I4",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "impl<R> std::fmt::Debug for Authenticated<R> {",
        to: "impl<R> Clone for Authenticated<R> {
    fn clone(&self) -> Self {
        Authenticated {
            doors: self.doors.clone(),
            session: self.session.clone(),
            inbound: self.inbound.clone(),
            only: self.only.clone(),
            since: self.since,
            role: PhantomData,
        }
    }
}

impl<R> std::fmt::Debug for Authenticated<R> {",
        killer: Fixture("I4/authenticated-cloned"),
    },
    Mutation {
        name: "authenticated-used-twice",
        guards: "I2",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "    pub fn audit<A>(self, action: A) -> BoxFuture<'static, Result<Audited<A>, Denied>>",
        to: "    pub fn audit<A>(&self, action: A) -> BoxFuture<'static, Result<Audited<A>, Denied>>
    where
        A: Action,
        R: Covers<A::Role>,
    {
        let again = Authenticated::<R> {
            doors: self.doors.clone(),
            session: self.session.clone(),
            inbound: self.inbound.clone(),
            only: self.only.clone(),
            since: self.since,
            role: PhantomData,
        };
        again.audit_once(action)
    }

    /// The same, once.
    pub fn audit_once<A>(self, action: A) -> BoxFuture<'static, Result<Audited<A>, Denied>>",
        killer: Fixture("I2/authenticated-used-twice"),
    },
    Mutation {
        name: "audited-by-nobody",
        guards: "I2",
        file: "rocky-sdk/src/doors/mod.rs",
        from: "pub fn audit<A: Authenticates>(",
        to: "pub fn audit<A: crate::Action>(",
        killer: Fixture("I2/audit-before-authenticate"),
    },
    Mutation {
        name: "any-role-is-enough",
        guards: "I2",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "        A: Action,
        R: Covers<A::Role>,
",
        to: "        A: Action,\n",
        killer: Fixture("I2/role-too-low"),
    },
    Mutation {
        name: "operator-covers-admin",
        guards: "I2",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "impl Covers<Observer> for Observer {}",
        to: "impl Covers<Observer> for Observer {}
impl Covers<Admin> for Operator {}",
        killer: Fixture("I2/role-too-low"),
    },
    Mutation {
        name: "role-of-ones-own",
        guards: "I4",
        file: "rocky-sdk/src/action.rs",
        from: "pub trait Role: BuiltInRole + Send + Sync + 'static {",
        to: "pub trait Role: Send + Sync + 'static {",
        killer: Fixture("I4/a-role-of-ones-own"),
    },
    Mutation {
        name: "built-in-role-unsealed",
        guards: "I4",
        file: "rocky-sdk/src/action.rs",
        from: "    fn sealed() -> ByRockyAlone;",
        to: "    fn sealed() -> ByRockyAlone {
        ByRockyAlone
    }",
        killer: Fixture("I4/a-sealed-role"),
    },
    Mutation {
        name: "role-not-compared",
        guards: "I10",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "if session.role() < R::RANK {",
        to: "if false && session.role() < R::RANK {",
        killer: Unit("tests::identities::a_higher_role_does_what_a_lower_one_may_and_not_the_other_way_round"),
    },
    Mutation {
        name: "airlock-that-is-late-lets-in",
        guards: "I10",
        file: "rocky-sdk/src/doors/resolve.rs",
        from: r#"Err(_) => Err(Unresolved::Unavailable("it did not answer in time".to_owned())),"#,
        to: r#"Err(_) => Session::new("late", "late", crate::Rank::Admin).map_err(|_| Unresolved::Stranger("late")),"#,
        killer: Unit("tests::answers::airlock_unreachable"),
    },
    Mutation {
        name: "recognised-for-ever",
        guards: "I10",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "if since.elapsed() >= doors.inner().limits.token {",
        to: "if false && since.elapsed() >= doors.inner().limits.token {",
        killer: Unit("tests::answers::a_token_whose_time_was_over"),
    },
    Mutation {
        name: "any-bearer-token",
        guards: "I10",
        file: "rocky-sdk/src/airlock/local.rs",
        from: "if digest(token) != self.token_sha256 {",
        to: "if false && digest(token) != self.token_sha256 {",
        killer: Unit("airlock::local::tests::the_first_start_makes_an_identity_and_later_ones_keep_it"),
    },
    Mutation {
        name: "file-open-to-others",
        guards: "I10",
        file: "rocky-sdk/src/private_files.rs",
        from: "if mode & 0o077 != 0 {",
        to: "if false && mode & 0o077 != 0 {",
        killer: Unit("airlock::local::tests::an_identity_that_cannot_be_trusted_refuses_and_says_what_to_do"),
    },
    Mutation {
        name: "file-behind-a-link",
        guards: "I10",
        file: "rocky-sdk/src/private_files.rs",
        from: "(OFlags::NOFOLLOW | OFlags::NONBLOCK)",
        to: "(OFlags::NONBLOCK)",
        killer: Unit("hatch::journal::opening_tests::files_that_cannot_be_trusted_are_refused"),
    },
    Mutation {
        name: "mode-that-is-not-there",
        guards: "I10",
        file: "rocky-sdk/src/config.rs",
        from: r#"let enabled = chosen("ROCKY_BILLING", billing, "disabled", ("enabled", "polar"), built, !built.any())?;"#,
        to: r#"let enabled = billing.as_deref() == Some("enabled");"#,
        killer: Unit("config::tests::every_mode_in_every_build_starts_or_says_why_not"),
    },
    // Services: a key is good for its actions, at its doors.
    Mutation {
        name: "service-key-cloned",
        guards: "I4",
        file: "rocky-sdk/src/doors/service.rs",
        from: "#[derive(Debug)]",
        to: "#[derive(Debug, Clone)]",
        killer: Fixture("I4/service-key-cloned"),
    },
    Mutation {
        name: "foreign-service-key",
        guards: "I13",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "if !Arc::ptr_eq(&key.doors, self.identity()) {",
        to: "if false && !Arc::ptr_eq(&key.doors, self.identity()) {",
        killer: Unit("tests::identities::a_service_key_of_other_doors_opens_nothing"),
    },
    Mutation {
        name: "service-does-anything",
        guards: "SERVICE",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "Some(only) if only.contains(&TypeId::of::<A>()) =>",
        to: "Some(only) if true || only.contains(&TypeId::of::<A>()) =>",
        killer: Unit("tests::identities::a_service_does_its_own_actions_for_one_tenant_and_no_others"),
    },
    Mutation {
        name: "service-reads",
        guards: "SERVICE",
        file: "rocky-sdk/src/hearth/workspaces.rs",
        from: "service: authenticated.is_service(),",
        to: "service: false,",
        killer: Unit("tests::identities::a_service_does_its_own_actions_for_one_tenant_and_no_others"),
    },
    // Tenants: each sees and changes its own.
    Mutation {
        name: "workspace-of-another-tenant",
        guards: "TENANT",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "Ok(Owner::Ours) => {}",
        to: "Ok(Owner::Ours | Owner::Theirs) => {}",
        killer: Unit("tests::denied::each_denial_is_recorded_with_what_was_wanted"),
    },
    Mutation {
        name: "read-of-another-tenant",
        guards: "TENANT",
        file: "rocky-sdk/src/hearth/workspaces.rs",
        from: "Ok(Some(row)) if row.tenant == self.session.tenant() => Ok(row),",
        to: "Ok(Some(row)) => Ok(row),",
        killer: Unit("tests::denied::each_denial_is_recorded_with_what_was_wanted"),
    },
    Mutation {
        name: "list-of-all-tenants",
        guards: "TENANT",
        file: "rocky-sdk/src/hearth/rows.rs",
        from: "WHERE tenant = ? AND state NOT IN",
        to: "WHERE tenant = ? OR state NOT IN",
        killer: Unit("tests::denied::allowed_reads_leave_nothing_and_show_only_ones_own"),
    },
    Mutation {
        name: "name-of-another-tenant",
        guards: "TENANT",
        file: "rocky-sdk/src/hearth/rows/ledger.rs",
        from: r#"Ok(text(row, "tenant")? == by || free_at <= Timestamp::now())"#,
        to: r#"Ok(true || text(row, "tenant")? == by || free_at <= Timestamp::now())"#,
        killer: Unit("tests::answers::a_gone_slug_is_its_tenants_for_seven_days"),
    },
    Mutation {
        name: "denial-not-recorded",
        guards: "DENIED",
        file: "rocky-sdk/src/doors/denials.rs",
        from: "if who.is_none() && !denials.admit() {",
        to: "if true || (who.is_none() && !denials.admit()) {",
        killer: Unit("tests::denied::each_denial_is_recorded_with_what_was_wanted"),
    },
    // Door 2: the started event is durable before the action.
    Mutation {
        name: "performed-before-audited",
        guards: "I2",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "    pub fn perform<C, Code, A, T, E>(self, context: C, act: Code) -> Pending<Result<Completed<A, T>, Refusal<E>>>
    where
        Authenticated<R>: Audits,
    {",
        to: "    pub fn perform<C, A: Action, T, E>(
        self,
        context: C,
        act: impl for<'t> FnOnce(&'t super::Entitled<A>, &'t C) -> super::Act<'t, T, E> + Send + 'static,
    ) -> Pending<Result<Completed<A, T>, Refusal<E>>> {",
        killer: Fixture("I2/perform-before-audit"),
    },
    Mutation {
        name: "audited-made-from-nothing",
        guards: "I2",
        file: "rocky-sdk/src/doors/audited.rs",
        from: "impl<A> std::fmt::Debug for Audited<A> {",
        to: "impl<A> Default for Audited<A> {
    fn default() -> Self {
        audited(Stage::Answered(Answer { status: 200, body: Vec::new() }))
    }
}

impl<A> std::fmt::Debug for Audited<A> {",
        killer: Fixture("I2/audited-taken-from-its-place"),
    },
    Mutation {
        name: "audited-performed-twice",
        guards: "I2",
        file: "rocky-sdk/src/doors/audited.rs",
        from: "    pub fn perform<C, T, E>(
        self,",
        to: "    pub fn perform<C, T, E>(
        &self,
        context: C,
        act: impl for<'t> FnOnce(&'t Entitled<A>, &'t C) -> Act<'t, T, E> + Send + 'static,
    ) -> BoxFuture<'static, Result<Completed<A, T>, Refusal<E>>>
    where
        A: Action,
        C: Send + Sync + 'static,
        T: Body,
        E: ActionError,
    {
        audited::<A>(Stage::Answered(Answer { status: 200, body: Vec::new() })).perform_once(context, act)
    }

    /// The same, once.
    pub fn perform_once<C, T, E>(
        self,",
        killer: Fixture("I2/audited-used-twice"),
    },
    Mutation {
        name: "audited-as-another-action",
        guards: "I3",
        file: "rocky-sdk/src/doors/audited.rs",
        from: "    kind: Invariant<A>,",
        to: "    kind: PhantomData<A>,",
        killer: Fixture("I3/a-token-of-a-supertype"),
    },
    Mutation {
        name: "builder-without-hatch",
        guards: "I2",
        file: "rocky-sdk/src/doors/builder.rs",
        from: "impl WantsHatch {\n",
        to: "impl WantsHatch {
    /// Nowhere.
    pub fn billing(self, billing: Billing) -> DoorsBuilder {
        let relay: Relay = unimplemented!();
        WantsBilling { identity: self.identity, airlock: self.airlock, relay }.billing(billing)
    }

",
        killer: Fixture("I4/doors-with-a-door-left-out"),
    },
    Mutation {
        name: "doors-by-hand",
        guards: "I4",
        file: "rocky-sdk/src/doors/mod.rs",
        from: "pub struct Doors(Arc<Inner>);

/// Ties a token to its types: neither a subtype nor a supertype will do.
type Invariant<T> = std::marker::PhantomData<fn(T) -> T>;

/// How long HATCH may take to write its last lines.
const CLOSE: Duration = Duration::from_secs(5);

/// What makes one set of doors different from another.
#[derive(Debug)]
pub(crate) struct Identity;

pub(crate) struct Inner {",
        to: "pub struct Doors(pub Arc<Inner>);

/// Ties a token to its types: neither a subtype nor a supertype will do.
type Invariant<T> = std::marker::PhantomData<fn(T) -> T>;

/// How long HATCH may take to write its last lines.
const CLOSE: Duration = Duration::from_secs(5);

/// What makes one set of doors different from another.
#[derive(Debug)]
pub(crate) struct Identity;

/// In reach.
pub struct Inner {",
        killer: Fixture("I4/doors-taken-apart"),
    },
    Mutation {
        name: "started-event-not-awaited",
        guards: "I5",
        file: "rocky-sdk/src/doors/open_action.rs",
        from: "        open.doors.inner().registry.began(tombstone);\n",
        to: "        open.doors.inner().registry.began(tombstone);
        if true {
            open.dropped = Dropped::Abandoned;
            return Ok(open);
        }
",
        killer: Unit("tests::faults::a_started_event_that_is_refused_leaves_nothing"),
    },
    Mutation {
        name: "event-without-its-arguments",
        guards: "I3",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "let data = to_raw_value(&Audit(action))?;",
        to: "let data = to_raw_value(&serde_json::json!({}))?;",
        killer: Unit("tests::answers::a_started_event_holds_the_action_and_its_outcome_joins_it"),
    },
    Mutation {
        name: "event-of-rockys-own",
        guards: "EVENTS",
        file: "rocky-sdk/src/action.rs",
        from: r#"            !(begins(bytes, b"auth.")
                || begins(bytes, b"log.")"#,
        to: r#"            !(begins(bytes, b"log.")"#,
        killer: Fixture("I3/an-event-of-rockys-own"),
    },
    Mutation {
        name: "event-of-another-action",
        guards: "EVENTS",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "vocabulary.register(&[Word::of::<A>()])",
        to: "vocabulary.register(&[])",
        killer: Unit("tests::names::a_struct_that_claims_another_actions_events_is_refused"),
    },
    Mutation {
        name: "failure-named-as-a-success",
        guards: "EVENTS",
        file: "rocky-sdk/src/doors/vocabulary.rs",
        from: "own.into_iter().chain([(self.failed.clone(), Use::Failure)])",
        to: "own.into_iter()",
        killer: Unit("tests::names::a_failure_is_nobodys_success"),
    },
    // HATCH: an event is durable when its waiter is told so, and not before.
    Mutation {
        name: "fdatasync-skipped",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/segment_file.rs",
        from: "    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
",
        to: "    pub(super) fn sync(&mut self) -> io::Result<()> {
",
        killer: Unit("hatch::journal::storage::tests::a_sync_is_asked_of_the_system"),
    },
    Mutation {
        name: "told-before-the-sync",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "if let Err(error) = self.storage.sync() {",
        to: "if let Err(error) = Ok::<(), io::Error>(()) {",
        killer: Unit("hatch::journal::waiting_tests::nobody_is_told_before_the_sync"),
    },
    Mutation {
        name: "poison-forgotten",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "        self.queue.lock().poisoned = Some(reason.clone());\n",
        to: "",
        killer: Unit("hatch::journal::disk_tests::a_failed_sync_poisons_for_good"),
    },
    Mutation {
        name: "failed-write-left-in-place",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "            self.cut_back()?;
            return Err(if no_space",
        to: "            return Err(if no_space",
        killer: Unit("hatch::journal::disk_tests::a_failed_write_is_taken_back_and_the_next_one_works"),
    },
    Mutation {
        name: "another-hand-unnoticed",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/storage.rs",
        from: "if found == size {",
        to: "if true || found == size {",
        killer: Unit(
            "hatch::journal::disk_tests::\
             a_deleted_replaced_or_cut_journal_is_noticed_before_the_next_acknowledgement",
        ),
    },
    Mutation {
        name: "hash-not-checked",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/line.rs",
        from: "if whole != Some(&hash.0) {",
        to: "if false && whole != Some(&hash.0) {",
        killer: Unit("hatch::journal::opening_tests::damage_anywhere_refuses_to_open_says_where_and_changes_nothing"),
    },
    Mutation {
        name: "chain-not-checked",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/line.rs",
        from: "if self.before.hash != chain.hash {",
        to: "if false && self.before.hash != chain.hash {",
        killer: Unit("hatch::journal::opening_tests::a_forged_line_breaks_the_chain"),
    },
    Mutation {
        name: "torn-tail-not-saved",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/open.rs",
        from: "    private_files::create(&folder.join(&saved_as), &torn)?;\n",
        to: "",
        killer: Unit("hatch::journal::opening_tests::a_torn_tail_is_saved_aside_cut_off_and_recorded"),
    },
    Mutation {
        name: "second-holder",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/open.rs",
        from: "Err(TryLockError::WouldBlock) => Err(OpenError::Held(folder.to_owned())),",
        to: "Err(TryLockError::WouldBlock) => Ok(file),",
        killer: Unit("hatch::journal::opening_tests::one_journal_has_one_holder"),
    },
    Mutation {
        name: "no-room-for-outcomes",
        guards: "I7",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "result = match self.storage.release_ballast() {",
        to: "result = match Ok::<(), io::Error>(()) {",
        killer: Unit("tests::faults::an_outcome_finds_room_on_a_full_disk"),
    },
    // Door 3, and the token: lent to one action, and nobody's own.
    Mutation {
        name: "door-3-not-asked",
        guards: "I1",
        file: "rocky-sdk/src/doors/perform.rs",
        from: ".filter(|tier| *tier > Tier::Solo && !lapsed)",
        to: ".filter(|tier| *tier > Tier::Business && !lapsed)",
        killer: Unit("tests::names::each_door_has_its_span"),
    },
    Mutation {
        name: "audited-is-a-token",
        guards: "I1",
        file: "rocky-sdk/src/doors/audited.rs",
        from: "impl<A> std::fmt::Debug for Audited<A> {",
        to: "impl<A> std::ops::Deref for Audited<A> {
    type Target = Entitled<A>;
    fn deref(&self) -> &Entitled<A> {
        unimplemented!()
    }
}

impl<A> std::fmt::Debug for Audited<A> {",
        killer: Fixture("I1/driver-without-a-token"),
    },
    Mutation {
        name: "token-handed-over",
        guards: "I4",
        file: "rocky-sdk/src/doors/audited.rs",
        from: "    pub fn perform<C, T, E>(
        self,",
        to: "    pub fn perform<C, T, E>(
        self,
        context: C,
        act: impl for<'t> FnOnce(Entitled<A>, &'t C) -> Act<'t, T, E> + Send + 'static,
    ) -> BoxFuture<'static, Result<Completed<A, T>, Refusal<E>>>
    where
        A: Action,
        C: Send + Sync + 'static,
        T: Body,
        E: ActionError,
    {
        self.perform_lent(context, |_, context| act(unimplemented!(), context))
    }

    fn perform_lent<C, T, E>(
        self,",
        killer: Fixture("I4/token-given-to-the-closure"),
    },
    Mutation {
        name: "token-lent-for-ever",
        guards: "I4",
        file: "rocky-sdk/src/doors/audited.rs",
        from: "    pub fn perform<C, T, E>(
        self,",
        to: "    pub fn perform<C, T, E>(
        self,
        context: C,
        act: impl for<'t> FnOnce(&'static Entitled<A>, &'t C) -> Act<'t, T, E> + Send + 'static,
    ) -> BoxFuture<'static, Result<Completed<A, T>, Refusal<E>>>
    where
        A: Action,
        C: Send + Sync + 'static,
        T: Body,
        E: ActionError,
    {
        self.perform_lent(context, |_, context| act(unimplemented!(), context))
    }

    fn perform_lent<C, T, E>(
        self,",
        killer: Fixture("I4/token-out-of-the-closure"),
    },
    Mutation {
        name: "token-cloned",
        guards: "I4",
        file: "rocky-sdk/src/doors/entitled.rs",
        from: "pub struct Entitled<A> {",
        to: "#[derive(Clone)]\npub struct Entitled<A> {",
        killer: Fixture("I4/token-cloned"),
    },
    Mutation {
        name: "token-defaulted",
        guards: "I4",
        file: "rocky-sdk/src/doors/entitled.rs",
        from: "impl<A: std::fmt::Debug> std::fmt::Debug for Entitled<A> {",
        to: "impl<A> Default for Entitled<A> {
    fn default() -> Self {
        unimplemented!()
    }
}

impl<A: std::fmt::Debug> std::fmt::Debug for Entitled<A> {",
        killer: Fixture("I4/token-defaulted"),
    },
    Mutation {
        name: "token-deserialized",
        guards: "I4",
        file: "rocky-sdk/src/doors/entitled.rs",
        from: "impl<A: std::fmt::Debug> std::fmt::Debug for Entitled<A> {",
        to: r#"impl<'de, A> serde::Deserialize<'de> for Entitled<A> {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("no token"))
    }
}

impl<A: std::fmt::Debug> std::fmt::Debug for Entitled<A> {"#,
        killer: Fixture("I4/token-deserialized"),
    },
    Mutation {
        name: "token-made-from-its-action",
        guards: "I4",
        file: "rocky-sdk/src/doors/entitled.rs",
        from: "impl<A: std::fmt::Debug> std::fmt::Debug for Entitled<A> {",
        to: "impl<A> From<A> for Entitled<A> {
    fn from(_: A) -> Self {
        unimplemented!()
    }
}

impl<A: std::fmt::Debug> std::fmt::Debug for Entitled<A> {",
        killer: Fixture("I4/token-made-from-its-action"),
    },
    Mutation {
        name: "token-trait-unsealed",
        guards: "I4",
        file: "rocky-sdk/src/doors/entitled.rs",
        from: "    fn sealed() -> ByRockyAlone;",
        to: "    fn sealed() -> ByRockyAlone {
        ByRockyAlone
    }",
        killer: Fixture("I4/a-token-of-ones-own"),
    },
    // Bolts: a driver is reached with a token of a listed action, minted by its own doors.
    Mutation {
        name: "driver-in-reach",
        guards: "I1",
        file: "rocky-sdk/src/doors/bolted.rs",
        from: "    driver: D,\n",
        to: "    pub driver: D,\n",
        killer: Fixture("I1/around-the-bolt"),
    },
    Mutation {
        name: "driver-kept-past-the-token",
        guards: "I1",
        file: "rocky-sdk/src/doors/bolted.rs",
        from: "        token: &'t Entitled<A>,
    ) -> Result<&'t D, ForeignToken> {",
        to: "        token: &Entitled<A>,
    ) -> Result<&'t D, ForeignToken> {",
        killer: Fixture("I1/a-driver-that-outlives-the-token"),
    },
    Mutation {
        name: "any-action-opens",
        guards: "I1",
        file: "rocky-sdk/src/doors/bolted.rs",
        from: "pub fn open<'t, A: MayOpen<Actions, PLACE>, const PLACE: usize>(",
        to: "pub fn open<'t, A: Action>(",
        killer: Fixture("I1/action-that-is-not-in-the-list"),
    },
    Mutation {
        name: "lists-unsealed",
        guards: "I1",
        file: "rocky-sdk/src/doors/bolted.rs",
        from: "    fn words() -> Vec<Word>;",
        to: "    fn words() -> Vec<Word> {
        Vec::new()
    }",
        killer: Fixture("I1/a-list-of-ones-own"),
    },
    Mutation {
        name: "foreign-token",
        guards: "I13",
        file: "rocky-sdk/src/doors/bolted.rs",
        from: "if !Arc::ptr_eq(&self.doors, token.identity()) {",
        to: "if false && !Arc::ptr_eq(&self.doors, token.identity()) {",
        killer: Unit("tests::identities::a_token_of_other_doors_opens_no_driver"),
    },
    Mutation {
        name: "driver-method-without-a-token",
        guards: "I1",
        file: "rocky-macros/src/driver/parse.rs",
        from: "(None, None) => mistakes.add(&method.sig.ident, TOKENLESS),",
        to: "(None, None) => {}",
        killer: Fixture("I1/driver-method-without-a-token"),
    },
    Mutation {
        name: "driver-owns-the-token",
        guards: "I1",
        file: "rocky-macros/src/driver/parse.rs",
        from: r#"mistakes.add(taken, "a token is lent and stays the doors': write `&Entitled<TheAction>`")"#,
        to: "let _ = taken;",
        killer: Fixture("I1/driver-that-takes-the-token-for-itself"),
    },
    Mutation {
        name: "driver-with-a-look-alike-token",
        guards: "I1",
        file: "rocky-macros/src/driver/expand.rs",
        from: "const _: fn() = #sdk::doors::lent::<#token>;",
        to: "const _: usize = ::core::mem::size_of::<#token>();",
        killer: Fixture("I1/driver-with-a-look-alike-token"),
    },
    Mutation {
        name: "driver-with-hidden-methods",
        guards: "I1",
        file: "rocky-macros/src/driver/parse.rs",
        from: r#"mistakes.add(other, "a driver's methods are seen where they stand: write them out");"#,
        to: "let _ = other;",
        killer: Fixture("I1/driver-with-hidden-methods"),
    },
    Mutation {
        name: "driver-reads-without-a-reason",
        guards: "I1",
        file: "rocky-macros/src/driver/parse.rs",
        from: "                mistakes.add(attr, \"say why it changes nothing: `#[read_only = \\\"it only lists names\\\"]`\");\n",
        to: "",
        killer: Fixture("I1/driver-that-only-reads-without-a-reason"),
    },
    Mutation {
        name: "driver-changes-the-token",
        guards: "I1",
        file: "rocky-macros/src/driver/parse.rs",
        from: "(reference.mutability.is_none() && is_token(token)).then_some(token)",
        to: "is_token(token).then_some(token)",
        killer: Fixture("I1/driver-that-lends-the-token-on"),
    },
    // The action runs: once, in time, and whatever happens to whoever asked.
    Mutation {
        name: "hang-up-cuts-the-action-short",
        guards: "I8",
        file: "rocky-sdk/src/doors/audited.rs",
        from: "let done = doors.run(perform::supervise(action, *open, deadline, context, act)).await;",
        to: "let done = Some(perform::supervise(action, *open, deadline, context, act).await);",
        killer: Unit("tests::settling::a_client_that_hangs_up_still_gets_its_outcome_written"),
    },
    Mutation {
        name: "panic-not-caught",
        guards: "I8",
        file: "rocky-sdk/src/doors/perform.rs",
        from: "Ok(panic) => Ended::Panicked(panic_text(panic.as_ref())),",
        to: "Ok(panic) => std::panic::resume_unwind(panic),",
        killer: Unit("tests::answers::a_driver_that_fails_panics_or_hangs"),
    },
    Mutation {
        name: "settled-while-it-runs",
        guards: "I8",
        file: "rocky-sdk/src/doors/perform.rs",
        from: "return Ended::TimedOut { running: Some(task) },",
        to: "return Ended::TimedOut { running: None },",
        killer: Unit("tests::settling::an_action_that_cannot_be_stopped_is_not_settled_while_it_runs"),
    },
    Mutation {
        name: "late-token-performed",
        guards: "I10",
        file: "rocky-sdk/src/doors/perform.rs",
        from: "if Instant::now() < deadline {",
        to: "if true || Instant::now() < deadline {",
        killer: Unit("tests::answers::a_token_whose_time_was_over"),
    },
    Mutation {
        name: "shutdown-without-a-drain",
        guards: "I8",
        file: "rocky-sdk/src/doors/mod.rs",
        from: "tokio::time::timeout(drain, self.0.tasks.wait())",
        to: "tokio::time::timeout(Duration::ZERO, self.0.tasks.wait())",
        killer: Unit("tests::settling::shutdown_waits_for_what_runs_and_lets_nothing_start"),
    },
    Mutation {
        name: "drain-forgets-what-is-audited",
        guards: "I8",
        file: "rocky-sdk/src/doors/open_action.rs",
        from: "        let _drain = doors.tasks().token();
        let dropped = Dropped::Nothing;
",
        to: "        let _drain = tokio_util::task::TaskTracker::new().token();
        let dropped = Dropped::Nothing;
",
        killer: Unit("tests::settling::shutdown_waits_for_what_is_audited"),
    },
    Mutation {
        name: "success-without-the-driver",
        guards: "I1",
        file: "rocky-sdk/src/hearth/rows/ledger.rs",
        from: "return Err(SettleError::NothingDone);",
        to: "return Ok(());",
        killer: Unit("tests::answers::a_success_without_the_driver_is_none"),
    },
    Mutation {
        name: "claim-not-asked-for",
        guards: "I7",
        file: "rocky-sdk/src/hearth/rows/ledger.rs",
        from: "(Some(_), 0) => Err(Obstacle::Busy),",
        to: "(Some(_), 0) => Ok(()),",
        killer: Unit("tests::crashes::between_the_outcome_and_the_release"),
    },
    Mutation {
        name: "unsettled-workspace-changed",
        guards: "I7",
        file: "rocky-sdk/src/hearth/rows/ledger.rs",
        from: "(Some(_), _) => Err(Obstacle::Unsettled),",
        to: "(Some(_), _) => Ok(()),",
        killer: Unit("tests::crashes::in_a_provision_whose_workspace_is_there"),
    },
    // Outcomes: exactly one for each started event, or a tombstone.
    Mutation {
        name: "late-start-not-abandoned",
        guards: "I7",
        file: "rocky-sdk/src/doors/open_action.rs",
        from: "doors.spawn(open.abandon_when_it_lands(ticket));",
        to: "drop((doors, ticket));",
        killer: Unit("tests::faults::a_started_event_that_is_late_is_abandoned_when_it_lands"),
    },
    Mutation {
        name: "dropped-audited-not-abandoned",
        guards: "I8",
        file: "rocky-sdk/src/doors/open_action.rs",
        from: "                    open.dropped = Dropped::Abandoned;
                    Ok(open)
",
        to: "                    Ok(open)\n",
        killer: Unit("tests::settling::an_audited_action_that_is_dropped_is_abandoned"),
    },
    Mutation {
        name: "outcome-not-written",
        guards: "I7",
        file: "rocky-sdk/src/doors/perform.rs",
        from: "return if open.close(Outcome::succeeded()).await {",
        to: "return if { open.leave().await; true } {",
        killer: Unit("tests::answers::all_doors_held"),
    },
    Mutation {
        name: "answered-before-the-outcome",
        guards: "I6",
        file: "rocky-sdk/src/doors/perform.rs",
        from: "                return if open.close(Outcome::succeeded()).await {",
        to: "                let doors = open.doors.clone();
                doors.spawn(async move {
                    open.close(Outcome::succeeded()).await;
                });
                return if true {",
        killer: Unit("tests::faults::an_outcome_that_hangs_is_settled_when_it_lands"),
    },
    Mutation {
        name: "claim-released-before-the-outcome",
        guards: "I7",
        file: "rocky-sdk/src/doors/open_action.rs",
        from: "        let mut told = Some(told);\n",
        to: "        self.let_go().await;
        let mut told = Some(told);
",
        killer: Unit("tests::faults::an_outcome_that_hangs_is_settled_when_it_lands"),
    },
    Mutation {
        name: "refused-outcome-not-written-again",
        guards: "I7",
        file: "rocky-sdk/src/doors/open_action.rs",
        from: "Err(error @ (WriteError::Poisoned(_) | WriteError::Closed)) => {",
        to: "Err(error) => {",
        killer: Unit("tests::faults::an_outcome_that_is_refused_is_written_again"),
    },
    Mutation {
        name: "late-outcome-written-twice",
        guards: "I7",
        file: "rocky-sdk/src/doors/open_action.rs",
        from: "                self.not_in_time(told).await;
                ticket.await
",
        to: "                self.not_in_time(told).await;
                return Err(WriteError::Late);
",
        killer: Unit("tests::faults::an_outcome_that_hangs_is_settled_when_it_lands"),
    },
    Mutation {
        name: "doubtful-action-called-failed",
        guards: "I7",
        file: "rocky-sdk/src/doors/perform.rs",
        from: "    if acted {\n",
        to: "    if false && acted {\n",
        killer: Unit("tests::answers::a_route_that_fails_after_its_driver_worked_is_settled_by_a_look"),
    },
    Mutation {
        name: "decommission-not-repeated",
        guards: "I7",
        file: "rocky-sdk/src/doors/perform.rs",
        from: "if open.intent.retried && (acted || track.opened()) {",
        to: "if false && open.intent.retried && (acted || track.opened()) {",
        killer: Unit("tests::answers::a_decommission_whose_driver_fails_is_tried_until_it_succeeds"),
    },
    Mutation {
        name: "tombstones-forgotten-at-start",
        guards: "I7",
        file: "rocky-sdk/src/doors/builder.rs",
        from: "Registry::new(relay.tombstones())",
        to: "Registry::new(&[])",
        killer: Unit("tests::crashes::in_a_provision_of_which_nothing_is_there"),
    },
    Mutation {
        name: "rows-not-looked-at-at-start",
        guards: "I7",
        file: "rocky-sdk/src/doors/builder.rs",
        from: "ledger.recover(relay.tombstones()).await?;",
        to: "let _ = ledger;",
        killer: Unit("tests::crashes::between_the_outcome_and_the_release"),
    },
    Mutation {
        name: "workspace-of-another-action-adopted",
        guards: "I7",
        file: "rocky-sdk/src/hearth/reconcile.rs",
        from: "placement.tier == action.tier && placement.made_by.is_none_or(|made_by| made_by == actionid)",
        to: "placement.tier == action.tier",
        killer: Unit("tests::crashes::in_a_provision_where_somebody_elses_workspace_answers"),
    },
    Mutation {
        name: "repair-that-gives-a-tier",
        guards: "TIER",
        file: "rocky-sdk/src/hearth/mod.rs",
        from: "match of_tier(row.tier, repaired_so) {",
        to: "match repaired_so {",
        killer: Unit("tests::repairs::a_repair_gives_nobody_another_tier"),
    },
    Mutation {
        name: "provision-that-gives-a-tier",
        guards: "TIER",
        file: "rocky-sdk/src/hearth/mod.rs",
        from: "match of_tier(token.action().tier, made) {",
        to: "match made {",
        killer: Unit("tests::upgrades::nobody_gets_another_tier_than_was_audited"),
    },
    Mutation {
        name: "upgrade-that-gives-a-tier",
        guards: "TIER",
        file: "rocky-sdk/src/hearth/mod.rs",
        from: "match of_tier(token.action().tier, upgraded) {",
        to: "match upgraded {",
        killer: Unit("tests::upgrades::nobody_gets_another_tier_than_was_audited"),
    },
    Mutation {
        name: "failed-upgrade-that-never-ends",
        guards: "I7",
        file: "rocky-sdk/src/hearth/mod.rs",
        from: "                    && has_no_other_tier(&found, row)\n",
        to: "                    && matches!(found, Inspection::Serving(_)) && has_no_other_tier(&found, row)\n",
        killer: Unit("tests::upgrades::one_that_fails_is_over_where_no_other_tier_is_in_force"),
    },
    Mutation {
        name: "failed-upgrade-over-with-its-tier-in-force",
        guards: "I7",
        file: "rocky-sdk/src/hearth/mod.rs",
        from: "                    && has_no_other_tier(&found, row)\n                {",
        to: "                    && (has_no_other_tier(&found, row) || true)\n                {",
        killer: Unit("tests::upgrades::one_that_fails_with_another_tier_in_force_is_not_over"),
    },
    Mutation {
        name: "stray-that-is-not-told",
        guards: "I7",
        file: "rocky-sdk/src/hearth/reconcile.rs",
        from: "if matches!(known, Ok(false)) && ",
        to: "if matches!(known, Ok(true)) && ",
        killer: Unit("tests::upgrades::what_no_row_knows_is_told"),
    },
    Mutation {
        name: "repair-that-lifts-read-only",
        guards: "TIER",
        file: "rocky-sdk/src/hearth/rows/ledger.rs",
        from: "SET state = resting_state, tier = resting_tier, url = ?2,",
        to: "SET state = 'active', tier = resting_tier, url = ?2,",
        killer: Unit("tests::crashes::in_a_repair_that_would_have_been_refused"),
    },
    Mutation {
        name: "repair-called-done-by-any-tier",
        guards: "I7",
        file: "rocky-sdk/src/hearth/reconcile.rs",
        from: "Ok(Inspection::Serving(placement)) if placement.tier == row.tier => {",
        to: "Ok(Inspection::Serving(placement)) => {",
        killer: Unit("tests::crashes::in_a_repair_whose_workspace_does_not_answer_as_its_row_says"),
    },
    Mutation {
        name: "repair-closed-without-a-look",
        guards: "I7",
        file: "rocky-sdk/src/hearth/mod.rs",
        from: "        if let Ok(Ok(_)) = Call::of(|| driver.inspect(&row.slug)).until(token.ends_at()).await {",
        to: "        if let Ok(_) | Err(_) = Call::of(|| driver.inspect(&row.slug)).until(token.ends_at()).await {",
        killer: Unit("tests::repairs::a_failed_repair_that_nobody_can_look_at_is_settled_by_a_later_look"),
    },
    Mutation {
        name: "drift-without-drift",
        guards: "DRIFT",
        file: "rocky-sdk/src/hearth/workspaces.rs",
        from: "found: (now == row).then_some(found),",
        to: "found: Some(found),",
        killer: Unit("tests::repairs::what_an_action_changes_meanwhile_is_not_drift"),
    },
    Mutation {
        name: "look-with-another-driver",
        guards: "DRIFT",
        file: "rocky-sdk/src/hearth/workspaces.rs",
        from: "if row.driver != self.0.rows.driver() {",
        to: "if false && row.driver != self.0.rows.driver() {",
        killer: Unit("tests::repairs::a_row_of_another_driver_is_neither_looked_at_nor_repaired"),
    },
    // Answers: a success is made of its outcome, and a no is never one.
    Mutation {
        name: "completed-cloned",
        guards: "I6",
        file: "rocky-sdk/src/doors/completed.rs",
        from: "pub struct Completed<A, T> {",
        to: "#[derive(Clone)]\npub struct Completed<A, T> {",
        killer: Fixture("I6/completed-cloned"),
    },
    Mutation {
        name: "completed-made-from-nothing",
        guards: "I6",
        file: "rocky-sdk/src/doors/completed.rs",
        from: "impl<A, T> std::fmt::Debug for Completed<A, T> {",
        to: "impl<A, T> Default for Completed<A, T> {
    fn default() -> Self {
        completed(Vec::new(), false)
    }
}

impl<A, T> std::fmt::Debug for Completed<A, T> {",
        killer: Fixture("I6/completed-defaulted"),
    },
    Mutation {
        name: "completed-with-another-value",
        guards: "I3",
        file: "rocky-sdk/src/doors/completed.rs",
        from: "    kind: Invariant<(A, T)>,",
        to: "    kind: PhantomData<(A, T)>,",
        killer: Fixture("I3/a-completed-of-a-supertype"),
    },
    Mutation {
        name: "error-that-is-a-success",
        guards: "I6",
        file: "rocky-sdk/src/doors/refusal.rs",
        from: "            ErrorKind::TimedOut => 504,",
        to: "            ErrorKind::TimedOut => 200,",
        killer: Unit("doors::refusal::tests::an_error_is_never_a_success"),
    },
    Mutation {
        name: "kept-refusal-that-is-a-success",
        guards: "I6",
        file: "rocky-sdk/src/doors/problem.rs",
        from: "if (400..600).contains(&self.status) { self.status } else { 500 }",
        to: "self.status",
        killer: Unit("doors::refusal::tests::an_error_is_never_a_success"),
    },
    Mutation {
        name: "handler-of-ones-own",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "    pub fn post<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(",
        to: "    pub fn post<H: Mountable<M, S> + Guarded<G>, M: 'static, G>(",
        killer: Fixture("I12/a-handler-of-ones-own"),
    },
    Mutation {
        name: "handler-of-ones-own-for-a-read",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "    pub fn get<H: Extracted<M, S> + Recognised<G>, M: 'static, G>(",
        to: "    pub fn get<H: Mountable<M, S> + Recognised<G>, M: 'static, G>(",
        killer: Fixture("I12/a-handler-of-ones-own-for-a-read"),
    },
    Mutation {
        name: "reads-through-other-doors",
        guards: "I13",
        file: "rocky-sdk/src/hearth/workspaces.rs",
        from: "foreign: !std::sync::Arc::ptr_eq(doors.identity(), authenticated.doors().identity()),",
        to: "foreign: false,",
        killer: Unit("tests::identities::laxer_doors_built_elsewhere_open_nothing_here"),
    },
    Mutation {
        name: "argument-left-out-of-the-event",
        guards: "I3",
        file: "rocky-macros/src/action/parse.rs",
        from: "        \"skip_serializing\",\n",
        to: "        \"another\",\n",
        killer: Fixture("I3/an-argument-that-is-not-audited"),
    },
    Mutation {
        name: "token-made-as-self",
        guards: "I4",
        file: "rocky-sdk/src/doors/entitled.rs",
        from: "    /// The row of the workspace that the action is about.",
        to: r#"    /// Another one.
    #[must_use]
    pub fn same(self) -> Self {
        self
    }

    /// The row of the workspace that the action is about."#,
        killer: Api("nothing_makes_a_token_but_the_doors"),
    },
    Mutation {
        name: "refusal-made-by-an-action",
        guards: "I6",
        file: "rocky-sdk/src/doors/refusal.rs",
        from: "impl<E> From<Denied> for Refusal<E> {",
        to: "impl<E: ActionError> From<E> for Refusal<E> {
    fn from(error: E) -> Self {
        own_problem(&error).refusal_with(error)
    }
}

impl<E> From<Denied> for Refusal<E> {",
        killer: Fixture("I6/refusal-from-an-error"),
    },
    Mutation {
        name: "no-answered-as-a-success",
        guards: "I6",
        file: "rocky-sdk/src/web/respond.rs",
        from: "let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);",
        to: "let status = StatusCode::OK;",
        killer: Unit("tests::answers::an_unknown_or_gone_slug"),
    },
    Mutation {
        name: "key-used-for-another-action",
        guards: "ANSWERS",
        file: "rocky-sdk/src/hearth/rows/answers.rs",
        from: "if fingerprint != key.fingerprint() {",
        to: "if false && fingerprint != key.fingerprint() {",
        killer: Unit("tests::idempotency::another_action_under_the_same_key_is_refused"),
    },
    Mutation {
        name: "answer-of-another-tenant",
        guards: "TENANT",
        file: "rocky-sdk/src/hearth/rows/answers.rs",
        from: "WHERE tenant = ? AND actor = ? AND action = ? AND key = ?",
        to: "WHERE (tenant = ? OR TRUE) AND (actor = ? OR TRUE) AND action = ? AND key = ?",
        killer: Unit("tests::idempotency::a_hit_answers_what_was_answered_and_does_nothing"),
    },
    Mutation {
        name: "kept-answer-given-before-its-outcome",
        guards: "I6",
        file: "rocky-sdk/src/hearth/rows/answers.rs",
        from: "(1, Some(status), Some(body)) => {",
        to: "(_, Some(status), Some(body)) => {",
        killer: Unit("tests::faults::an_outcome_that_hangs_is_settled_when_it_lands"),
    },
    Mutation {
        name: "answer-of-what-was-undone",
        guards: "ANSWERS",
        file: "rocky-sdk/src/hearth/rows/answers.rs",
        from: "if answer.is_none() && done {",
        to: "if answer.is_none() {",
        killer: Unit("tests::crashes::of_a_keyed_provision_that_is_undone"),
    },
    // Routes: one that leaves a door out does not compile.
    Mutation {
        name: "post-without-the-doors",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "    pub fn post<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::post(handler), H::wanted())
",
        to: "    pub fn post<H: Extracted<M, S>, M: 'static>(self, path: &str, handler: H) -> Self {
        self.mounted(path, routing::post(handler))
",
        killer: Fixture("I12/post-without-the-doors"),
    },
    Mutation {
        name: "put-without-the-doors",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "    pub fn put<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::put(handler), H::wanted())
",
        to: "    pub fn put<H: Extracted<M, S>, M: 'static>(self, path: &str, handler: H) -> Self {
        self.mounted(path, routing::put(handler))
",
        killer: Fixture("I12/put-without-the-doors"),
    },
    Mutation {
        name: "patch-without-the-doors",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "    pub fn patch<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::patch(handler), H::wanted())
",
        to: "    pub fn patch<H: Extracted<M, S>, M: 'static>(self, path: &str, handler: H) -> Self {
        self.mounted(path, routing::patch(handler))
",
        killer: Fixture("I12/patch-without-the-doors"),
    },
    Mutation {
        name: "delete-without-the-doors",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "    pub fn delete<H: Extracted<M, S> + Guarded<G>, M: 'static, G>(self, path: &str, handler: H) -> Self {
        self.guarded(path, routing::delete(handler), H::wanted())
",
        to: "    pub fn delete<H: Extracted<M, S>, M: 'static>(self, path: &str, handler: H) -> Self {
        self.mounted(path, routing::delete(handler))
",
        killer: Fixture("I12/delete-that-is-only-authenticated"),
    },
    Mutation {
        name: "get-without-asking-who",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "pub fn get<H: Extracted<M, S> + Recognised<G>, M: 'static, G>(",
        to: "pub fn get<H: Extracted<M, S>, M: 'static>(",
        killer: Fixture("I12/get-without-asking-who"),
    },
    Mutation {
        name: "route-of-any-method",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "    pub fn route<Route: MountedByMethod>(self, path: &str, route: Route) -> Self {
        drop((path, route));
        self
",
        to: "    pub fn route(self, path: &str, route: MethodRouter<S>) -> Self {
        self.mounted(path, route)
",
        killer: Fixture("I12/routed-as-on-axum"),
    },
    Mutation {
        name: "guarded-without-asking-who",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "Guarded<(Via<(A, T, E)>, Authenticated<R>, $($argument,)*)> for F
        where
            A: Action,
            F: FnOnce(Authenticated<R>, $($argument,)*) -> Fut,
",
        to: "Guarded<(Via<(A, T, E)>, R, $($argument,)*)> for F
        where
            A: Action,
            F: FnOnce(R, $($argument,)*) -> Fut,
",
        killer: Fixture("I12/post-that-asks-nobody"),
    },
    Mutation {
        name: "guarded-with-a-plain-answer",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "        impl<F, Fut, A, T, E, R, $($argument,)*> Guarded<(Via<(A, T, E)>, Authenticated<R>, $($argument,)*)> for F
        where
            A: Action,
            F: FnOnce(Authenticated<R>, $($argument,)*) -> Fut,
            Fut: Future<Output = Result<Completed<A, T>, Refusal<E>>>,
        {
            fn wanted() -> Wanted {
                Wanted(A::STARTED)
",
        to: r#"        impl<F, Fut, T, E, R, $($argument,)*> Guarded<(Via<(T, E)>, Authenticated<R>, $($argument,)*)> for F
        where
            F: FnOnce(Authenticated<R>, $($argument,)*) -> Fut,
            Fut: Future<Output = Result<T, Refusal<E>>>,
        {
            fn wanted() -> Wanted {
                Wanted(crate::EventName::new("nobodys.action"))
"#,
        killer: Fixture("I12/post-with-a-plain-answer"),
    },
    Mutation {
        name: "guarded-unsealed",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "    fn wanted() -> Wanted;",
        to: r#"    fn wanted() -> Wanted {
        Wanted(crate::EventName::new("nobodys.action"))
    }"#,
        killer: Fixture("I12/a-guard-of-ones-own"),
    },
    Mutation {
        name: "recognised-unsealed",
        guards: "I12",
        file: "rocky-sdk/src/web/router.rs",
        from: "pub trait Recognised<Form> {
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone;
",
        to: "pub trait Recognised<Form> {
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone {
        ByRockyAlone
    }
",
        killer: Fixture("I12/recognised-of-ones-own"),
    },
    Mutation {
        name: "body-of-any-size",
        guards: "BODY",
        file: "rocky-sdk/src/web/payload.rs",
        from: "DefaultBodyLimit::max(most)",
        to: "DefaultBodyLimit::disable()",
        killer: Unit("tests::bodies::what_is_no_action_starts_nothing"),
    },
    // Webhooks, and what they lead to.
    Mutation {
        name: "webhook-not-verified",
        guards: "I12",
        file: "rocky-sdk/src/web/webhook.rs",
        from: "match self.verifier.verify(&headers, &body) {",
        to: "match self.verifier.verify(&headers, &body).or(Ok::<(), NotVerified>(())) {",
        killer: Unit("tests::read_only::a_webhook_is_believed_once_it_is_verified_and_acts_through_the_doors"),
    },
    Mutation {
        name: "any-key-reads-rows",
        guards: "I4",
        file: "rocky-sdk/src/hearth/paid.rs",
        from: "if !key.opens::<ReadOnly>(&self.0.doors) {",
        to: "if !key.opens::<ReadOnly>(&self.0.doors) && key.actor().is_empty() {",
        killer: Unit("tests::read_only::a_key_for_other_actions_sees_no_rows"),
    },
    Mutation {
        name: "taken-away-before-its-days-are-over",
        guards: "LAPSE",
        file: "rocky-sdk/src/hearth/rows/ledger.rs",
        from: "if intent.is::<Decommission>() && over {",
        to: "if intent.is::<Decommission>() && (over || until.is_some()) {",
        killer: Unit("tests::read_only::a_lapsed_workspace_refuses_changes_until_it_is_restored"),
    },
    // Door 1 of a cloud build.
    Mutation {
        name: "banned-users-come-in",
        guards: "I10",
        file: "rocky-sdk/src/airlock/better_auth/answer.rs",
        from: "    if is_banned(&user, now) {",
        to: "    if false && is_banned(&user, now) {",
        killer: Unit("airlock::better_auth::answer::tests::whoever_is_banned_or_may_be_is_nobody"),
    },
    Mutation {
        name: "a-ban-that-may-be-over",
        guards: "I10",
        file: "rocky-sdk/src/airlock/better_auth/answer.rs",
        from: r#"user.date("banExpires").is_none_or(|end| end >= now)"#,
        to: r#"user.date("banExpires").is_some_and(|end| end >= now)"#,
        killer: Unit("airlock::better_auth::answer::tests::whoever_is_banned_or_may_be_is_nobody"),
    },
    Mutation {
        name: "an-unknown-role-observes",
        guards: "I10",
        file: "rocky-sdk/src/airlock/better_auth/answer.rs",
        from: "        _ => None,\n    });\n    known.max()",
        to: "        _ => Some(Rank::Observer),\n    });\n    known.max()",
        killer: Unit(
            "airlock::better_auth::answer::tests::the_highest_known_role_counts_and_unknown_ones_never_do",
        ),
    },
    Mutation {
        name: "an-expired-session-lives-on",
        guards: "I10",
        file: "rocky-sdk/src/airlock/better_auth/answer.rs",
        from: "is_none_or(|end| end <= now)",
        to: "is_some_and(|end| end <= now)",
        killer: Unit("airlock::better_auth::answer::tests::a_session_that_is_over_or_not_ones_own_is_nobodys"),
    },
    Mutation {
        name: "of-two-keys-the-last",
        guards: "I10",
        file: "rocky-sdk/src/airlock/better_auth/answer.rs",
        from: "if found.insert(key, value).is_some() {",
        to: "if found.insert(key, value).is_some() && false {",
        killer: Unit("airlock::better_auth::answer::tests::json_that_is_no_session_is_nobodys"),
    },
    Mutation {
        name: "of-two-cookies-the-first",
        guards: "I10",
        file: "rocky-sdk/src/airlock/better_auth/cookie.rs",
        from: "(_, Some(_)) => Err(Unresolved::Stranger(\"more than one session cookie\")),\n        (only, None) => Ok(only),",
        to: "(only, _) => Ok(only),",
        killer: Unit("airlock::better_auth::cookie::tests::any_doubt_is_nobody"),
    },
    Mutation {
        name: "a-session-from-the-cookie-cache",
        guards: "I10",
        file: "rocky-sdk/src/airlock/better_auth/mod.rs",
        from: r#"const FRESH: &str = "disableCookieCache=true&disableRefresh=true";"#,
        to: r#"const FRESH: &str = "disableRefresh=true";"#,
        killer: Unit("airlock::better_auth::tests::the_session_is_asked_for_below_the_base_url"),
    },
    Mutation {
        name: "a-write-from-any-page",
        guards: "I10",
        file: "rocky-sdk/src/airlock/better_auth/origin.rs",
        from: "    (is_listed || is_here) && agrees",
        to: "    is_listed || is_here || agrees",
        killer: Unit("airlock::better_auth::origin::tests::any_other_page_may_not"),
    },
    Mutation {
        name: "a-post-that-reads",
        guards: "I10",
        file: "rocky-sdk/src/airlock/credentials.rs",
        from: "writes: !matches!(*method, Method::GET | Method::HEAD),",
        to: "writes: matches!(*method, Method::GET | Method::HEAD),",
        killer: Unit("airlock::credentials::tests::a_request_shows_its_cookies_and_where_it_is_from"),
    },
    Mutation {
        name: "session-cookies-in-clear",
        guards: "I10",
        file: "rocky-sdk/src/https.rs",
        from: "!insecure && !is_here(&url)",
        to: "insecure && !is_here(&url)",
        killer: Unit("https::tests::a_secret_goes_by_tls_or_does_not_leave_the_machine"),
    },
    // The macros: what is written is what is held.
    Mutation {
        name: "route-with-a-look-alike-token",
        guards: "I4",
        file: "rocky-macros/src/route/expand.rs",
        from: "        #there::doors::lent::<#entitled>();\n",
        to: "",
        killer: Fixture("macro/a-look-alike-token"),
    },
    Mutation {
        name: "role-on-a-route-ignored",
        guards: "I11",
        file: "rocky-macros/src/sdk.rs",
        from: "                mistakes.add(attribute, otherwise);\n",
        to: "",
        killer: Fixture("macro/attribute-that-says-a-role"),
    },
    Mutation {
        name: "second-role-ignored",
        guards: "I11",
        file: "rocky-macros/src/action/parse.rs",
        from: "            mistakes.add(&key, format!(\"`{key}` is said twice: keep one\"));\n",
        to: "",
        killer: Fixture("macro/a-role-said-twice"),
    },
    Mutation {
        name: "role-as-a-type",
        guards: "I11",
        file: "rocky-macros/src/action/parse.rs",
        from: r#"Some("admin") => "Admin","#,
        to: r#"Some("admin" | "Admin") => "Admin","#,
        killer: Fixture("macro/role-as-a-type"),
    },
    Mutation {
        name: "unknown-key-ignored",
        guards: "I11",
        file: "rocky-macros/src/action/parse.rs",
        from: "            mistakes.add(&key, unknown(&name));\n",
        to: "",
        killer: Fixture("macro/unknown-key"),
    },
    Mutation {
        name: "metered-by-no-row",
        guards: "I1",
        file: "rocky-macros/src/action/parse.rs",
        from: "            if subject.is_none() {",
        to: "            if false && subject.is_none() {",
        killer: Fixture("macro/metered-by-a-row-without-a-subject"),
    },
    Mutation {
        name: "one-event-for-two-moments",
        guards: "EVENTS",
        file: "rocky-macros/src/action/parse.rs",
        from: "    distinct(started.as_ref(), succeeded.as_ref(), failed.as_ref(), mistakes);\n",
        to: "",
        killer: Fixture("macro/one-event-for-two-moments"),
    },
    Mutation {
        name: "redaction-misspelt",
        guards: "REDACT",
        file: "rocky-macros/src/action/parse.rs",
        from: r#"Ok(word) => mistakes.add(word, "a field is marked `#[audit(redact)]`, or not at all"),"#,
        to: "Ok(_) => {}",
        killer: Fixture("macro/redaction-misspelt"),
    },
    Mutation {
        name: "serde-beside-redact",
        guards: "REDACT",
        file: "rocky-macros/src/action/parse.rs",
        from: r#"["serde", "cfg_attr", "cfg"]"#,
        to: r#"["cfg_attr", "cfg"]"#,
        killer: Fixture("macro/serde-beside-redact"),
    },
    Mutation {
        name: "redacted-field-written-down",
        guards: "REDACT",
        file: "rocky-macros/src/action/expand.rs",
        from: r#"if model.redacted.contains(field) { quote!("[redacted]") } else { quote!(&self.#field) };"#,
        to: "quote!(&self.#field);",
        killer: Unit("tests::names::a_redacted_field_reaches_the_driver_and_nothing_that_is_written"),
    },
    Mutation {
        name: "unknown-fields-accepted",
        guards: "BODY",
        file: "rocky-macros/src/action/expand.rs",
        from: "#[serde(crate = #serde, deny_unknown_fields)]",
        to: "#[serde(crate = #serde)]",
        killer: Unit("tests::bodies::what_is_no_action_starts_nothing"),
    },
    Mutation {
        name: "action-without-its-events",
        guards: "I11",
        file: "rocky-macros/src/action/parse.rs",
        from: "    if complete && !missing.is_empty() {",
        to: "    if false && complete && !missing.is_empty() {",
        killer: Fixture("macro/missing-event-name"),
    },
    // Private fields, variance, and lists that the orphan rule alone would not hold.
    Mutation {
        name: "session-in-reach",
        guards: "I3",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "    doors: Doors,\n    session: Session,",
        to: "    doors: Doors,\n    pub session: Session,",
        killer: Fixture("I4/authenticated-as-somebody-else"),
    },
    Mutation {
        name: "answer-in-reach",
        guards: "I6",
        file: "rocky-sdk/src/doors/completed.rs",
        from: "    body: Vec<u8>,\n    replayed: bool,",
        to: "    pub body: Vec<u8>,\n    replayed: bool,",
        killer: Fixture("I6/completed-rewritten"),
    },
    Mutation {
        name: "service-actions-in-reach",
        guards: "I4",
        file: "rocky-sdk/src/doors/service.rs",
        from: "    pub(super) actions: Arc<[TypeId]>,",
        to: "    pub actions: Arc<[TypeId]>,",
        killer: Fixture("I4/service-key-widened"),
    },
    Mutation {
        name: "entitled-of-a-supertype",
        guards: "I4",
        file: "rocky-sdk/src/doors/entitled.rs",
        from: "    kind: Invariant<A>,",
        to: "    kind: PhantomData<A>,",
        killer: Fixture("I3/an-entitled-of-a-supertype"),
    },
    Mutation {
        name: "authenticated-of-a-supertype",
        guards: "I4",
        file: "rocky-sdk/src/doors/authenticated.rs",
        from: "    role: Invariant<R>,",
        to: "    role: PhantomData<fn() -> R>,",
        killer: Fixture("I3/an-authenticated-of-a-supertype"),
    },
    Mutation {
        name: "bolt-of-a-supertype",
        guards: "I4",
        file: "rocky-sdk/src/doors/bolted.rs",
        from: "    actions: Invariant<Actions>,",
        to: "    actions: PhantomData<fn() -> Actions>,",
        killer: Fixture("I3/a-bolt-of-a-supertype"),
    },
    Mutation {
        name: "own-action-may-open",
        guards: "I1",
        file: "rocky-sdk/src/doors/bolted.rs",
        from: "impl<A: Action, List, const PLACE: usize> MayOpen<List, PLACE> for A where List: Holds<Entitled<A>, PLACE> {}",
        to: "impl<A: Action, List: ActionList> MayOpen<List, 0> for A where List: Holds<Entitled<A>, 0> {}",
        killer: Fixture("I1/an-own-action-that-may-open"),
    },
    Mutation {
        name: "airlock-that-panics-is-a-stranger",
        guards: "I10",
        file: "rocky-sdk/src/doors/resolve.rs",
        from: "Unresolved::Unavailable(\"it panicked\".to_owned())",
        to: "Unresolved::Stranger(\"it panicked\")",
        killer: Unit("tests::answers::airlock_unreachable"),
    },
    Mutation {
        name: "rows-of-another-ledger",
        guards: "I7",
        file: "rocky-sdk/src/hearth/mod.rs",
        from: "if !asked.is_some_and(|ledger| std::ptr::addr_eq(ledger, Arc::as_ptr(&rows))) {",
        to: "if asked.is_none() {",
        killer: Unit("tests::identities::rows_that_are_not_the_doors_ledger_are_refused"),
    },
    Mutation {
        name: "limits-that-overflow",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/open.rs",
        from: "needed.is_some_and(|needed| options.waiting_bytes >= needed)",
        to: "needed.is_none_or(|needed| options.waiting_bytes >= needed)",
        killer: Unit("hatch::journal::opening_tests::limits_that_do_not_fit_together_are_refused"),
    },

    // What no fixture can see: the public API as a whole.
    Mutation {
        name: "token-given-away",
        guards: "I4",
        file: "rocky-sdk/src/doors/entitled.rs",
        from: "    pub(super) fn opened_a_driver(&self) {",
        to: r#"    /// Gives the token away.
    pub fn given(self) -> Option<Entitled<A>> {
        Some(self)
    }

    pub(super) fn opened_a_driver(&self) {"#,
        killer: Api("nothing_makes_a_token_but_the_doors"),
    },
    Mutation {
        name: "audited-made-outside",
        guards: "I5",
        file: "rocky-sdk/src/doors/audited.rs",
        from: "impl<A> Audited<A> {",
        to: r#"impl<A> Audited<A> {
    /// Answers as the first time.
    pub fn answered(answer: Answer) -> Audited<A> {
        audited(Stage::Answered(answer))
    }
"#,
        killer: Api("nothing_makes_a_token_but_the_doors"),
    },
    Mutation {
        name: "answer-defaulted",
        guards: "I6",
        file: "rocky-sdk/src/doors/completed.rs",
        from: "impl<A, T> std::fmt::Debug for Completed<A, T> {",
        to: r#"impl<A, T> Default for Completed<A, T> {
    fn default() -> Self {
        completed(Vec::new(), false)
    }
}

impl<A, T> std::fmt::Debug for Completed<A, T> {"#,
        killer: Api("nothing_makes_a_token_but_the_doors"),
    },
    Mutation {
        name: "back-door-hidden",
        guards: "I11",
        file: "rocky-sdk/src/doors/bolted.rs",
        from: "    /// Lends the driver for a look, to the subsystem that owns it.",
        to: r#"    /// Lends the driver to the attribute's code.
    #[doc(hidden)]
    pub fn opened(&self) -> &D {
        &self.driver
    }

    /// Lends the driver for a look, to the subsystem that owns it."#,
        killer: Api("nothing_public_is_hidden"),
    },
    Mutation {
        name: "private-module-public",
        guards: "I11",
        file: "rocky-sdk/src/lib.rs",
        from: "mod sealed;\n",
        to: "mod sealed;\n/// For the attribute's code.\npub mod __private {}\n",
        killer: Api("nothing_public_is_hidden"),
    },
    Mutation {
        name: "api-grown-unseen",
        guards: "I11",
        file: "rocky-sdk/src/doors/service.rs",
        from: "impl ServiceKey {",
        to: r#"impl ServiceKey {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
"#,
        killer: Api("the_public_api_is_what_the_list_says"),
    },

    // Segments: one chain over many files.
    Mutation {
        name: "segment-that-follows-nothing",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/segment.rs",
        from: "Some(link) if link.hash.as_str() == opened.previous_hash => Ok(()),",
        to: "Some(_) => Ok(()),",
        killer: Unit("hatch::journal::segment_tests::opening_reads_the_active_segment_and_the_end_of_the_one_before"),
    },
    Mutation {
        name: "open-actions-forgotten-at-a-rotation",
        guards: "I7",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "open: self.still_open(),",
        to: "open: Vec::new(),",
        killer: Unit("hatch::journal::segment_tests::an_action_stays_open_over_rotations_and_restarts"),
    },
    Mutation {
        name: "half-begun-segment-among-the-others",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/storage.rs",
        from: r#"let beside = path.with_extension("next");"#,
        to: "let beside = path.clone();",
        killer: Unit("hatch::journal::segment_tests::a_segment_that_cannot_be_begun_leaves_the_one_before_in_use"),
    },
    Mutation {
        name: "doubt-not-remembered",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "let offset = if next == 0 { self.durable } else { 0 };",
        to: "let offset = u64::MAX;",
        killer: Unit(
            "hatch::journal::segment_tests::\
             what_a_failed_sync_left_in_doubt_is_not_believed_and_stands_in_the_next_segment",
        ),
    },
    Mutation {
        name: "segment-of-an-open-action-deleted",
        guards: "I7",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "(one_too_many && needed.is_none_or(|needed| needed > self.oldest)).then_some(self.oldest)",
        to: "(one_too_many && needed != Some(0)).then_some(self.oldest)",
        killer: Unit(
            "hatch::journal::segment_tests::old_segments_go_once_the_chain_says_so_and_no_open_action_needs_them",
        ),
    },
    Mutation {
        name: "segment-deleted-without-a-word",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "        self.commit(&[entry])?;\n",
        to: "        drop(entry);\n",
        killer: Unit(
            "hatch::journal::segment_tests::old_segments_go_once_the_chain_says_so_and_no_open_action_needs_them",
        ),
    },

    // Checkpoints: what is cut off at the end, or taken away at the beginning, is missed.
    Mutation {
        name: "checkpoints-not-asked",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/open.rs",
        from: "is_as_signed(folder, found.as_ref(), last.as_ref())?;",
        to: "is_as_signed(folder, found.as_ref(), None)?;",
        killer: Unit("hatch::journal::checkpoint_tests::lines_cut_off_at_the_end_are_missed_at_the_next_start"),
    },
    Mutation {
        name: "signature-not-verified",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/checkpoint.rs",
        from: r#"verified.map_err(|_| "its signature is not that of its content".to_owned())?;"#,
        to: "drop(verified);",
        killer: Unit("hatch::journal::checkpoint_tests::of_checkpoints_only_the_last_may_be_torn"),
    },
    Mutation {
        name: "events-not-counted",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "        self.witness.saw(batch.len());\n",
        to: "",
        killer: Unit(
            "hatch::journal::checkpoint_tests::\
             checkpoints_are_signed_by_number_by_time_on_rotation_and_at_shutdown",
        ),
    },
    Mutation {
        name: "no-checkpoint-at-shutdown",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "        self.sign();\n        if self.queue.lock().poisoned.is_none()\n",
        to: "        if self.queue.lock().poisoned.is_none()\n",
        killer: Unit(
            "hatch::journal::checkpoint_tests::\
             checkpoints_are_signed_by_number_by_time_on_rotation_and_at_shutdown",
        ),
    },
    Mutation {
        name: "signed-out-of-service",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "if !self.witness.is_behind(&self.chain) || self.queue.lock().poisoned.is_some() {",
        to: "if !self.witness.is_behind(&self.chain) {",
        killer: Unit("hatch::journal::checkpoint_tests::a_journal_out_of_service_signs_for_nothing"),
    },
    Mutation {
        name: "last-signed-segment-deleted",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: ".filter(|oldest| self.witness.is_beyond(*oldest))",
        to: "",
        killer: Unit("hatch::journal::checkpoint_tests::a_checkpoint_that_cannot_be_written_is_said_and_tried_again"),
    },
    Mutation {
        name: "missing-segments-vouched-for-by-nobody",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/verify/pieces.rs",
        from: ".map(|(_, sequence)| *sequence)",
        to: ".map(|(_, sequence)| *sequence)\n            .or(Some(0))",
        killer: Unit(
            "hatch::verify::tests::\
             what_was_taken_away_by_the_journal_is_vouched_for_and_by_another_hand_is_not",
        ),
    },
    Mutation {
        name: "pieces-not-stitched",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/verify/pieces.rs",
        from: "place.follows(&self.chain).or_else(|reason| damaged(*offset, &reason))?;",
        to: "drop(place.follows(&self.chain));",
        killer: Unit("hatch::faults::tamper::every_line_deleted_doubled_or_swapped"),
    },
    Mutation {
        name: "signed-lines-not-missed",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/verify/mod.rs",
        from: "            if let Some(reason) = other {",
        to: "            if other.is_some() {
                break;
            }
            if let Some(reason) = other {",
        killer: Unit("hatch::verify::tests::what_is_missing_or_changed_has_its_own_verdict"),
    },

    // What a crash leaves of a batch: any part of the last one, and of no other.
    Mutation {
        name: "torn-batch-refused",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/segment.rs",
        from: "            return Ok(true);
        }
        // Beside a writer",
        to: "            return Ok(whole == 0);
        }
        // Beside a writer",
        killer: Unit("hatch::faults::power::any_part_of_what_was_not_synced_is_there"),
    },
    Mutation {
        name: "batch-not-said",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/batch.rs",
        from: "chain.seal(&mut self.bytes, begin, begin == 0);",
        to: "chain.seal(&mut self.bytes, begin, false);",
        killer: Unit("hatch::journal::checkpoint_tests::a_changed_line_before_a_later_batch_is_no_unfinished_one"),
    },
    Mutation {
        name: "later-batch-not-looked-for",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/segment.rs",
        from: "if !within(first) && !lines.any(within) {",
        to: "if !within(first) {",
        killer: Unit("hatch::journal::checkpoint_tests::a_changed_line_before_a_later_batch_is_no_unfinished_one"),
    },
    Mutation {
        name: "disbelieved-and-signed",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/checkpoint.rs",
        from: "if disbelieved || ",
        to: "if false && disbelieved || ",
        killer: Unit("hatch::journal::checkpoint_tests::what_is_not_believed_cannot_have_been_signed_for"),
    },
    Mutation {
        name: "deleted-before-it-is-signed-for",
        guards: "HATCH",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "        self.commit(&[entry])?;\n",
        to: "        self.commit(&[entry])?;
        if true {
            return self.storage.delete(&segment).map_err(told);
        }
",
        killer: Unit(
            "hatch::verify::tests::\
             what_was_taken_away_by_the_journal_is_vouched_for_and_by_another_hand_is_not",
        ),
    },
    Mutation {
        name: "read-and-not-written-anew",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/segment_file.rs",
        from: "        file.read_exact_at(&mut bytes[..much], at)?;
        file.write_all_at(&bytes[..much], at)?;
",
        to: "",
        killer: Unit("hatch::faults::device::what_a_failed_sync_left_in_memory_only"),
    },
    Mutation {
        name: "short-write-left-there",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "        if let Err(error) = self.storage.append(self.lines.bytes()) {
            self.cut_back()?;
",
        to: "        if let Err(error) = self.storage.append(self.lines.bytes()) {
",
        killer: Unit("hatch::faults::disk::a_write_that_is_cut_short"),
    },
    Mutation {
        name: "blocked-writer-spins",
        guards: "I5",
        file: "rocky-sdk/src/hatch/journal/writer.rs",
        from: "self.queue.take(std::mem::take(&mut spare), self.due())",
        to: "self.queue.take(std::mem::take(&mut spare), self.witness.due())",
        killer: Unit("hatch::journal::checkpoint_tests::a_journal_out_of_service_rests_though_a_checkpoint_is_due"),
    },
    Mutation {
        name: "checkpoints-of-what-is-there-go-too",
        guards: "I6",
        file: "rocky-sdk/src/hatch/checkpoint.rs",
        from: "is_ok_and(|found| *found.segment <= *segment)",
        to: "is_ok_and(|found| found.segment.len() == segment.len())",
        killer: Unit("hatch::journal::checkpoint_tests::checkpoints_go_with_the_segments_that_they_speak_of"),
    },
    Mutation {
        name: "signed-since-not-looked-for",
        guards: "I6",
        file: "rocky-sdk/src/hatch/verify/mod.rs",
        from: "&& !self.was_vouched_for_since(hatch, signed.key)?;",
        to: ";",
        killer: Unit(
            "hatch::verify::tests::a_segment_that_was_signed_away_since_the_checkpoints_were_read_is_vouched_for",
        ),
    },
    Mutation {
        name: "unsigned-starts-not-told",
        guards: "I6",
        file: "rocky-sdk/src/hatch/verify/pieces.rs",
        from: "        self.unsigned.extend(&run.unsigned);
",
        to: "",
        killer: Unit("hatch::verify::tests::a_start_that_found_no_checkpoint_is_told_from_then_on"),
    },
    Mutation {
        name: "panic-of-a-drop-comes-through",
        guards: "I10",
        file: "rocky-sdk/src/caught.rs",
        from: "        catch_unwind(AssertUnwindSafe(|| drop(future)))
",
        to: "        drop(future);
        Ok(())
",
        killer: Unit("caught::tests::a_call_that_panics_as_it_is_dropped_has_not_answered"),
    },
    Mutation {
        name: "untouched-is-undone-all-the-same",
        guards: "I7",
        file: "rocky-sdk/src/hearth/mod.rs",
        from: "fn nothing_begun<A>(token: &Entitled<A>, error: DriverError) -> HearthError {
    token.progress(Progress::Nothing);
",
        to: "fn nothing_begun<A>(_: &Entitled<A>, error: DriverError) -> HearthError {
",
        killer: Unit("tests::repairs::what_was_never_begun_leaves_the_row_as_it_was"),
    },
];
