//! A container, as an inspection finds it.

use std::net::Ipv4Addr;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum as Status, HealthStatusEnum as Health};
use uuid::Uuid;

use super::{
    LocalDocker,
    spec::{self, ACTION, SPEC},
};
use crate::{Slug, Tier, hearth::Placement};

impl LocalDocker {
    pub(super) fn seen(&self, slug: &Slug, container: ContainerInspectResponse) -> Found {
        let labels = container.config.and_then(|config| config.labels).unwrap_or_default();
        let state = container.state.unwrap_or_default();
        let networks = container.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        // One that somebody let into another network is not on its own any more.
        let own = networks.get(&spec::name(slug)).filter(|_| networks.len() == 1);
        let given = own.and_then(|own| own.ipam_config.as_ref()?.ipv4_address.as_deref()?.parse().ok());
        Found {
            id: container.id.unwrap_or_default(),
            image: container.image.filter(|image| !image.is_empty()),
            spec: labels.get(SPEC).cloned(),
            made_by: labels.get(ACTION).and_then(|action| action.parse().ok()),
            tier: container.host_config.and_then(|host| self.options.tier_of(&host)),
            runs: state.status == Some(Status::RUNNING),
            paused: state.status == Some(Status::PAUSED),
            restarts: state.status == Some(Status::RESTARTING),
            // One that the engine starts again has ended too: it does not stay up.
            ended: matches!(state.status, Some(Status::EXITED | Status::DEAD | Status::RESTARTING)),
            exit_code: state.exit_code.unwrap_or_default(),
            health: state.health.and_then(|health| health.status),
            given,
            network: own.and_then(|own| own.network_id.clone()).filter(|id| !id.is_empty()),
            answers_at: own.and_then(|own| own.ip_address.as_deref()?.parse().ok()),
        }
    }
}

/// A container, as far as the driver wants to know.
pub(super) struct Found {
    pub(super) id: String,
    /// The id of the image that it was made from.
    pub(super) image: Option<String>,
    pub(super) spec: Option<String>,
    pub(super) made_by: Option<Uuid>,
    pub(super) tier: Option<Tier>,
    pub(super) runs: bool,
    pub(super) paused: bool,
    pub(super) restarts: bool,
    pub(super) ended: bool,
    pub(super) exit_code: i64,
    pub(super) health: Option<Health>,
    /// The address that it was given in its network, where that is the only one that it is in.
    pub(super) given: Option<Ipv4Addr>,
    /// That network's id, once it was started.
    pub(super) network: Option<String>,
    /// The one that it has there while it runs.
    pub(super) answers_at: Option<Ipv4Addr>,
}

/// Where a container is in its network.
pub(super) struct Place {
    pub(super) network: String,
    pub(super) address: Ipv4Addr,
}

impl Found {
    /// Of a network that was taken away and made anew, only the name is the same.
    pub(super) fn has(&self, place: &Place) -> bool {
        self.given == Some(place.address) && self.network.as_ref().is_none_or(|network| *network == place.network)
    }

    pub(super) fn placement(&self, driver: &LocalDocker) -> Option<Placement> {
        let (tier, address) = (self.tier?, self.answers_at?);
        let url = format!("http://{address}:{}/", driver.options.port);
        Some(Placement { tier, url, made_by: self.made_by })
    }
}
