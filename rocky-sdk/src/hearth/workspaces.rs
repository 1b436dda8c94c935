//! Reads, scoped to the tenant that asks.

use super::Rows;
use crate::{
    DeploymentRef, Role, Slug,
    airlock::Session,
    doors::{Authenticated, Denied, Doors, Inbound, ledger_unavailable, unknown_workspace},
};

/// The workspaces of one tenant.
pub struct Workspaces<'a> {
    rows: &'a Rows,
    doors: &'a Doors,
    session: &'a Session,
    inbound: &'a Inbound,
    service: bool,
}

impl<'a> Workspaces<'a> {
    pub(super) fn new<R: Role>(rows: &'a Rows, authenticated: &'a Authenticated<R>) -> Self {
        Workspaces {
            rows,
            doors: authenticated.doors(),
            session: authenticated.session(),
            inbound: authenticated.inbound(),
            service: authenticated.is_service(),
        }
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// 503 `ledger-unavailable`.
    pub async fn list(&self) -> Result<Vec<DeploymentRef>, Denied> {
        self.no_service().await?;
        self.rows.of_tenant(self.session.tenant()).await.map_err(|error| unavailable(&error))
    }

    /// The one of this name.
    ///
    /// # Errors
    /// 404 `unknown-workspace`, and 403 `denied` for another tenant's, which is recorded.
    pub async fn get(&self, slug: &Slug) -> Result<DeploymentRef, Denied> {
        self.no_service().await?;
        match self.rows.get(slug).await {
            Ok(None) => Err(unknown_workspace().denied()),
            Ok(Some(row)) if row.tenant == self.session.tenant() => Ok(row),
            Ok(Some(_)) => {
                let inbound = self.inbound.clone().about(Some(slug.clone()));
                Err(self.doors.deny(Some(self.session.clone()), &inbound, "another tenant's workspace").await)
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// A service's key is good for its actions, and for no reads.
    async fn no_service(&self) -> Result<(), Denied> {
        if !self.service {
            return Ok(());
        }
        Err(self.doors.deny(Some(self.session.clone()), self.inbound, "a service reads nothing").await)
    }
}

impl std::fmt::Debug for Workspaces<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workspaces(of {})", self.session.tenant())
    }
}

fn unavailable(error: &crate::doors::LedgerError) -> Denied {
    tracing::error!(%error, "a read was refused");
    ledger_unavailable().denied()
}
