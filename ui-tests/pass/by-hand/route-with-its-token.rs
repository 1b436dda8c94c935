//! A route that needs nothing but its token.

use rocky_sdk::{ActionError, ErrorKind, tenant_action};

#[tenant_action(role = operator, started = "bells.ringing_started", succeeded = "bells.rung", failed = "bells.failed")]
pub struct Ring {
    pub times: u8,
}

#[derive(Debug, thiserror::Error)]
#[error("nobody rings a bell {0} times")]
pub struct TooOften(u8);

impl ActionError for TooOften {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

pub mod by_macro {
    use rocky_sdk::{Entitled, tenant_action};

    use super::{Ring, TooOften};

    #[tenant_action]
    pub async fn ring(token: &Entitled<Ring>) -> Result<String, TooOften> {
        match token.action().times {
            times @ 0..=12 => Ok("dong ".repeat(usize::from(times))),
            times => Err(TooOften(times)),
        }
    }
}

pub mod by_hand {
    use rocky_sdk::{Admin, Authenticated, Completed, Entitled, Operator, Refusal, web::Payload};

    use super::{Ring, TooOften};

    async fn behind_the_doors(token: &Entitled<Ring>) -> Result<String, TooOften> {
        match token.action().times {
            times @ 0..=12 => Ok("dong ".repeat(usize::from(times))),
            times => Err(TooOften(times)),
        }
    }

    pub async fn ring(
        authenticated: Authenticated<Operator>,
        Payload(action): Payload<Ring>,
    ) -> Result<Completed<Ring, String>, Refusal<TooOften>> {
        let audited = authenticated.audit(action).await?;
        audited.perform((), |token, ()| Box::pin(behind_the_doors(token))).await
    }

    /// A role that is more than enough will do too.
    pub async fn ring_as_admin(
        authenticated: Authenticated<Admin>,
        action: Ring,
    ) -> Result<Vec<u8>, Refusal<TooOften>> {
        let audited = authenticated.audit(action).await?;
        let completed = audited.perform((), |token, ()| Box::pin(behind_the_doors(token))).await?;
        Ok(completed.json().to_vec())
    }
}

fn main() {}
