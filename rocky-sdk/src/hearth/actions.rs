//! The lifecycle of a workspace: four actions, each for admins.

use rocky_macros::tenant_action;

use crate::{Slug, Tier};

/// Makes a workspace.
#[tenant_action(
    role = admin,
    started = "hearth.provisioning_started",
    succeeded = "hearth.provisioned",
    failed = "hearth.failed",
    subject = slug,
    metered = tier,
)]
#[derive(Clone)]
pub struct Provision {
    /// Its name; a decommissioned workspace's can be taken again, in its first 7 days only by the tenant that had it.
    pub slug: Slug,
    /// The tier that it gets.
    pub tier: Tier,
}

/// Gives a workspace a higher tier.
#[tenant_action(
    role = admin,
    started = "hearth.upgrade_started",
    succeeded = "hearth.upgraded",
    failed = "hearth.failed",
    subject = slug,
    metered = tier,
)]
#[derive(Clone)]
pub struct Upgrade {
    /// Which workspace.
    pub slug: Slug,
    /// The tier that it gets: higher than the one it has.
    pub tier: Tier,
}

/// Makes a workspace answer again that was stopped, changed or taken away by hand. Its tier and its data stay; one that
/// answers as its row says stays as it is.
#[tenant_action(
    role = admin,
    started = "hearth.repair_started",
    succeeded = "hearth.repaired",
    failed = "hearth.failed",
    subject = slug,
    metered = row,
)]
#[derive(Clone)]
pub struct Repair {
    /// Which workspace.
    pub slug: Slug,
}

/// Takes a workspace away. Once its driver was called it is repeated until it succeeds.
#[tenant_action(
    role = admin,
    started = "hearth.decommission_started",
    succeeded = "hearth.decommissioned",
    failed = retried,
    subject = slug,
    metered = row,
)]
#[derive(Clone)]
pub struct Decommission {
    /// Which workspace.
    pub slug: Slug,
}
