//! A driver behind the doors: reached with a token of a listed action, minted by the doors that it was bolted to.

use std::{borrow::Cow, marker::PhantomData, sync::Arc};

use super::{Doors, Entitled, Identity, Invariant};
use crate::{Action, sealed::Word};

/// A driver of your own, opened only by tokens of the actions in its type's list:
/// `Bolted<KeyStore, (Rotate, Revoke)>`. Nobody can add to the list from outside.
///
/// Bolt a type of your own whose client is a private field and whose methods take `&Entitled<A>`; never a bare pool or
/// client, which could be cloned out.
pub struct Bolted<D, Actions> {
    doors: Arc<Identity>,
    driver: D,
    actions: Invariant<Actions>,
}

/// The token was minted by other doors than the driver was bolted to: it opens nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this token was minted by other doors than the driver was bolted to")]
pub struct ForeignToken;

/// Two action types claim one event, or one type claims it twice.
///
/// An event's name is its first action's: another type cannot write it, whatever role it asks for.
/// ```
/// # use rocky_sdk::tenant_action;
/// #[tenant_action(
///     role = admin, started = "keys.rotation_started", succeeded = "keys.rotated", failed = "keys.failed"
/// )]
/// struct Rotate {}
///
/// #[tenant_action(
///     role = observer, started = "keys.rotation_started", succeeded = "keys.turned", failed = "keys.failed"
/// )]
/// struct Turn {}
///
/// # struct KeyStore;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use rocky_sdk::{Billing, LocalAuth, hatch::{Journal, JournalOptions}};
/// # let home = tempfile::tempdir()?;
/// # let home = home.path();
/// # let (auth, first) = LocalAuth::open(home)?;
/// # let ada = rocky_sdk::Credentials::bearer(first.ok_or("a new home")?.token);
/// # let journal = Journal::open(&home.join("hatch"), JournalOptions::new("console"))?;
/// # let doors = rocky_sdk::Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).build().await?;
/// use rocky_sdk::{Bolted, doors::EventNameTaken};
///
/// let keys = Bolted::<_, (Rotate,)>::new(&doors, KeyStore)?;
/// let taken: EventNameTaken = Bolted::<_, (Turn,)>::new(&doors, KeyStore).unwrap_err();
/// assert!(taken.to_string().starts_with("the event `keys.rotation_started` belongs to the action"));
/// # drop((keys, ada));
/// # doors.shutdown(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event `{event}` belongs to the action `{owner}`: give `{claimant}` events of its own")]
pub struct EventNameTaken {
    pub(super) event: Cow<'static, str>,
    pub(super) owner: &'static str,
    pub(super) claimant: &'static str,
}

impl<D, Actions: ActionList> Bolted<D, Actions> {
    /// Bolts the driver to these doors. The events of the listed actions are theirs from then on.
    ///
    /// # Errors
    /// [`EventNameTaken`] when another action type already writes one of their events.
    pub fn new(doors: &Doors, driver: D) -> Result<Self, EventNameTaken> {
        doors.inner().vocabulary.register(&Actions::words())?;
        Ok(Bolted { doors: Arc::clone(doors.identity()), driver, actions: PhantomData })
    }

    /// Lends the driver for as long as the token is lent.
    ///
    /// # Errors
    /// [`ForeignToken`] for a token of other doors.
    pub fn open<'t, A: MayOpen<Actions, PLACE>, const PLACE: usize>(
        &'t self,
        token: &'t Entitled<A>,
    ) -> Result<&'t D, ForeignToken> {
        if !Arc::ptr_eq(&self.doors, token.identity()) {
            return Err(ForeignToken);
        }
        token.opened_a_driver();
        Ok(&self.driver)
    }

    /// Lends the driver for a look, to the subsystem that owns it.
    #[cfg(feature = "hearth")]
    pub(crate) fn look(&self) -> &D {
        &self.driver
    }
}

impl<D, Actions> std::fmt::Debug for Bolted<D, Actions> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bolted(..)")
    }
}

/// The action opens what was bolted for the list. Follows from the list; nobody else can implement it, because rocky has
/// done so for every type.
#[diagnostic::on_unimplemented(
    message = "the action `{Self}` may not open this driver",
    label = "a token of `{Self}`, and the driver was bolted for `{List}`",
    note = "where this action should open the driver, add it to the list: `Bolted<_, (TheFirst, TheOther)>`"
)]
pub trait MayOpen<List, const PLACE: usize>: Action {}

#[diagnostic::do_not_recommend]
impl<A: Action, List, const PLACE: usize> MayOpen<List, PLACE> for A where List: Holds<Entitled<A>, PLACE> {}

/// The list holds the token's action at that place. The compiler lets nobody else implement it: neither a tuple nor a token
/// is a type of theirs.
pub trait Holds<Token, const PLACE: usize> {}

/// A tuple of up to eight actions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of actions",
    label = "not a tuple of actions",
    note = "write it as a tuple, with a comma even for one: `(Provision,)`"
)]
pub trait ActionList {
    /// The types and the events of the actions in the list.
    fn words() -> Vec<Word>;
}

macro_rules! lists {
    ($($action:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($action: Action),*> ActionList for ($($action,)*) {
            fn words() -> Vec<Word> {
                vec![$(Word::of::<$action>()),*]
            }
        }
    };
}
macro_rules! holds {
    ($place:literal $at:ident of $($action:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($action: Action),*> Holds<Entitled<$at>, $place> for ($($action,)*) {}
    };
}
lists!(A);
lists!(A B);
lists!(A B C);
lists!(A B C D);
lists!(A B C D E);
lists!(A B C D E F);
lists!(A B C D E F G);
lists!(A B C D E F G H);
holds!(0 A of A);
holds!(0 A of A B);
holds!(1 B of A B);
holds!(0 A of A B C);
holds!(1 B of A B C);
holds!(2 C of A B C);
holds!(0 A of A B C D);
holds!(1 B of A B C D);
holds!(2 C of A B C D);
holds!(3 D of A B C D);
holds!(0 A of A B C D E);
holds!(1 B of A B C D E);
holds!(2 C of A B C D E);
holds!(3 D of A B C D E);
holds!(4 E of A B C D E);
holds!(0 A of A B C D E F);
holds!(1 B of A B C D E F);
holds!(2 C of A B C D E F);
holds!(3 D of A B C D E F);
holds!(4 E of A B C D E F);
holds!(5 F of A B C D E F);
holds!(0 A of A B C D E F G);
holds!(1 B of A B C D E F G);
holds!(2 C of A B C D E F G);
holds!(3 D of A B C D E F G);
holds!(4 E of A B C D E F G);
holds!(5 F of A B C D E F G);
holds!(6 G of A B C D E F G);
holds!(0 A of A B C D E F G H);
holds!(1 B of A B C D E F G H);
holds!(2 C of A B C D E F G H);
holds!(3 D of A B C D E F G H);
holds!(4 E of A B C D E F G H);
holds!(5 F of A B C D E F G H);
holds!(6 G of A B C D E F G H);
holds!(7 H of A B C D E F G H);
