//! Door 3: is the tier paid for? A self-host build has this file and nothing else of it.

use super::{ledger::Intent, problem::Problem};
use crate::Tier;

/// Who is asked whether a tier is paid for. Chosen by name where `Doors` are built.
#[derive(Debug)]
#[non_exhaustive]
pub enum Billing {
    /// Nobody: whoever hosts it themselves pays nobody. Every tier is theirs.
    SelfHosted,
}

impl Billing {
    /// Asked for tiers above solo, with the claim held and before the driver is called.
    #[expect(clippy::unused_async, reason = "the cloud build's answer comes over the network")]
    pub(crate) async fn assert_entitlement(&self, _intent: &Intent, _tier: Tier) -> Result<(), Problem> {
        match self {
            Billing::SelfHosted => Ok(()),
        }
    }
}
