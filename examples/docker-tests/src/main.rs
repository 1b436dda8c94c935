//! What `cargo xtask bench docker` measures: how long a workspace takes until it is well, provisioned through the doors or
//! with the same calls of the engine made by hand. Prints one line of JSON: the seconds of one of them, on average.

use std::{
    collections::HashMap,
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    models::{
        ContainerCreateBody, HealthStatusEnum, HostConfig, Ipam, IpamConfig, Mount, MountType, NetworkCreateRequest,
        VolumeCreateRequest,
    },
    query_parameters::{
        CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions, RemoveVolumeOptions,
        StartContainerOptions,
    },
};
use rocky_sdk::{
    Admin, Billing, Credentials, Doors, LocalAuth,
    hatch::{Journal, JournalOptions},
    hearth::{Decommission, DockerOptions, Hearth, LocalDocker, Provision, Rows, Slug, Tier},
};

const IMAGE: &str = "rocky/workspace:dev";
/// Between two looks, as the driver has it.
const LOOK: Duration = Duration::from_millis(50);

type Measured<T = Duration> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Measured<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (took, workspaces) = match words[..] {
        ["doors", workspaces] => (through_the_doors(workspaces.parse()?).await?, workspaces),
        ["hand", workspaces] => (by_hand(workspaces.parse()?).await?, workspaces),
        _ => return Err("doors WORKSPACES, or hand WORKSPACES".into()),
    };
    let seconds = took.as_secs_f64() / workspaces.parse::<f64>()?;
    println!("{}", serde_json::json!({ "seconds": seconds }));
    Ok(())
}

async fn through_the_doors(workspaces: usize) -> Measured {
    let home = tempfile::tempdir()?;
    let (auth, first) = LocalAuth::open(home.path())?;
    let journal = Journal::open(&home.path().join("hatch"), JournalOptions::new("bench"))?;
    let rows = Arc::new(Rows::open(&home.path().join("rocky.db"), "docker").await?);
    let ledger = Arc::clone(&rows) as _;
    let doors = Doors::builder().airlock(auth).hatch(journal).billing(Billing::SelfHosted).ledger(ledger);
    let doors = doors.build().await?;
    let driver = LocalDocker::new(DockerOptions::new(IMAGE, "bench"))?;
    let (hearth, _keeper) = Hearth::new(&doors, rows, driver)?;
    let admin = Credentials::bearer(first.ok_or("the home is not new")?.token);
    let mut took = Duration::ZERO;
    for at in 0..workspaces {
        let slug = Slug::parse(&format!("bench-{at}"))?;
        let provision = Provision { slug: slug.clone(), tier: Tier::Solo };
        let began = Instant::now();
        let audited = doors.authenticate::<Admin>(&admin).await?.audit(provision).await?;
        audited.perform(hearth.clone(), |token, hearth| Box::pin(hearth.provision(token))).await?.value()?;
        took += began.elapsed();
        let audited = doors.authenticate::<Admin>(&admin).await?.audit(Decommission { slug }).await?;
        audited.perform(hearth.clone(), |token, hearth| Box::pin(hearth.decommission(token))).await?.value()?;
    }
    doors.shutdown(Duration::from_secs(5)).await?;
    Ok(took)
}

async fn by_hand(workspaces: usize) -> Measured {
    let host = std::env::var("DOCKER_HOST")?;
    let docker = Docker::connect_with_unix(&host, 60, API_DEFAULT_VERSION)?.negotiate_version().await?;
    let mut took = Duration::ZERO;
    for at in 0..workspaces {
        let name = format!("by-hand-{at}");
        let began = Instant::now();
        make(&docker, &name, at).await?;
        took += began.elapsed();
        let force = RemoveContainerOptions { force: true, v: true, link: false };
        docker.remove_container(&name, Some(force)).await?;
        docker.remove_network(&name).await?;
        docker.remove_volume(&name, None::<RemoveVolumeOptions>).await?;
    }
    Ok(took)
}

async fn make(docker: &Docker, name: &str, at: usize) -> Measured<()> {
    let image = docker.inspect_image(IMAGE).await?.id;
    let subnet = IpamConfig { subnet: Some(format!("10.214.{at}.0/29")), ..IpamConfig::default() };
    let network = NetworkCreateRequest {
        name: name.to_owned(),
        internal: Some(true),
        ipam: Some(Ipam { config: Some(vec![subnet]), ..Ipam::default() }),
        ..NetworkCreateRequest::default()
    };
    docker.create_network(network).await?;
    let volume = VolumeCreateRequest { name: Some(name.to_owned()), ..VolumeCreateRequest::default() };
    docker.create_volume(volume).await?;
    let tmpfs = HashMap::from([("/tmp".to_owned(), "size=64m".to_owned())]);
    let host = HostConfig {
        memory: Some(256 << 20),
        memory_swap: Some(256 << 20),
        nano_cpus: Some(500_000_000),
        pids_limit: Some(128),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        readonly_rootfs: Some(true),
        init: Some(true),
        network_mode: Some(name.to_owned()),
        tmpfs: Some(tmpfs),
        mounts: Some(vec![Mount {
            typ: Some(MountType::VOLUME),
            source: Some(name.to_owned()),
            target: Some("/data".to_owned()),
            ..Mount::default()
        }]),
        ..HostConfig::default()
    };
    let container = ContainerCreateBody {
        image,
        user: Some("10001:10001".to_owned()),
        env: Some(["ROCKY_SLUG=by-hand", "ROCKY_TENANT=local", "ROCKY_PORT=8080"].map(str::to_owned).to_vec()),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptions { name: Some(name.to_owned()), platform: String::new() };
    docker.create_container(Some(options), container).await?;
    docker.start_container(name, None::<StartContainerOptions>).await?;
    loop {
        let state = docker.inspect_container(name, None::<InspectContainerOptions>).await?.state;
        if state.and_then(|state| state.health?.status) == Some(HealthStatusEnum::HEALTHY) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
