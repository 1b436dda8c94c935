//! The lifecycle of a workspace: four actions, each for admins, and two for the service that looks after what is paid for.

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
/// answers as its row says stays as it is. It gives nobody anything that was not paid for, so door 3 is not asked.
#[tenant_action(
    role = admin,
    started = "hearth.repair_started",
    succeeded = "hearth.repaired",
    failed = "hearth.failed",
    subject = slug,
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

/// Makes a workspace read-only whose tier lapsed. It runs on, and refuses changes; 7 days later an admin may take it away
/// without paying for it. No driver is called.
///
/// It is a service's:
/// ```
/// use rocky_sdk::{ServiceKey, doors::DoorsBuilder, hearth::{ReadOnly, Restore}};
///
/// fn billing(doors: &mut DoorsBuilder) -> ServiceKey {
///     doors.service::<(ReadOnly, Restore)>("billing")
/// }
/// ```
#[tenant_action(
    role = admin,
    started = "hearth.readonly_started",
    succeeded = "hearth.readonly",
    failed = "hearth.failed",
    subject = slug,
)]
#[derive(Clone)]
pub struct ReadOnly {
    /// Which workspace.
    pub slug: Slug,
}

/// Makes a read-only workspace take changes again: its tier is back, of which door 3 is asked once more. No driver is called.
#[tenant_action(
    role = admin,
    started = "hearth.restore_started",
    succeeded = "hearth.restored",
    failed = "hearth.failed",
    subject = slug,
    metered = row,
)]
#[derive(Clone)]
pub struct Restore {
    /// Which workspace.
    pub slug: Slug,
}
