//! What checks need of the system beside cargo, and the packages of Debian that bring it.

use std::{env, fs, os::unix::fs::MetadataExt, path::PathBuf, process::Command};

/// A program, and the packages that bring it.
pub(crate) type Program = (&'static str, &'static [&'static str]);

/// Builds SQLite. It comes with whatever links Rust programs, but not everywhere.
pub(crate) const C: Program = ("cc", &["gcc", "libc6-dev"]);
/// Builds libFuzzer.
pub(crate) const CPP: Program = ("c++", &["g++"]);
/// Make a small disk, take it away, and let a system call fail. The tests that do so need root too.
pub(crate) const DISK: [Program; 6] = [
    ("mkfs.ext4", &["e2fsprogs"]),
    ("e2fsck", &["e2fsprogs"]),
    ("mount", &["mount"]),
    ("umount", &["mount"]),
    ("findmnt", &["util-linux"]),
    ("strace", &["strace"]),
];

/// Make a network that has nothing but its loopback.
pub(crate) const LOOPBACK: [Program; 2] = [("unshare", &["util-linux"]), ("ip", &["iproute2"])];

/// Start a Docker Engine in namespaces of its own, look into them, and build an image. All of it needs root.
pub(crate) const DOCKER: [Program; 11] = [
    ("dockerd", &["docker.io"]),
    ("docker", &["docker.io"]),
    ("iptables", &["iptables"]),
    ("tini", &["tini"]),
    ("unshare", &["util-linux"]),
    ("nsenter", &["util-linux"]),
    ("setsid", &["util-linux"]),
    ("setpriv", &["util-linux"]),
    ("mount", &["mount"]),
    ("ip", &["iproute2"]),
    ("kill", &["procps"]),
];

/// Start a BetterAuth server, and install what it needs into the target folder.
pub(crate) const NODE: [Program; 2] = [("node", &["nodejs"]), ("npm", &["npm"])];

/// The packages that bring those of the programs that are not there.
pub(crate) fn packages(programs: &[Program]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for package in programs.iter().filter(|(name, _)| !is_there(name)).flat_map(|(_, packages)| *packages) {
        if !packages.contains(package) {
            packages.push(*package);
        }
    }
    // Of Debian's 13th release on, the client is a package of its own.
    if packages.contains(&"docker.io") && release().is_some_and(|release| release >= 13) {
        packages.push("docker-cli");
    }
    packages
}

/// Which release of Debian this is.
fn release() -> Option<u32> {
    fs::read_to_string("/etc/debian_version").ok()?.split('.').next()?.trim().parse().ok()
}

/// What installs packages on Debian, one command after the other.
pub(crate) fn installing(packages: &[&str]) -> [Command; 2] {
    let mut update = Command::new("apt-get");
    update.args(["update", "-qq"]);
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    [update, install]
}

/// What is missing and how to get it, in one sentence; `None` where all is there.
pub(crate) fn missing(programs: &[Program], root: bool) -> Option<String> {
    let names: Vec<&str> = programs.iter().map(|(name, _)| *name).filter(|name| !is_there(name)).collect();
    sentence(&names, &packages(programs), root && !is_root())
}

fn sentence(names: &[&str], packages: &[&str], root: bool) -> Option<String> {
    let install = format!("`apt-get install {}`", packages.join(" "));
    let names = names.join(", ");
    match (names.is_empty(), root) {
        (true, false) => None,
        (true, true) => Some("root is missing: run it as root".to_owned()),
        (false, false) => Some(format!("{names} missing: {install}")),
        (false, true) => Some(format!("{names} and root missing: {install}, and run it as root")),
    }
}

pub(crate) fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where a path for users does not lead.
    let of_the_system = ["/sbin", "/usr/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(of_the_system).any(|folder| folder.join(program).is_file())
}

/// A process's folder belongs to whom it runs as.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|folder| folder.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_with_what_brings_it() {
        assert_eq!(sentence(&[], &[], false), None);
        assert_eq!(sentence(&[], &[], true).unwrap(), "root is missing: run it as root");
        let both = sentence(&["mkfs.ext4", "strace"], &["e2fsprogs", "strace"], false).unwrap();
        assert_eq!(both, "mkfs.ext4, strace missing: `apt-get install e2fsprogs strace`");
        let all = sentence(&["strace"], &["strace"], true).unwrap();
        assert_eq!(all, "strace and root missing: `apt-get install strace`, and run it as root");
    }

    #[test]
    fn a_package_is_said_once() {
        assert_eq!(packages(&[("no-such-1", &["one", "two"]), ("no-such-2", &["two"])]), ["one", "two"]);
        assert!(packages(&[("sh", &["dash"])]).is_empty());
    }
}
