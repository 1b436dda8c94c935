//! A second engine, all of whose disk is a small file system of its own, which can be full.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{api::Api, engine::until};

/// In namespaces of its own, as the first engine is: mounts, processes and bridges end with it. A containerd of the
/// machine's own would be taken for its own.
const BEGIN: &str = r#"
set -e
mount -o loop "$0/disk.ext4" "$0/data"
mkdir -p /run/containerd
mount -t tmpfs tmpfs /run/containerd
exec tini -- dockerd --config-file "$0/daemon.json" --data-root "$0/data" --exec-root "$0/exec" \
    --pidfile "$0/dockerd.pid" --host "unix://$0/docker.sock" \
    --storage-driver overlay2 --exec-opt native.cgroupdriver=cgroupfs
"#;

pub(crate) struct SmallDisk {
    folder: TempDir,
    /// `unshare`, with which everything ends. It sees the engine's mounts.
    outer: Child,
}

impl SmallDisk {
    /// An engine that answers, on a disk of so many MiB.
    pub(crate) fn with_engine(mib: u64) -> Self {
        let folder = tempfile::Builder::new().prefix("disk-").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        File::create(at("disk.ext4")).unwrap().set_len(mib << 20).unwrap();
        // No blocks are kept back for root.
        let made = Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(at("disk.ext4")).env("PATH", path()).status();
        assert!(made.unwrap().success());
        fs::create_dir(at("data")).unwrap();
        fs::write(at("daemon.json"), "{}\n").unwrap();
        let log = File::create(at("dockerd.log")).unwrap();
        let mut outer = Command::new("unshare");
        outer
            .args(["--pid", "--fork", "--kill-child", "--mount-proc", "--net", "--", "sh", "-c", BEGIN])
            .arg(folder.path())
            .env("PATH", path())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let mut disk = SmallDisk { outer: outer.spawn().unwrap(), folder };
        until("an engine on a small disk", || {
            let ended = disk.outer.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {}", disk.log());
            disk.api().send("GET", "/_ping", "text/plain", b"").is_ok_and(|(status, _)| status == 200)
        });
        disk
    }

    pub(crate) fn api(&self) -> Api {
        Api::at(self.folder.path().join("docker.sock"))
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("dockerd.log")).unwrap_or_default()
    }

    /// Gives it an image that another engine has.
    pub(crate) fn load(&self, from: &Api, image: &str) {
        let (status, tar) = from.send("GET", &format!("/images/{image}/get"), "text/plain", b"").unwrap();
        assert_eq!(status, 200);
        let (status, said) = self.api().send("POST", "/images/load?quiet=1", "application/x-tar", &tar).unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&said));
        assert_eq!(self.api().get(&format!("/images/{image}/json")).0, 200, "{}", String::from_utf8_lossy(&said));
    }

    /// Not one block more goes onto it.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        // What is kept for writing all this down is free again once it is: then the last blocks go too.
        for size in [1 << 20, 1024, 1024, 1024] {
            let piece = vec![b'x'; size];
            let why = loop {
                if let Err(error) = file.write_all(&piece) {
                    break error;
                }
            };
            assert_eq!(why.kind(), ErrorKind::StorageFull, "{why}");
            file.sync_all().unwrap();
        }
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        let mounts = PathBuf::from(format!("/proc/{}/root", self.outer.id()));
        let data = self.folder.path().join("data");
        mounts.join(data.strip_prefix("/").unwrap()).join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let ended = self.outer.kill().and_then(|()| self.outer.wait());
        if let Err(error) = ended {
            eprintln!("the engine on a small disk does not end: {error}");
        }
    }
}

/// The search path, and where a path for users does not lead.
fn path() -> String {
    format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", std::env::var("PATH").unwrap_or_default())
}
