//! Workspaces as containers of a Docker engine: one network, one volume and one container each, found by their labels.
//!
//! What is there is adopted where it is what was to be made, so that an action may be gone through with again after a
//! time-out or a crash at any point. Things are taken away by their ids: a call that comes late takes nobody else's.

mod changes;
mod engine;
mod found;
mod last_words;
mod spec;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bollard::models::{ContainerInspectResponse, HealthStatusEnum as Health, ImageInspect};
use tokio::sync::OnceCell;
use uuid::Uuid;

pub use self::spec::{DockerOptions, TierLimits};
use self::{
    engine::{Engine, Failed, is_the_one, there},
    found::{Found, Place},
    spec::{ACTION, INSTANCE, Plan, SLUG, TENANT, instance_label, labels_of},
};
use super::{Decommission, Driver, DriverError, Inspection, Placement, Provision, Repair, Upgrade};
use crate::{BoxFuture, Entitled, ErrorKind, Slug, Tier};

/// Where an engine listens that nobody moved.
const SOCKET: &str = "/var/run/docker.sock";
/// Between two looks at whether a workspace is well.
const LOOK: Duration = Duration::from_millis(50);
/// The same, of one that takes long.
const LATER: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(3);
/// A call that was cut off may still be on its way: whoever finds nothing looks again after that long.
const SETTLED: Duration = Duration::from_millis(700);
/// How often what is to go is looked for, and what is in the way is waited for.
const ROUNDS: usize = 20;
/// Between two tries at what something that goes is in the way of.
const GOING: Duration = Duration::from_millis(100);
/// How many of a workspace's last lines are told.
const LINES: u8 = 20;

type Result<T, E = DriverError> = std::result::Result<T, E>;

/// Workspaces as containers of a Docker engine, which runs on the same machine.
///
/// Each has a network of its own without a way out, a volume at `/data`, and one container: its image's program as user
/// 10001, without capabilities and without a way to new privileges, on a root file system that it cannot write, with
/// memory, processor time and processes as its tier says. It answers on its address in its network, which this machine
/// reaches and other workspaces do not. The engine starts it again when it ends by itself, and after the engine's own
/// restart; not after somebody stopped it.
///
/// A workspace is there once its image's health check has passed. Where it does not in time, everything that was made is
/// taken away again, and the audit event has its last lines, without what looks like a secret.
///
/// An upgrade changes the limits of the running container. Where the engine's kernel cannot do that, the container is made
/// anew from the image that it had, with the same volume and the same address. A repair makes it from the image that is
/// configured now.
///
/// Each call of the engine may take 20 s, all calls together what is left of the action's time. A provision in which a
/// call took longer is not over when what it made is taken back, for the engine may still do what it was asked: its
/// workspace is unsettled until `reconcile` has looked again.
///
/// Errors, other than 502 `driver-failed`: 409 `name-in-use`, when somebody else's network, volume or container has the
/// workspace's name; 404 `workspace-gone`, when there is nothing to upgrade; 502 `image-missing` and
/// `image-has-no-health-check`; 503 `engine-unavailable` and `other-engine`; 504 `engine-timed-out` and
/// `workspace-not-well`.
///
/// ```
/// use rocky_sdk::hearth::{DockerOptions, Driver, LocalDocker, NotDockerOptions};
///
/// let driver = LocalDocker::new(DockerOptions::new("rocky/workspace:dev", "4f1c09aa62d7b3e8"))?;
/// assert_eq!(driver.name(), "docker");
///
/// // What cannot work is refused before anything is asked of the engine.
/// let mut options = DockerOptions::new("rocky/workspace:dev", "4f1c09aa62d7b3e8");
/// options.limits[1] = options.limits[0];
/// let NotDockerOptions(why) = LocalDocker::new(options).unwrap_err();
/// assert!(why.contains("limits"), "{why}");
/// # Ok::<(), NotDockerOptions>(())
/// ```
#[derive(Debug)]
pub struct LocalDocker {
    options: DockerOptions,
    socket: String,
    engine: OnceCell<Engine>,
    /// Provisions that are at a call, or of which one did not end in time.
    late: Mutex<BTreeSet<Uuid>>,
}

/// The options cannot work, for this reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the Docker driver's {0}")]
pub struct NotDockerOptions(pub String);

impl LocalDocker {
    /// Asks nothing of the engine yet, which may be down: whoever needs it then hears so.
    ///
    /// # Errors
    /// When the options cannot work.
    pub fn new(options: DockerOptions) -> Result<Self, NotDockerOptions> {
        let refused = |why: &str| Err(NotDockerOptions(why.to_owned()));
        let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let (base, prefix) = options.subnets;
        if options.instance.is_empty() || options.instance.len() > 64 || !word(&options.instance) {
            return refused("instance is 1 to 64 letters, digits and `-`");
        }
        if options.image.is_empty() || options.image.len() > 512 || options.image.contains(char::is_whitespace) {
            return refused("image is a name, a digest or an id, as `docker image ls` shows it");
        }
        if !(8..=28).contains(&prefix) || u32::from(base) & (u32::MAX >> prefix) != 0 {
            return refused("subnets are an IPv4 network and its prefix length, 8 to 28: 10.213.0.0/16");
        }
        let [solo, team, business] = options.limits;
        let least = |limits: TierLimits| limits.memory_mib >= 6 && limits.milli_cpus >= 10 && limits.pids >= 2;
        if ![solo, team, business].into_iter().all(least) || solo == team || team == business || solo == business {
            return refused(
                "limits are another for each tier, of at least 6 MiB, 10 thousandths of a core and 2 processes",
            );
        }
        let host = options.host.clone().or_else(|| std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()));
        let socket = match host {
            None => SOCKET.to_owned(),
            Some(host) => match host.strip_prefix("unix://") {
                Some(path) if path.starts_with('/') => path.to_owned(),
                _ => return Err(NotDockerOptions(format!("host is a Unix socket, unix:///path, and not {host}"))),
            },
        };
        Ok(LocalDocker { options, socket, engine: OnceCell::new(), late: Mutex::default() })
    }

    async fn engine(&self) -> Result<&Engine> {
        let engine = self.engine.get_or_try_init(|| self.connected()).await;
        engine.map_err(DriverError::untouched)
    }

    async fn connected(&self) -> Result<Engine> {
        let engine = Engine::at(&self.socket).await?;
        if let Some(path) = &self.options.engine_file {
            is_the_one(path, &engine.identity().await?)?;
        }
        Ok(engine)
    }

    /// The id of the workspaces' image. Asked first: without it nothing is begun.
    async fn image(&self, engine: &Engine) -> Result<String> {
        self.image_id(engine).await.map_err(DriverError::untouched)
    }

    async fn image_id(&self, engine: &Engine) -> Result<String> {
        let name = &self.options.image;
        let Some(ImageInspect { id: Some(id), config, .. }) = there(engine.image(name).await)? else {
            let missing = format!("the engine has no image `{name}`: build or load it first, nothing is pulled");
            return Err(DriverError::of(ErrorKind::Failed, "image-missing", missing));
        };
        let check = config.and_then(|config| config.healthcheck).and_then(|check| check.test).unwrap_or_default();
        if check.first().is_none_or(|how| how == "NONE") {
            let missing = format!("the image `{name}` does not say when it is well: give it a HEALTHCHECK");
            return Err(DriverError::of(ErrorKind::Failed, "image-has-no-health-check", missing));
        }
        Ok(id)
    }

    /// The image that a container has, where the engine still has it, or else the configured one.
    async fn image_again(&self, engine: &Engine, found: &Found) -> Result<String> {
        match &found.image {
            Some(id) if there(engine.image(id).await)?.is_some() => Ok(id.clone()),
            _ => self.image_id(engine).await,
        }
    }

    async fn make(&self, token: &Entitled<Provision>) -> Result<Placement> {
        let engine = self.engine().await?;
        let Provision { slug, tier } = token.action();
        let image = self.image(engine).await?;
        let plan = Plan::new(&self.options, slug, token.session().tenant(), token.actionid(), &image);
        // The name is this action's alone: what another left under it goes, and its data with it.
        if self.makers(engine, slug).await?.into_iter().any(|made_by| made_by != Some(token.actionid())) {
            self.remove(engine, slug).await?;
        }
        // Until the engine has said so, and where this is dropped in the midst of a call, nobody knows that it is done.
        self.late().insert(token.actionid());
        let made = self.go_through(engine, &plan, *tier, token.ends_at()).await;
        if made.as_ref().err().is_none_or(|error| error.code != engine::LATE) {
            self.late().remove(&token.actionid());
        }
        made
    }

    fn late(&self) -> std::sync::MutexGuard<'_, BTreeSet<Uuid>> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes what is not there, adopts what is, and waits until the workspace is well.
    async fn go_through(&self, engine: &Engine, plan: &Plan<'_>, tier: Tier, ends_at: Instant) -> Result<Placement> {
        let place = self.network(engine, plan).await?;
        self.volume(engine, plan).await?;
        let id = self.container(engine, plan, tier, &place).await?;
        self.start(engine, plan.slug, &id).await?;
        self.well(engine, plan.slug, &id, ends_at).await
    }

    /// Starts what does not run. What runs and is not well is started anew: what it was told before says nothing.
    async fn start(&self, engine: &Engine, slug: &Slug, id: &str) -> Result<()> {
        let mut found = self.seen(slug, engine.container(id).await?);
        if found.paused {
            engine.unpause(id).await?;
            found = self.seen(slug, engine.container(id).await?);
        }
        // What the engine starts again and again is between two starts: it waits ever longer, and has nothing new to say.
        if found.restarts || (found.runs && found.health == Some(Health::UNHEALTHY)) {
            engine.restart(id).await?;
        }
        Ok(engine.start(id).await?)
    }

    /// The workspace's network, made or adopted; its container's place in it.
    async fn network(&self, engine: &Engine, plan: &Plan<'_>) -> Result<Place> {
        if let Some(place) = self.place(engine, plan).await? {
            return Ok(place);
        }
        for network in plan.networks() {
            match engine.create_network(network).await {
                // Another network has these addresses, a workspace's or somebody else's.
                Err(Failed::Refused(_, why)) if why.contains("overlaps") => {}
                // A call that was cut off has made it meanwhile: it is looked at.
                Err(failed) if failed.is_taken() => break,
                made => {
                    made?;
                    break;
                }
            }
        }
        let (base, prefix) = self.options.subnets;
        let none = || {
            let why = format!("no addresses are left for a network in {base}/{prefix}: choose other subnets, or more");
            DriverError::failed(why)
        };
        self.place(engine, plan).await?.ok_or_else(none)
    }

    /// The container's place in the workspace's network; `None` where there is no network.
    async fn place(&self, engine: &Engine, plan: &Plan<'_>) -> Result<Option<Place>> {
        // By its labels: older engines make two networks of one name, and then know neither by it.
        let mut ids = engine.networks(&labels_of(&self.options, plan.slug)).await?;
        if ids.is_empty() {
            return match engine.network(&plan.name()).await {
                Err(Failed::Gone) => Ok(None),
                Err(Failed::Refused(400, _)) | Ok(_) => Err(taken("network", &plan.name())),
                Err(failed) => Err(failed.into()),
            };
        }
        ids.sort();
        // A call that came late has made a second one: one that nothing is in goes.
        while let [first, .., last] = &ids[..] {
            let unused = match engine.remove_network(last).await {
                Ok(()) => last.clone(),
                Err(Failed::Refused(403, _)) => {
                    engine.remove_network(first).await?;
                    first.clone()
                }
                Err(failed) => return Err(failed.into()),
            };
            ids.retain(|id| *id != unused);
        }
        let Some(found) = there(engine.network(&ids[0]).await)? else { return Ok(None) };
        self.is_ours("network", plan, &found.labels.unwrap_or_default())?;
        let subnet = found.ipam.and_then(|ipam| ipam.config?.into_iter().next()?.subnet);
        let address = subnet.as_deref().and_then(spec::address);
        let place = address.zip(found.id).map(|(address, network)| Place { network, address });
        place.map(Some).ok_or_else(|| DriverError::failed("its network has no addresses"))
    }

    async fn volume(&self, engine: &Engine, plan: &Plan<'_>) -> Result<()> {
        // One that is there is given back as it is.
        let volume = engine.create_volume(plan.volume()).await?;
        self.is_ours("volume", plan, &volume.labels)
    }

    /// The workspace's container, made or adopted, with the tier's limits. It may not run yet.
    async fn container(&self, engine: &Engine, plan: &Plan<'_>, tier: Tier, place: &Place) -> Result<String> {
        let name = plan.name();
        for _ in 0..ROUNDS {
            if let Some(found) = there(engine.container(&name).await)? {
                let found = self.found(plan, found)?;
                if found.spec.as_deref() == Some(&plan.hash()) && found.has(place) {
                    if found.tier != Some(tier) {
                        engine.update(&found.id, self.options.limits_of(tier).update()).await?;
                    }
                    return Ok(found.id);
                }
                // It is another image's, or its network is another one: its data stays.
                engine.remove_container(&found.id).await?;
            }
            match engine.create_container(&name, plan.container(tier, place.address)).await {
                // A call that was cut off has made it meanwhile, or one that goes is not gone yet: it is looked at.
                Err(failed) if failed.is_taken() => tokio::time::sleep(GOING).await,
                made => return Ok(made?),
            }
        }
        Err(DriverError::failed("the engine says that it took the former container away, and still has it"))
    }

    /// Waits until the health check has passed.
    async fn well(&self, engine: &Engine, slug: &Slug, id: &str, ends_at: Instant) -> Result<Placement> {
        let began = Instant::now();
        let within = self.options.healthy_within.min(ends_at.saturating_duration_since(began) * 7 / 10);
        let why = loop {
            let found = self.seen(slug, engine.container(id).await?);
            match found.health {
                Some(Health::HEALTHY) if found.runs => {
                    let other = || DriverError::failed("its container has other limits or networks than it was given");
                    return found.placement(self).ok_or_else(other);
                }
                _ if found.ended => break format!("it ended with exit code {}", found.exit_code),
                Some(Health::UNHEALTHY) => break "its health check fails".to_owned(),
                None | Some(Health::NONE | Health::EMPTY) if found.runs => break "it has no health check".to_owned(),
                _ if began.elapsed() >= within => break format!("it was not well after {} s", within.as_secs()),
                _ => tokio::time::sleep(if began.elapsed() < LONG { LOOK } else { LATER }).await,
            }
        };
        let log = last_words::told(&engine.log(id, LINES, 4 * last_words::BYTES).await);
        let said = if log.is_empty() { "it wrote nothing".to_owned() } else { format!("its last lines: {log}") };
        Err(DriverError::of(ErrorKind::TimedOut, "workspace-not-well", format!("{why}; {said}")))
    }

    /// Takes away whatever this instance has of a workspace, until nothing is found.
    async fn remove(&self, engine: &Engine, slug: &Slug) -> Result<()> {
        let labels = labels_of(&self.options, slug);
        for _ in 0..ROUNDS {
            let containers = engine.containers(&labels).await?;
            for id in &containers {
                engine.remove_container(id).await?;
            }
            let (networks, volumes) = (engine.networks(&labels).await?, engine.volumes(&labels).await?);
            if containers.is_empty() && networks.is_empty() && volumes.is_empty() {
                return Ok(());
            }
            if !containers.is_empty() && !engine.containers(&labels).await?.is_empty() {
                tokio::time::sleep(LOOK).await; // one that goes by itself, after somebody else's removal
                continue;
            }
            for id in &networks {
                engine.remove_network(id).await?;
            }
            for name in &volumes {
                engine.remove_volume(name).await?;
            }
        }
        Err(DriverError::failed("the engine says that it took the workspace away, and still has it"))
    }

    /// The same, of a workspace whose making may have been cut off in the midst of a call.
    async fn take_back(&self, token: &Entitled<Provision>) -> Result<()> {
        // Once: whoever settles it later has given the engine its time.
        let late = self.late().remove(&token.actionid());
        let engine = self.engine().await?;
        let slug = &token.action().slug;
        self.remove(engine, slug).await?;
        tokio::time::sleep(SETTLED).await;
        self.remove(engine, slug).await?;
        if late {
            let why = "what it made is gone; the engine did not say that it is done with it: settle it later";
            return Err(DriverError::of(ErrorKind::TimedOut, engine::LATE, why));
        }
        Ok(())
    }

    /// The actions that provisioned what is there: the volume, the container, the network.
    async fn makers(&self, engine: &Engine, slug: &Slug) -> Result<Vec<Option<Uuid>>> {
        let name = spec::name(slug);
        let volume = there(engine.volume(&name).await)?.map(|found| found.labels);
        let container = there(engine.container(&name).await)?.and_then(|found| found.config?.labels);
        let mut labels = vec![volume, container];
        for id in engine.networks(&labels_of(&self.options, slug)).await? {
            labels.push(there(engine.network(&id).await)?.and_then(|found| found.labels));
        }
        let ours = labels.into_iter().flatten().filter(|labels| self.are_ours(slug, labels));
        Ok(ours.map(|labels| labels.get(ACTION)?.parse().ok()).collect())
    }

    async fn look(&self, slug: &Slug) -> Result<Inspection> {
        let engine = self.engine().await?;
        for again in [true, false] {
            if let Some(found) = there(engine.container(&spec::name(slug)).await)? {
                let ours = found.config.as_ref().and_then(|config| config.labels.as_ref());
                if ours.is_some_and(|labels| self.are_ours(slug, labels)) {
                    let found = self.seen(slug, found);
                    let well = found.runs && found.health == Some(Health::HEALTHY);
                    let placement = found.placement(self).filter(|_| well);
                    return Ok(placement.map_or(Inspection::Broken { tier: found.tier }, Inspection::Serving));
                }
            }
            let labels = labels_of(&self.options, slug);
            let left = !engine.containers(&labels).await?.is_empty()
                || !engine.networks(&labels).await?.is_empty()
                || !engine.volumes(&labels).await?.is_empty();
            if left {
                return Ok(Inspection::Broken { tier: None });
            }
            if again {
                tokio::time::sleep(SETTLED).await;
            }
        }
        Ok(Inspection::Absent)
    }

    fn are_ours(&self, slug: &Slug, labels: &HashMap<String, String>) -> bool {
        labels.get(INSTANCE) == Some(&self.options.instance) && labels.get(SLUG).is_some_and(|of| of == slug.as_str())
    }

    /// The workspace's, and its tenant's: nobody gets what another tenant left.
    fn is_ours(&self, what: &str, plan: &Plan<'_>, labels: &HashMap<String, String>) -> Result<()> {
        let is = self.are_ours(plan.slug, labels) && labels.get(TENANT).is_some_and(|of| of == plan.tenant);
        if is { Ok(()) } else { Err(taken(what, &plan.name())) }
    }

    /// A container that has the workspace's name, where it is the workspace's.
    fn found(&self, plan: &Plan<'_>, container: ContainerInspectResponse) -> Result<Found> {
        let labels = container.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default();
        self.is_ours("container", plan, &labels)?;
        Ok(self.seen(plan.slug, container))
    }

    /// The workspaces of this instance that the engine has something of.
    async fn all(&self) -> Result<Vec<Slug>> {
        let labels = self.engine().await?.all_labels(&[instance_label(&self.options)]).await?;
        let slugs = labels.iter().filter_map(|labels| Slug::parse(labels.get(SLUG)?).ok());
        Ok(slugs.collect::<BTreeSet<_>>().into_iter().collect())
    }
}

fn taken(what: &str, name: &str) -> DriverError {
    let message =
        format!("the engine has a {what} `{name}` that is not this workspace's: take it away, or choose another slug");
    DriverError::of(ErrorKind::Conflict, "name-in-use", message)
}

impl Driver for LocalDocker {
    fn name(&self) -> &str {
        "docker"
    }

    fn provision<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<Placement>> {
        Box::pin(self.make(token))
    }

    fn undo<'t>(&'t self, token: &'t Entitled<Provision>) -> BoxFuture<'t, Result<()>> {
        Box::pin(self.take_back(token))
    }

    fn upgrade<'t>(&'t self, token: &'t Entitled<Upgrade>) -> BoxFuture<'t, Result<Placement>> {
        Box::pin(self.change(token))
    }

    fn repair<'t>(&'t self, token: &'t Entitled<Repair>) -> BoxFuture<'t, Result<Placement>> {
        Box::pin(self.mend(token))
    }

    fn decommission<'t>(&'t self, token: &'t Entitled<Decommission>) -> BoxFuture<'t, Result<()>> {
        Box::pin(async { self.remove(self.engine().await?, &token.action().slug).await })
    }

    fn inspect<'t>(&'t self, slug: &'t Slug) -> BoxFuture<'t, Result<Inspection>> {
        Box::pin(self.look(slug))
    }

    fn all<'t>(&'t self) -> BoxFuture<'t, Result<Vec<Slug>>> {
        Box::pin(self.all())
    }
}
