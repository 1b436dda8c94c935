//! The engine's calls that the driver makes, each with its time, and what went wrong in the driver's words.

use std::{collections::HashMap, path::Path, time::Duration};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    container::LogOutput,
    errors::Error,
    models::{
        ContainerCreateBody, ContainerInspectResponse, ContainerUpdateBody, ImageInspect, NetworkCreateRequest,
        NetworkInspect, Volume, VolumeCreateRequest,
    },
    query_parameters::{
        CreateContainerOptions, InspectContainerOptions, InspectNetworkOptions, ListContainersOptions,
        ListNetworksOptions, ListVolumesOptions, LogsOptions, RemoveContainerOptions, RemoveVolumeOptions,
        RestartContainerOptions, StartContainerOptions,
    },
};
use futures_core::Stream;
use tokio::time::timeout;

use crate::{ErrorKind, hearth::DriverError, private_files};

/// How long the engine may take for one call.
const CALL: Duration = Duration::from_secs(20);
/// How long it may take for a container's last lines.
const LOG: Duration = Duration::from_secs(3);
/// The code of a call that did not end in time. The engine may still do what it was asked.
pub(super) const LATE: &str = "engine-timed-out";
/// How much of an engine's message is told.
const MESSAGE: usize = 300;

/// Why a call did not do what it was to do.
#[derive(Debug)]
pub(super) enum Failed {
    /// What it is about is not there.
    Gone,
    /// The engine refuses: with this status, and for this reason.
    Refused(u16, String),
    /// Nobody answers there.
    Unreachable(String),
    /// It did not answer in time. It may still do it.
    Late(&'static str),
    /// It answered something else than an engine does.
    Garbled(String),
}

pub(super) type Result<T, E = Failed> = std::result::Result<T, E>;

impl Failed {
    fn of(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError { status_code: 404, .. } => Failed::Gone,
            Error::DockerResponseServerError { status_code, message } => {
                Failed::Refused(status_code, message.chars().take(MESSAGE).collect())
            }
            Error::RequestTimeoutError => Failed::Late("the call"),
            Error::JsonDataError { message, .. } => Failed::Garbled(message),
            other => Failed::Unreachable(other.to_string()),
        }
    }

    /// Whether the name is somebody's already.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self, Failed::Refused(409, _))
    }
}

impl From<Failed> for DriverError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Gone => DriverError::failed("the engine lost it in the midst of the work"),
            Failed::Refused(status, message) => DriverError::failed(format!("the engine answered {status}: {message}")),
            Failed::Garbled(why) => DriverError::failed(format!("the engine's answer cannot be read: {why}")),
            Failed::Unreachable(why) => {
                let message = format!("the Docker engine cannot be reached: {why}");
                DriverError::of(ErrorKind::Unavailable, "engine-unavailable", message)
            }
            Failed::Late(call) => {
                let message = format!("the Docker engine did not answer in {} s: {call}", CALL.as_secs());
                DriverError::of(ErrorKind::TimedOut, LATE, message)
            }
        }
    }
}

/// What is there is success for whoever wants it gone.
pub(super) fn gone_is_fine(failed: Failed) -> Result<()> {
    if matches!(failed, Failed::Gone) { Ok(()) } else { Err(failed) }
}

/// What is not there is none.
pub(super) fn there<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Failed::Gone) => Ok(None),
        Err(failed) => Err(failed),
    }
}

/// A connected engine.
#[derive(Debug, Clone)]
pub(super) struct Engine(Docker);

impl Engine {
    /// The engine behind the Unix socket at `path`, spoken to in a version that both know.
    pub(super) async fn at(path: &str) -> Result<Self> {
        let docker = Docker::connect_with_unix(path, CALL.as_secs(), API_DEFAULT_VERSION).map_err(Failed::of)?;
        in_time("its version", docker.negotiate_version()).await.map(Engine)
    }

    /// What tells it from another one: its id, which two engines of one machine can share, and where its data is.
    pub(super) async fn identity(&self) -> Result<String> {
        let info = in_time("which one it is", self.0.info()).await?;
        match (info.id, info.docker_root_dir) {
            (Some(id), Some(root)) if !id.is_empty() => Ok(format!("{id} {root}")),
            _ => Err(Failed::Garbled("it does not say which one it is".to_owned())),
        }
    }

    pub(super) async fn image(&self, name: &str) -> Result<ImageInspect> {
        in_time("the image", self.0.inspect_image(name)).await
    }

    pub(super) async fn network(&self, name: &str) -> Result<NetworkInspect> {
        in_time("the network", self.0.inspect_network(name, None::<InspectNetworkOptions>)).await
    }

    pub(super) async fn create_network(&self, network: NetworkCreateRequest) -> Result<String> {
        Ok(in_time("making the network", self.0.create_network(network)).await?.id)
    }

    pub(super) async fn remove_network(&self, id: &str) -> Result<()> {
        in_time("taking the network away", self.0.remove_network(id)).await.or_else(gone_is_fine)
    }

    /// The ids of the networks with these labels.
    pub(super) async fn networks(&self, labels: &[String]) -> Result<Vec<String>> {
        let options = ListNetworksOptions { filters: Some(labelled(labels)) };
        let found = in_time("the networks", self.0.list_networks(Some(options))).await?;
        Ok(found.into_iter().filter_map(|network| network.id).collect())
    }

    pub(super) async fn volume(&self, name: &str) -> Result<Volume> {
        in_time("the volume", self.0.inspect_volume(name)).await
    }

    pub(super) async fn create_volume(&self, volume: VolumeCreateRequest) -> Result<Volume> {
        in_time("making the volume", self.0.create_volume(volume)).await
    }

    pub(super) async fn remove_volume(&self, name: &str) -> Result<()> {
        let removed = self.0.remove_volume(name, None::<RemoveVolumeOptions>);
        in_time("taking the volume away", removed).await.or_else(gone_is_fine)
    }

    /// The names of the volumes with these labels.
    pub(super) async fn volumes(&self, labels: &[String]) -> Result<Vec<String>> {
        let options = ListVolumesOptions { filters: Some(labelled(labels)) };
        let found = in_time("the volumes", self.0.list_volumes(Some(options))).await?;
        Ok(found.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect())
    }

    pub(super) async fn container(&self, name: &str) -> Result<ContainerInspectResponse> {
        in_time("the container", self.0.inspect_container(name, None::<InspectContainerOptions>)).await
    }

    pub(super) async fn create_container(&self, name: &str, container: ContainerCreateBody) -> Result<String> {
        let options = CreateContainerOptions { name: Some(name.to_owned()), platform: String::new() };
        Ok(in_time("making the container", self.0.create_container(Some(options), container)).await?.id)
    }

    /// One that runs stays as it is.
    pub(super) async fn start(&self, id: &str) -> Result<()> {
        in_time("starting the container", self.0.start_container(id, None::<StartContainerOptions>)).await
    }

    pub(super) async fn unpause(&self, id: &str) -> Result<()> {
        in_time("letting the container go on", self.0.unpause_container(id)).await
    }

    pub(super) async fn restart(&self, id: &str) -> Result<()> {
        let options = RestartContainerOptions { t: Some(5), ..RestartContainerOptions::default() };
        in_time("restarting the container", self.0.restart_container(id, Some(options))).await
    }

    pub(super) async fn update(&self, id: &str, limits: ContainerUpdateBody) -> Result<()> {
        in_time("changing the limits", self.0.update_container(id, limits)).await
    }

    /// Ends it, whatever it is at, and takes it away with what it wrote outside its volume. One whose removal has begun
    /// already goes by itself.
    pub(super) async fn remove_container(&self, id: &str) -> Result<()> {
        let options = RemoveContainerOptions { v: true, force: true, link: false };
        match in_time("taking the container away", self.0.remove_container(id, Some(options))).await {
            Err(Failed::Refused(409, _)) => Ok(()),
            other => other.or_else(gone_is_fine),
        }
    }

    /// The ids of the containers with these labels, whatever they are at.
    pub(super) async fn containers(&self, labels: &[String]) -> Result<Vec<String>> {
        let options =
            ListContainersOptions { all: true, filters: Some(labelled(labels)), ..ListContainersOptions::default() };
        let found = in_time("the containers", self.0.list_containers(Some(options))).await?;
        Ok(found.into_iter().filter_map(|container| container.id).collect())
    }

    /// The labels of all containers, networks and volumes with these labels.
    pub(super) async fn all_labels(&self, labels: &[String]) -> Result<Vec<HashMap<String, String>>> {
        let options =
            ListContainersOptions { all: true, filters: Some(labelled(labels)), ..ListContainersOptions::default() };
        let containers = in_time("the containers", self.0.list_containers(Some(options))).await?;
        let options = ListNetworksOptions { filters: Some(labelled(labels)) };
        let networks = in_time("the networks", self.0.list_networks(Some(options))).await?;
        let options = ListVolumesOptions { filters: Some(labelled(labels)) };
        let volumes = in_time("the volumes", self.0.list_volumes(Some(options))).await?.volumes.unwrap_or_default();
        let containers = containers.into_iter().filter_map(|container| container.labels);
        let networks = networks.into_iter().filter_map(|network| network.labels);
        Ok(containers.chain(networks).chain(volumes.into_iter().map(|volume| volume.labels)).collect())
    }

    /// The last lines that a container wrote, up to so many bytes; as much of them as came in time.
    pub(super) async fn log(&self, id: &str, lines: u8, bytes: usize) -> Vec<u8> {
        let options = LogsOptions { stdout: true, stderr: true, tail: lines.to_string(), ..LogsOptions::default() };
        let mut log = Vec::new();
        let mut written = std::pin::pin!(self.0.logs(id, Some(options)));
        let read = async {
            while let Some(Ok(output)) = std::future::poll_fn(|context| written.as_mut().poll_next(context)).await {
                log.extend_from_slice(LogOutput::as_ref(&output));
                log.drain(..log.len().saturating_sub(bytes));
            }
        };
        // A log that does not come is no reason to wait longer: the failure is told without it.
        if timeout(LOG, read).await.is_err() {
            tracing::debug!(id, "a container's log did not come in time");
        }
        log
    }
}

/// Whether the engine is the one whose name is kept in this file; the first one's is kept.
pub(super) fn is_the_one(path: &Path, identity: &str) -> std::result::Result<(), DriverError> {
    let cannot = |error: String| DriverError::of(ErrorKind::Unavailable, "other-engine", error);
    match private_files::read(path, 1024) {
        Ok(kept) if kept.trim_ascii() == identity.as_bytes() => Ok(()),
        Ok(_) => Err(cannot(format!(
            "this is another engine than the workspaces were made on: say in DOCKER_HOST where that one is; if it is gone for \
             good, take {} away",
            path.display()
        ))),
        Err(error) if error.is_missing() => {
            private_files::replace(path, format!("{identity}\n").as_bytes()).map_err(|error| cannot(error.to_string()))
        }
        Err(error) => Err(cannot(error.to_string())),
    }
}

async fn in_time<T>(what: &'static str, call: impl Future<Output = std::result::Result<T, Error>>) -> Result<T> {
    match timeout(CALL, call).await {
        Ok(answer) => answer.map_err(Failed::of),
        Err(_) => Err(Failed::Late(what)),
    }
}

fn labelled(labels: &[String]) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), labels.to_vec())])
}
