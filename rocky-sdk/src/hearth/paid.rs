//! What a service sees that keeps workspaces in step with what is paid for.

use super::{Hearth, ReadOnly, workspaces::unavailable};
use crate::{
    DeploymentRef, ServiceKey,
    doors::{Denied, Inbound},
};

impl Hearth {
    /// The workspaces above solo, of one tenant or of all, by tenant and name: for a service whose key is good for [`ReadOnly`].
    ///
    /// ```
    /// use rocky_sdk::{Denied, ServiceKey, hearth::Hearth};
    ///
    /// /// How many workspaces a tenant pays for, or should.
    /// async fn count(hearth: &Hearth, key: &ServiceKey, tenant: &str) -> Result<usize, Denied> {
    ///     Ok(hearth.paid(key, Some(tenant)).await?.len())
    /// }
    /// ```
    ///
    /// # Errors
    /// 403 `denied` for another key; 503 `ledger-unavailable`.
    pub async fn paid(&self, key: &ServiceKey, tenant: Option<&str>) -> Result<Vec<DeploymentRef>, Denied> {
        if !key.opens::<ReadOnly>(&self.0.doors) {
            return Err(self.0.doors.deny(None, &Inbound::default(), "not a read of this service").await);
        }
        self.0.rows.paid(tenant).await.map_err(|error| unavailable(&error))
    }
}
