//! A route that names its answer by an alias of its own.

use rocky_sdk::{ActionError, tenant_action};

#[tenant_action(role = observer, started = "dice.roll_started", succeeded = "dice.rolled", failed = "dice.failed")]
pub struct Roll {
    pub sides: u8,
}

#[derive(Debug, thiserror::Error)]
#[error("a die has sides")]
pub struct NoSides;

impl ActionError for NoSides {}

#[derive(serde::Serialize)]
pub struct Rolled {
    pub shows: u8,
}

pub type DiceResult<T> = Result<T, NoSides>;

pub mod by_macro {
    use rocky_sdk::{Entitled, tenant_action};

    use super::{DiceResult, NoSides, Roll, Rolled};

    #[tenant_action]
    pub async fn roll(token: &Entitled<Roll>) -> DiceResult<Rolled> {
        token.action().sides.checked_sub(1).map(|shows| Rolled { shows }).ok_or(NoSides)
    }
}

pub mod by_hand {
    use rocky_sdk::{Authenticated, Completed, Observer, Refusal, web::Payload};

    use super::{NoSides, Roll, Rolled};

    pub async fn roll(
        authenticated: Authenticated<Observer>,
        Payload(action): Payload<Roll>,
    ) -> Result<Completed<Roll, Rolled>, Refusal<NoSides>> {
        let audited = authenticated.audit(action).await?;
        audited
            .perform((), |token, ()| {
                Box::pin(
                    async move { token.action().sides.checked_sub(1).map(|shows| Rolled { shows }).ok_or(NoSides) },
                )
            })
            .await
    }
}

fn main() {}
