//! What an action is: its name, who may do it, the events it leaves, what it is about, whether it is metered.

use std::{borrow::Cow, fmt::Debug};

use serde::{Serialize, Serializer, de::DeserializeOwned};

use crate::{Slug, Tier, sealed::ByRockyAlone};

/// A role as a type: [`Admin`], [`Operator`] or [`Observer`], and nobody's own.
///
/// ```
/// use rocky_sdk::{Authenticated, Role};
/// fn who<R: Role>(authenticated: &Authenticated<R>) -> String {
///     format!("{} as {}", authenticated.session().subject(), R::RANK.as_str())
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` is not a role", label = "write `Admin`, `Operator` or `Observer`")]
pub trait Role: BuiltInRole + Send + Sync + 'static {
    /// The same role as a value.
    const RANK: Rank;
}

/// What [`Admin`], [`Operator`] and [`Observer`] have in common, and no type outside rocky can have: its one function
/// returns a type that has no name out there.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be made a role",
    label = "the roles are `Admin`, `Operator` and `Observer`, and there are no others",
    note = "name the one that is enough where the role is asked for: `Authenticated<Operator>`"
)]
pub trait BuiltInRole {
    /// Cannot be written outside rocky.
    fn sealed() -> ByRockyAlone;
}

/// May provision, upgrade, repair and decommission.
#[derive(Debug)]
pub enum Admin {}
/// May operate what is there.
#[derive(Debug)]
pub enum Operator {}
/// May look.
#[derive(Debug)]
pub enum Observer {}

macro_rules! roles {
    ($($role:ident)*) => {$(
        #[diagnostic::do_not_recommend]
        impl Role for $role {
            const RANK: Rank = Rank::$role;
        }
        #[diagnostic::do_not_recommend]
        impl BuiltInRole for $role {
            fn sealed() -> ByRockyAlone {
                ByRockyAlone
            }
        }
    )*};
}
roles!(Admin Operator Observer);

/// A role as a value: `observer < operator < admin`. A role that is none of these is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rank {
    /// See [`Observer`].
    Observer,
    /// See [`Operator`].
    Operator,
    /// See [`Admin`].
    Admin,
}

impl Rank {
    /// The role as it is written in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Rank::Observer => "observer",
            Rank::Operator => "operator",
            Rank::Admin => "admin",
        }
    }
}

/// An event's name: two or more words of `a-z`, `0-9` and `_`, joined by dots. The families `auth`, `log`,
/// `segment` and `hatch` are written by rocky alone.
///
/// ```
/// use rocky_sdk::EventName;
/// const ROTATED: EventName = EventName::new("keys.rotated");
/// assert_eq!(ROTATED.family(), "keys");
/// ```
/// A name that breaks the rule does not compile where it is a constant:
/// ```compile_fail
/// const DENIED: rocky_sdk::EventName = rocky_sdk::EventName::new("auth.denied");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventName(&'static str);

impl EventName {
    /// Takes a well-formed name.
    ///
    /// # Panics
    /// When the name breaks the rule; at compile time where it is a constant, as an action's names are.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(bytes.len() <= 64, "an event's name has at most 64 characters");
        let (mut at, mut dots, mut word) = (0, 0, 0);
        while at < bytes.len() {
            match bytes[at] {
                b'a'..=b'z' | b'0'..=b'9' | b'_' => word += 1,
                b'.' => {
                    assert!(word > 0, "an event's name has a word before each dot: write \"family.event\"");
                    dots += 1;
                    word = 0;
                }
                _ => panic!("an event's name is made of a-z, 0-9, `_` and dots: write \"family.event\""),
            }
            at += 1;
        }
        assert!(dots > 0 && word > 0, "an event's name is a family and a word: write \"family.event\"");
        assert!(
            !(begins(bytes, b"auth.")
                || begins(bytes, b"log.")
                || begins(bytes, b"segment.")
                || begins(bytes, b"hatch.")),
            "the event families `auth`, `log`, `segment` and `hatch` are rocky's own: choose another"
        );
        EventName(name)
    }

    /// The name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The part before the first dot.
    #[must_use]
    pub fn family(self) -> &'static str {
        self.0.split('.').next().unwrap_or(self.0)
    }
}

impl std::fmt::Display for EventName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

const fn begins(text: &[u8], with: &[u8]) -> bool {
    if text.len() < with.len() {
        return false;
    }
    let mut at = 0;
    while at < with.len() {
        if text[at] != with[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// What a failure leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// This event.
    Record(EventName),
    /// Nothing, once the driver was called: the action is repeated until it succeeds. Where the driver was *not*
    /// called, `<family>.failed` closes the started event.
    Retry,
}

/// The tier that door 3 asks about, where a build has that door.
///
/// ```
/// use rocky_sdk::{Action, Metered, Slug, Tier, tenant_action};
///
/// #[tenant_action(role = admin, started = "shelf.name_started", succeeded = "shelf.named", failed = "shelf.failed")]
/// struct Name { text: String }
///
/// #[tenant_action(
///     role = admin, started = "shelf.widen_started", succeeded = "shelf.widened", failed = "shelf.failed",
///     subject = slug, metered = tier,
/// )]
/// struct Widen { slug: Slug, tier: Tier }
///
/// assert_eq!(Name { text: "winter".to_owned() }.metered(), Metered::No); // door 3 asks nobody
/// let slug = Slug::parse("blue")?;
/// assert_eq!(Widen { slug, tier: Tier::Team }.metered(), Metered::Asked(Tier::Team));
/// # Ok::<(), rocky_sdk::InvalidSlug>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metered {
    /// None.
    No,
    /// The tier that the row has.
    Row,
    /// This one, or the row's when that is higher.
    Asked(Tier),
}

/// A field that `subject = field` can name: a [`Slug`].
///
/// ```
/// use rocky_sdk::{Slug, action::Subject};
/// let slug = Slug::parse("blue")?;
/// assert_eq!(slug.slug(), &slug);
/// # Ok::<(), rocky_sdk::InvalidSlug>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a workspace is named by a `Slug`, and not by `{Self}`",
    label = "write `Slug` here",
    note = "`subject = field` says which workspace the action is about: the field is a `rocky_sdk::Slug`"
)]
pub trait Subject {
    /// The workspace's name.
    fn slug(&self) -> &Slug;
}

#[diagnostic::do_not_recommend]
impl Subject for Slug {
    fn slug(&self) -> &Slug {
        self
    }
}

/// A field that `metered = field` can name: a [`Tier`].
///
/// ```
/// use rocky_sdk::{Tier, action::Price};
/// assert_eq!(Tier::Team.tier(), Tier::Team);
/// ```
#[diagnostic::on_unimplemented(
    message = "an action is metered by a `Tier`, and not by `{Self}`",
    label = "write `Tier` here",
    note = "`metered = field` says which tier is asked for: the field is a `rocky_sdk::Tier`; `metered = row` asks for the workspace's"
)]
pub trait Price {
    /// The tier that is asked for.
    fn tier(&self) -> Tier;
}

#[diagnostic::do_not_recommend]
impl Price for Tier {
    fn tier(&self) -> Tier {
        *self
    }
}

/// Something that changes a tenant's state: a plain struct of its arguments, which is what gets audited, what gets
/// done, and what a token carries. [`#[tenant_action]`](crate::tenant_action) implements it.
///
/// By hand it looks like this:
/// ```
/// use rocky_sdk::{Action, Admin, EventName, OnFailure, Slug};
///
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Rename { slug: Slug, title: String }
///
/// impl Action for Rename {
///     type Role = Admin;
///     const NAME: &'static str = "rename";
///     const STARTED: EventName = EventName::new("titles.rename_started");
///     const SUCCEEDED: EventName = EventName::new("titles.renamed");
///     const ON_FAILURE: OnFailure = OnFailure::Record(EventName::new("titles.failed"));
///     fn subject(&self) -> Option<&Slug> { Some(&self.slug) }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an action",
    label = "this is not an audited action",
    note = "put `#[tenant_action(role = .., started = \"..\", succeeded = \"..\", failed = \"..\")]` on the struct"
)]
pub trait Action: Serialize + DeserializeOwned + Debug + Send + Sync + 'static {
    /// Who may do it: this role or a higher one.
    type Role: Role;
    /// Its name in kebab case, as idempotent answers are kept under.
    const NAME: &'static str;
    /// Durable before the action begins.
    const STARTED: EventName;
    /// Durable before a success is answered.
    const SUCCEEDED: EventName;
    /// What a failure leaves.
    const ON_FAILURE: OnFailure;

    /// The workspace it is about; `None`: about no workspace.
    fn subject(&self) -> Option<&Slug> {
        None
    }

    /// The tier it is metered by.
    fn metered(&self) -> Metered {
        Metered::No
    }

    /// The action as it stands in the audit event: itself, less what must not be written down.
    ///
    /// # Errors
    /// The serializer's.
    fn audited<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }
}

/// The event that closes a started one without success.
pub(crate) fn failed_event(started: EventName, on_failure: OnFailure) -> Cow<'static, str> {
    match on_failure {
        OnFailure::Record(name) => name.as_str().into(),
        OnFailure::Retry => format!("{}.failed", started.family()).into(),
    }
}

/// Lends an action to serde in its audited form.
pub(crate) struct Audit<'a, A>(pub &'a A);

impl<A: Action> Serialize for Audit<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.audited(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names_are_words_joined_by_dots_outside_rockys_families() {
        for good in ["a.b", "hearth.provisioning_started", "a.b.c"] {
            assert_eq!(EventName::new(good).as_str(), good);
        }
        for bad in ["", "a", "a.", ".a", "a..b", "A.b", "a-b.c", "auth.denied", "log.x", "segment.opened", "hatch.x"] {
            assert!(std::panic::catch_unwind(|| EventName::new(bad)).is_err(), "{bad:?}");
        }
        assert_eq!(failed_event(EventName::new("hearth.x"), OnFailure::Retry), "hearth.failed");
    }
}
