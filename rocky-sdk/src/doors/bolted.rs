//! A driver behind the doors: reached with a token of a listed action, minted by the doors that it was bolted to.

use std::{borrow::Cow, marker::PhantomData, sync::Arc};

use super::{Doors, Entitled, Identity, Invariant, vocabulary::Word};
use crate::Action;

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
    pub fn open<'t, A: MayOpen<Actions, Index>, Index>(
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

mod member {
    /// `A` stands in `List` at the place `Index`.
    pub trait Among<List, Index> {}
    pub struct At<const N: usize>;
    pub trait List {
        /// The types and the events of the actions in the list.
        fn words() -> Vec<super::Word>;
    }
}
use member::{Among, At, List};

/// The action may open what was bolted for `List`. Follows from the list; nobody implements it.
#[diagnostic::on_unimplemented(
    message = "the action `{Self}` may not open this driver",
    label = "a token of `{Self}`",
    note = "the driver was bolted for `{List}`: add the action there if it should open it"
)]
pub trait MayOpen<List, Index>: Action + Among<List, Index> {}
impl<A: Action, L, I> MayOpen<L, I> for A where A: Among<L, I> {}

/// A tuple of up to eight actions.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of actions",
    label = "expected a tuple of actions",
    note = "write it as a tuple, with a comma even for one: `(Provision,)`"
)]
pub trait ActionList: List {}

macro_rules! lists {
    ($($action:ident)*) => {
        impl<$($action: Action),*> ActionList for ($($action,)*) {}
        impl<$($action: Action),*> List for ($($action,)*) {
            fn words() -> Vec<Word> {
                vec![$(Word::of::<$action>()),*]
            }
        }
    };
}
macro_rules! member {
    ($at:literal $it:ident of $($action:ident)*) => {
        impl<$($action),*> Among<($($action,)*), At<$at>> for $it {}
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
member!(0 A of A);
member!(0 A of A B);
member!(1 B of A B);
member!(0 A of A B C);
member!(1 B of A B C);
member!(2 C of A B C);
member!(0 A of A B C D);
member!(1 B of A B C D);
member!(2 C of A B C D);
member!(3 D of A B C D);
member!(0 A of A B C D E);
member!(1 B of A B C D E);
member!(2 C of A B C D E);
member!(3 D of A B C D E);
member!(4 E of A B C D E);
member!(0 A of A B C D E F);
member!(1 B of A B C D E F);
member!(2 C of A B C D E F);
member!(3 D of A B C D E F);
member!(4 E of A B C D E F);
member!(5 F of A B C D E F);
member!(0 A of A B C D E F G);
member!(1 B of A B C D E F G);
member!(2 C of A B C D E F G);
member!(3 D of A B C D E F G);
member!(4 E of A B C D E F G);
member!(5 F of A B C D E F G);
member!(6 G of A B C D E F G);
member!(0 A of A B C D E F G H);
member!(1 B of A B C D E F G H);
member!(2 C of A B C D E F G H);
member!(3 D of A B C D E F G H);
member!(4 E of A B C D E F G H);
member!(5 F of A B C D E F G H);
member!(6 G of A B C D E F G H);
member!(7 H of A B C D E F G H);
