//! What a container lets the program in it do: tried, and said. There is no shell in the image that could.

use std::{
    fs::{self, OpenOptions},
    net::{IpAddr, SocketAddr, TcpStream},
    path::Path,
    thread,
    time::Duration,
};

/// What `status` prints, of all that the kernel says.
const SAID: [&str; 9] = ["Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"];

/// Whether a TCP connection comes about within a second. An address, no name: a static program looks up none.
pub(crate) fn probe(address: &str, port: &str) -> Result<String, String> {
    let ip: IpAddr = address.parse().map_err(|_| format!("{address} is no IP address"))?;
    let port: u16 = port.parse().map_err(|_| format!("{port} is no port"))?;
    let to = SocketAddr::from((ip, port));
    match TcpStream::connect_timeout(&to, Duration::from_secs(1)) {
        Ok(_) => Ok(format!("{to} is reached")),
        Err(error) => Err(format!("{to} is not reached: {error}")),
    }
}

/// Whether a file can be made there, or written where there is one. What is in it stays.
pub(crate) fn write(path: &Path) -> Result<String, String> {
    match OpenOptions::new().write(true).create(true).truncate(false).open(path) {
        Ok(_) => Ok(format!("{} can be written", path.display())),
        Err(error) => Err(format!("{} cannot be written: {error}", path.display())),
    }
}

/// How many threads come about, of as many as are wanted. They end with the process, and so with the answer.
pub(crate) fn spawn(wanted: &str) -> Result<String, String> {
    let wanted: usize = wanted.parse().map_err(|_| format!("{wanted} is no number"))?;
    let sleeping = || thread::Builder::new().stack_size(16 * 1024).spawn(|| thread::sleep(Duration::from_secs(60)));
    let came = (0..wanted).take_while(|_| sleeping().is_ok()).count();
    Ok(format!("{came} of {wanted}"))
}

/// The lines of `/proc/self/status` that say what this process may do.
pub(crate) fn status() -> Result<String, String> {
    let status = fs::read_to_string("/proc/self/status").map_err(|error| format!("/proc cannot be read: {error}"))?;
    Ok(lines(&status))
}

fn lines(status: &str) -> String {
    let said = |line: &&str| line.split_once(':').is_some_and(|(name, _)| SAID.contains(&name));
    status.lines().filter(said).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn a_probe_reaches_what_listens_and_nothing_else() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        assert!(probe("127.0.0.1", &port).is_ok());
        assert!(probe("127.0.0.1", "1").is_err());
        assert!(probe("localhost", &port).unwrap_err().contains("no IP address"));
        assert!(probe("127.0.0.1", "many").unwrap_err().contains("no port"));
    }

    #[test]
    fn what_is_tried_for_writing_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert!(write(&file).is_ok());
        fs::write(&file, "kept").unwrap();
        assert!(write(&file).is_ok());
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        assert!(write(&folder.path().join("not-there/file")).is_err());
    }

    #[test]
    fn threads_that_come_about_are_counted() {
        assert_eq!(spawn("3").unwrap(), "3 of 3");
        assert_eq!(spawn("0").unwrap(), "0 of 0");
        assert!(spawn("-1").is_err());
    }

    #[test]
    fn only_what_the_process_may_do_is_said() {
        let status =
            "Name:\tx\nUid:\t10001\t10001\nCapEff:\t0000\nSeccomp:\t2\nSeccomp_filters:\t1\nMems_allowed:\t1\n";
        assert_eq!(lines(status), "Uid:\t10001\t10001\nCapEff:\t0000\nSeccomp:\t2");
        assert!(super::status().unwrap().contains("NoNewPrivs:"));
    }
}
