//! What a workspace is on an engine: its names, its labels, its limits, and what its container may do.

use std::{collections::HashMap, net::Ipv4Addr, path::PathBuf, time::Duration};

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig,
    Ipam, IpamConfig, Mount, MountType, MountVolumeOptions, NetworkCreateRequest, NetworkingConfig, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum, VolumeCreateRequest,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Slug, Tier};

/// Whose workspace it is. Of two homes on one engine, neither touches the other's.
pub(super) const INSTANCE: &str = "rocky.instance";
pub(super) const SLUG: &str = "rocky.slug";
pub(super) const TENANT: &str = "rocky.tenant";
/// The action that provisioned it.
pub(super) const ACTION: &str = "rocky.action";
/// The hash of what it is to be.
pub(super) const SPEC: &str = "rocky.spec";

/// A subnet for a workspace has 8 addresses: the bridge's, the container's, and what Docker needs.
const BLOCK: u32 = 8;
/// How many of the subnets are tried.
const TRIES: u32 = 64;
/// Which user the workspace's processes are.
const USER: &str = "10001:10001";
const FILES: i64 = 4096;
/// Counted up when what stands below changes: containers of before are made anew when they are repaired.
const VERSION: u32 = 1;

/// What a tier's workspaces may use. The kernel holds them to it.
///
/// ```
/// use rocky_sdk::hearth::TierLimits;
///
/// // Half a core, and 256 MiB of memory, none of it swapped out.
/// let small = TierLimits { memory_mib: 256, milli_cpus: 500, pids: 128 };
/// assert_eq!(small, TierLimits { pids: 128, ..small });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierLimits {
    /// Memory, in MiB; there is no swap. What needs more is killed by the kernel.
    pub memory_mib: u32,
    /// Processor time, in thousandths of a core.
    pub milli_cpus: u32,
    /// Processes and threads.
    pub pids: u32,
}

impl TierLimits {
    pub(super) fn memory(self) -> i64 {
        i64::from(self.memory_mib) << 20
    }

    pub(super) fn nano_cpus(self) -> i64 {
        i64::from(self.milli_cpus) * 1_000_000
    }

    /// Memory and swap change together, or not at all.
    pub(super) fn update(self) -> ContainerUpdateBody {
        ContainerUpdateBody {
            memory: Some(self.memory()),
            memory_swap: Some(self.memory()),
            nano_cpus: Some(self.nano_cpus()),
            pids_limit: Some(i64::from(self.pids)),
            ..ContainerUpdateBody::default()
        }
    }

    fn are_of(self, host: &HostConfig) -> bool {
        // An engine whose kernel does not count swap says -1.
        host.memory == Some(self.memory())
            && [Some(self.memory()), Some(-1)].contains(&host.memory_swap)
            && host.nano_cpus == Some(self.nano_cpus())
            && host.pids_limit == Some(i64::from(self.pids))
    }
}

/// Workspaces of this home on an engine: which image, which limits, which addresses.
///
/// ```
/// use std::{net::Ipv4Addr, time::Duration};
/// use rocky_sdk::hearth::{DockerOptions, TierLimits};
///
/// let mut options = DockerOptions::new("registry.example/workspace@sha256:0123", "4f1c09aa62d7b3e8");
/// options.host = Some("unix:///run/user/1000/docker.sock".to_owned()); // else DOCKER_HOST, else the default path
/// options.port = 3000; // where the image's program listens
/// options.healthy_within = Duration::from_secs(20);
/// options.engine_file = Some("/var/lib/rocky/engine".into());
/// options.subnets = (Ipv4Addr::new(10, 99, 0, 0), 16); // 8,192 workspaces
/// let [solo, team, business] = &mut options.limits;
/// *business = TierLimits { memory_mib: 8192, milli_cpus: 4000, ..*business };
/// assert!(solo.memory_mib < team.memory_mib);
/// assert_eq!((options.image.len(), options.instance.len()), (38, 16));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DockerOptions {
    /// The workspaces' image, as the engine knows it: `name@digest`, `name:tag` or an id. It is there already: nothing
    /// is pulled. It says in a `HEALTHCHECK` when a workspace is well, and runs as user 10001.
    pub image: String,
    /// Whose workspaces these are, 1 to 64 letters, digits and `-`: a home's own name, that stays. What another
    /// instance made on the same engine is not touched.
    pub instance: String,
    /// The engine's socket, `unix:///..`; `None`: what `DOCKER_HOST` says, or `/var/run/docker.sock`.
    pub host: Option<String>,
    /// The port that a workspace listens on, in its container. It finds it in `ROCKY_PORT`.
    pub port: u16,
    /// How long a workspace may take from its start until its health check passes; no longer than seven tenths of the
    /// action's time, so that there is some left to take it away again.
    pub healthy_within: Duration,
    /// What solo, team and business may use. No two are the same: they tell which tier is in force.
    pub limits: [TierLimits; 3],
    /// The file in which the first engine's identity is kept, 0600; `None`: any engine will do. On another engine the
    /// workspaces are not, and what is not there would be taken for gone: it is refused, 503 `other-engine`.
    pub engine_file: Option<PathBuf>,
    /// From where the workspaces' networks take their addresses, 8 each: an IPv4 network and its prefix length, 8 to 28.
    pub subnets: (Ipv4Addr, u8),
}

impl DockerOptions {
    /// The defaults: port 8080, well within 40 s; solo 256 MiB, half a core and 128 processes, team 1 GiB, a core and
    /// 512, business 4 GiB, two cores and 2,048; networks in 10.213.0.0/16.
    #[must_use]
    pub fn new(image: impl Into<String>, instance: impl Into<String>) -> Self {
        DockerOptions {
            image: image.into(),
            instance: instance.into(),
            host: None,
            port: 8080,
            healthy_within: Duration::from_secs(40),
            engine_file: None,
            limits: [
                TierLimits { memory_mib: 256, milli_cpus: 500, pids: 128 },
                TierLimits { memory_mib: 1024, milli_cpus: 1000, pids: 512 },
                TierLimits { memory_mib: 4096, milli_cpus: 2000, pids: 2048 },
            ],
            subnets: (Ipv4Addr::new(10, 213, 0, 0), 16),
        }
    }

    pub(super) fn limits_of(&self, tier: Tier) -> TierLimits {
        let [solo, team, business] = self.limits;
        match tier {
            Tier::Solo => solo,
            Tier::Team => team,
            Tier::Business => business,
        }
    }

    /// The tier whose limits these are.
    pub(super) fn tier_of(&self, host: &HostConfig) -> Option<Tier> {
        [Tier::Solo, Tier::Team, Tier::Business].into_iter().find(|tier| self.limits_of(*tier).are_of(host))
    }
}

/// A workspace's network, volume and container have one name.
pub(super) fn name(slug: &Slug) -> String {
    format!("rocky-{slug}")
}

/// What finds all that this instance made for a workspace.
pub(super) fn labels_of(options: &DockerOptions, slug: &Slug) -> [String; 2] {
    [format!("{SLUG}={slug}"), instance_label(options)]
}

/// What finds all that this instance made.
pub(super) fn instance_label(options: &DockerOptions) -> String {
    format!("{INSTANCE}={}", options.instance)
}

/// What a workspace is to be, but for its tier, which changes.
pub(super) struct Plan<'a> {
    options: &'a DockerOptions,
    pub(super) slug: &'a Slug,
    pub(super) tenant: &'a str,
    actionid: Uuid,
    image: &'a str,
}

impl<'a> Plan<'a> {
    /// `image` is the image's id: a tag may be another image tomorrow.
    pub(super) fn new(
        options: &'a DockerOptions,
        slug: &'a Slug,
        tenant: &'a str,
        actionid: Uuid,
        image: &'a str,
    ) -> Self {
        Plan { options, slug, tenant, actionid, image }
    }

    /// The same of another image.
    pub(super) fn with<'b>(&self, image: &'b str) -> Plan<'b>
    where
        'a: 'b,
    {
        Plan { image, options: self.options, slug: self.slug, tenant: self.tenant, actionid: self.actionid }
    }

    pub(super) fn name(&self) -> String {
        name(self.slug)
    }

    /// The same for what is to be the same.
    pub(super) fn hash(&self) -> String {
        let DockerOptions { instance, port, .. } = self.options;
        let Plan { slug, tenant, actionid, image, .. } = self;
        let spec = serde_json::json!([VERSION, instance, slug.as_str(), tenant, actionid, image, port]);
        hex::encode(Sha256::digest(spec.to_string()))
    }

    pub(super) fn labels(&self) -> HashMap<String, String> {
        let labels = [
            (INSTANCE, self.options.instance.clone()),
            (SLUG, self.slug.to_string()),
            (TENANT, self.tenant.to_owned()),
            (ACTION, self.actionid.to_string()),
            (SPEC, self.hash()),
        ];
        labels.map(|(label, value)| (label.to_owned(), value)).into()
    }

    /// Networks to try, the slug's own first: two workspaces may have the same first choice.
    pub(super) fn networks(&self) -> impl Iterator<Item = NetworkCreateRequest> {
        let (base, prefix) = self.options.subnets;
        let blocks = (1_u32 << (32 - u32::from(prefix))) / BLOCK;
        let digest = Sha256::digest(self.slug.as_str());
        let first = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % blocks;
        let (name, labels) = (self.name(), self.labels());
        (0..TRIES.min(blocks)).map(move |at| {
            let block = u32::from(base) + (first + at) % blocks * BLOCK;
            let config = IpamConfig {
                subnet: Some(format!("{}/29", Ipv4Addr::from(block))),
                gateway: Some(Ipv4Addr::from(block + 1).to_string()),
                ..IpamConfig::default()
            };
            NetworkCreateRequest {
                name: name.clone(),
                driver: Some("bridge".to_owned()),
                internal: Some(true), // no way out, and none to other workspaces
                ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
                labels: Some(labels.clone()),
                ..NetworkCreateRequest::default()
            }
        })
    }

    pub(super) fn volume(&self) -> VolumeCreateRequest {
        VolumeCreateRequest { name: Some(self.name()), labels: Some(self.labels()), ..VolumeCreateRequest::default() }
    }

    /// The container, at this address of its network: it keeps it when it is made anew.
    pub(super) fn container(&self, tier: Tier, address: Ipv4Addr) -> ContainerCreateBody {
        let limits = self.options.limits_of(tier);
        let yes = Some(true);
        let host = HostConfig {
            memory: Some(limits.memory()),
            memory_swap: Some(limits.memory()),
            nano_cpus: Some(limits.nano_cpus()),
            pids_limit: Some(i64::from(limits.pids)),
            ulimits: Some(vec![ResourcesUlimits {
                name: Some("nofile".to_owned()),
                soft: Some(FILES),
                hard: Some(FILES),
            }]),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            readonly_rootfs: yes,
            tmpfs: Some([("/tmp".to_owned(), "rw,noexec,nosuid,nodev,size=64m,mode=1777".to_owned())].into()),
            mounts: Some(vec![Mount {
                typ: Some(MountType::VOLUME),
                source: Some(self.name()),
                target: Some("/data".to_owned()),
                // Made by this very call, where it came late and the volume was taken back meanwhile, it is found all the same.
                volume_options: Some(MountVolumeOptions {
                    labels: Some(self.labels()),
                    ..MountVolumeOptions::default()
                }),
                ..Mount::default()
            }]),
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some([("max-size", "10m"), ("max-file", "2")].map(owned).into()),
            }),
            dns: Some(vec!["127.0.0.1".to_owned()]), // its own: no question for a name goes out either
            ipc_mode: Some("private".to_owned()),
            init: yes,
            network_mode: Some(self.name()),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
                maximum_retry_count: None,
            }),
            ..HostConfig::default()
        };
        let endpoint = EndpointSettings {
            ipam_config: Some(EndpointIpamConfig {
                ipv4_address: Some(address.to_string()),
                ..EndpointIpamConfig::default()
            }),
            ..EndpointSettings::default()
        };
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            hostname: Some(self.slug.to_string()),
            user: Some(USER.to_owned()),
            env: Some(vec![
                format!("ROCKY_SLUG={}", self.slug),
                format!("ROCKY_TENANT={}", self.tenant),
                format!("ROCKY_PORT={}", self.options.port),
            ]),
            labels: Some(self.labels()),
            host_config: Some(host),
            networking_config: Some(NetworkingConfig { endpoints_config: Some([(self.name(), endpoint)].into()) }),
            ..ContainerCreateBody::default()
        }
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// The workspace's address on a network with this subnet.
pub(super) fn address(subnet: &str) -> Option<Ipv4Addr> {
    let (base, _) = subnet.split_once('/')?;
    let base: Ipv4Addr = base.parse().ok()?;
    Some(Ipv4Addr::from(u32::from(base) + 2))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const IMAGE: &str = "sha256:46dee3eda73b";

    #[test]
    fn networks_lie_side_by_side_in_the_subnets_that_were_said() {
        for (subnets, count) in [((Ipv4Addr::new(10, 213, 0, 0), 16), 64), ((Ipv4Addr::new(192, 168, 7, 0), 26), 8)] {
            let options = DockerOptions { subnets, ..DockerOptions::new(IMAGE, "one") };
            for slug in ["acme", "globex", "a", "z9"] {
                let slug = Slug::parse(slug).unwrap();
                let plan = Plan::new(&options, &slug, "local", Uuid::nil(), IMAGE);
                let subnet = |network: NetworkCreateRequest| network.ipam?.config?.pop()?.subnet;
                let tried: Vec<String> = plan.networks().map(|network| subnet(network).unwrap()).collect();
                let addresses: HashSet<Ipv4Addr> = tried.iter().map(|subnet| address(subnet).unwrap()).collect();
                assert_eq!((tried.len(), addresses.len()), (count, count));
                let mask = u32::MAX << (32 - u32::from(subnets.1));
                for address in addresses {
                    let address = u32::from(address);
                    assert_eq!((address & mask, address % BLOCK), (u32::from(subnets.0), 2));
                }
            }
        }
    }

    #[test]
    fn a_spec_is_another_where_anything_is_but_the_tier() {
        let options = DockerOptions::new(IMAGE, "one");
        let (acme, other) = (Slug::parse("acme").unwrap(), Slug::parse("acme-2").unwrap());
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let hash = |options, slug, tenant, actionid, image| Plan::new(options, slug, tenant, actionid, image).hash();
        let (elsewhere, port) =
            (DockerOptions::new(IMAGE, "two"), DockerOptions { port: 3000, ..DockerOptions::new(IMAGE, "one") });
        let hashes = HashSet::from([
            hash(&options, &acme, "local", first, IMAGE),
            hash(&options, &other, "local", first, IMAGE),
            hash(&options, &acme, "globex", first, IMAGE),
            hash(&options, &acme, "local", second, IMAGE),
            hash(&options, &acme, "local", first, "sha256:0123"),
            hash(&elsewhere, &acme, "local", first, IMAGE),
            hash(&port, &acme, "local", first, IMAGE),
        ]);
        assert_eq!(hashes.len(), 7);
        let plan = Plan::new(&options, &acme, "local", first, IMAGE);
        let address = Ipv4Addr::new(10, 213, 0, 2);
        let spec = |tier| plan.container(tier, address).labels.unwrap()[SPEC].clone();
        assert_eq!(spec(Tier::Solo), spec(Tier::Business));
    }

    #[test]
    fn the_limits_tell_the_tier() {
        let options = DockerOptions::new(IMAGE, "one");
        let acme = Slug::parse("acme").unwrap();
        let plan = Plan::new(&options, &acme, "local", Uuid::nil(), IMAGE);
        for tier in [Tier::Solo, Tier::Team, Tier::Business] {
            let host = plan.container(tier, Ipv4Addr::new(10, 213, 0, 2)).host_config.unwrap();
            assert_eq!(options.tier_of(&host), Some(tier));
            assert_eq!(options.tier_of(&HostConfig { pids_limit: Some(7), ..host }), None);
        }
    }
}
