//! Door 3: is the tier paid for? A self-host build has this file and nothing else of it.

use std::time::Instant;

use super::{ledger::Intent, problem::Problem};
use crate::Tier;

/// Who is asked whether a tier is paid for. Chosen by name where `Doors` are built.
#[derive(Debug)]
#[non_exhaustive]
pub enum Billing {
    /// Nobody: whoever hosts it themselves pays nobody. Every tier is theirs.
    SelfHosted,
    /// Polar, in the cloud.
    #[cfg(feature = "polar")]
    Polar(crate::polar::Polar),
}

impl Billing {
    /// Asked for tiers above solo, with the claim held and before the driver is called. After `until` nobody waits.
    #[allow(unused_variables, clippy::unused_async, reason = "who hosts it themselves is asked nothing")]
    pub(crate) async fn assert_entitlement(&self, intent: &Intent, tier: Tier, until: Instant) -> Result<(), Problem> {
        match self {
            Billing::SelfHosted => Ok(()),
            #[cfg(feature = "polar")]
            Billing::Polar(polar) => {
                let entitled = polar.assert_until(intent.tenant(), intent.subject(), tier, until).await;
                entitled.map_err(crate::polar::NotEntitled::problem)
            }
        }
    }
}
