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
    foreign: bool,
}

impl<'a> Workspaces<'a> {
    pub(super) fn new<R: Role>(rows: &'a Rows, doors: &'a Doors, authenticated: &'a Authenticated<R>) -> Self {
        Workspaces {
            rows,
            doors,
            session: authenticated.session(),
            inbound: authenticated.inbound(),
            service: authenticated.is_service(),
            foreign: !std::sync::Arc::ptr_eq(doors.identity(), authenticated.doors().identity()),
        }
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// 403 `denied` for a service and for whom other doors let in; 503 `ledger-unavailable`.
    pub async fn list(&self) -> Result<Vec<DeploymentRef>, Denied> {
        self.may_read().await?;
        self.rows.of_tenant(self.session.tenant()).await.map_err(|error| unavailable(&error))
    }

    /// The one of this name.
    ///
    /// # Errors
    /// 404 `unknown-workspace`, and 403 `denied` for another tenant's, which is recorded.
    pub async fn get(&self, slug: &Slug) -> Result<DeploymentRef, Denied> {
        self.may_read().await?;
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

    /// A service's key is good for its actions, and for no reads. Whom other doors let in is a stranger here, whoever they say
    /// that it is.
    async fn may_read(&self) -> Result<(), Denied> {
        let (who, reason) = match (self.foreign, self.service) {
            (true, _) => (None, "let in by other doors"),
            (false, true) => (Some(self.session.clone()), "a service reads nothing"),
            (false, false) => return Ok(()),
        };
        Err(self.doors.deny(who, self.inbound, reason).await)
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
