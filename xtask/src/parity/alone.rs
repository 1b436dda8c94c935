//! The console in a network namespace that has its loopback and nothing else. What works there needs nobody.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::{Seen, builds::Build};
use crate::needs;

/// After this an answer does not come.
const PATIENCE: Duration = Duration::from_secs(30);
const COOKIE: &str = "better-auth.session_token";

/// Why no such namespace can be made here.
pub(super) fn missing() -> Option<String> {
    let made = || namespace().arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    needs::missing(&needs::LOOPBACK, false)
        .or_else(|| (!made()).then(|| "no network namespace can be made here: run it as root".to_owned()))
}

/// In there the self-host console shows everything that it does.
pub(super) fn works(selfhost: &Build) -> Seen {
    within("selfhost", &selfhost.binary()).map(|()| "every answer of its demo".to_owned())
}

/// In there the cloud console cannot do without Polar, and says so.
pub(super) fn asks_polar(cloud: &Build) -> Seen {
    within("cloud", &cloud.binary()).map(|()| "503 billing-unavailable".to_owned())
}

fn namespace() -> Command {
    let mut command = Command::new("unshare");
    if !needs::is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--"]);
    command
}

/// Has this program go on in there.
fn within(whose: &str, binary: &Path) -> Result<(), String> {
    let itself = env::current_exe().map_err(|error| format!("this program does not find itself: {error}"))?;
    let mut command = namespace();
    command.arg(itself).args(["parity", "alone", whose]).arg(binary);
    println!("$ {command:?}");
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err("it did not come out so: what it said stands above".to_owned()),
        Err(error) => Err(format!("unshare cannot be run: {error}")),
    }
}

/// What is done in there.
pub(crate) fn inside(whose: &str, binary: &str) -> Result<bool, String> {
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    if !up.is_ok_and(|status| status.success()) {
        return Err("the loopback does not come up".to_owned());
    }
    let path = "/proc/self/net/dev";
    let devices = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    if interfaces(&devices) != ["lo"] {
        return Err(format!("this network is not alone: {}", interfaces(&devices).join(", ")));
    }
    let folder = env::temp_dir().join(format!("rocky-parity-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let ended = match whose {
        "selfhost" => demo(binary, &folder),
        _ => provision(binary, &folder),
    };
    if let Err(error) = fs::remove_dir_all(&folder) {
        eprintln!("{} cannot be taken away: {error}", folder.display());
    }
    ended.map_err(|error| error.to_string())
}

fn interfaces(devices: &str) -> Vec<&str> {
    devices.lines().skip(2).filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect()
}

/// A console that knows nothing of whoever runs this, but where certificates are.
fn console(binary: &str, folder: &Path) -> Command {
    let certificates = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| (name, env::var_os(name)));
    let mut command = Command::new(binary);
    command.env_clear().env("TMPDIR", folder).stdin(Stdio::null());
    command.envs(certificates.into_iter().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn demo(binary: &str, folder: &Path) -> io::Result<bool> {
    Ok(console(binary, folder).arg("demo").status()?.success())
}

/// Asks a cloud console for a workspace that costs something.
fn provision(binary: &str, folder: &Path) -> io::Result<bool> {
    let airlock = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", airlock.local_addr()?);
    thread::spawn(move || {
        for asking in airlock.incoming().flatten() {
            if let Err(error) = say_who(asking) {
                eprintln!("Airlock's stand-in: {error}");
            }
        }
    });
    let mut serving = console(binary, folder)
        .args(["serve", "--listen", "127.0.0.1:0", "--home"])
        .arg(folder.join("home"))
        .envs([
            ("ROCKY_AUTH", "airlock"),
            ("ROCKY_AIRLOCK_URL", url.as_str()),
            ("ROCKY_AIRLOCK_COOKIE", COOKIE),
            ("ROCKY_BILLING", "enabled"),
            ("ROCKY_POLAR_URL", "https://api.polar.sh"),
            ("ROCKY_POLAR_TOKEN", "polar_oat_nobody"),
            ("ROCKY_POLAR_WEBHOOK_SECRET", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
            ("ROCKY_HATCH", "journal"),
        ])
        .stdout(Stdio::piped())
        .spawn()?;
    let answer = asked(&mut serving);
    serving.kill()?;
    serving.wait()?;
    let answer = answer?;
    println!("{answer}");
    Ok(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"billing-unavailable\""))
}

/// The answer to one request, with a cookie, as a page of the console's own would send it.
fn asked(serving: &mut Child) -> io::Result<String> {
    let output = serving.stdout.as_mut().ok_or_else(|| io::Error::other("the console has no output"))?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().strip_prefix("listening on http://");
    let address = address.ok_or_else(|| io::Error::other("the console does not listen"))?;
    let body = r#"{"slug":"parity","tier":"team"}"#;
    let length = body.len();
    let cookie = format!("{COOKIE}={}.{}%3D", "t".repeat(32), "A".repeat(43));
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /api/hearth/workspaces HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\n\
         sec-fetch-site: same-origin\r\ncookie: {cookie}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Answers as Airlock does for an admin's session.
fn say_who(mut stream: TcpStream) -> io::Result<()> {
    let (mut request, mut some) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut some)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&some[..read]),
        }
    }
    let (once, later) = ("2026-01-02T03:04:05.000Z", "2099-01-02T03:04:05.000Z");
    let body = serde_json::json!({
        "session": {
            "id": "session", "userId": "parity", "token": "t".repeat(32), "expiresAt": later,
            "createdAt": once, "updatedAt": once, "ipAddress": "", "userAgent": "",
        },
        "user": {
            "id": "parity", "name": "Parity", "email": "parity@example.com", "emailVerified": true,
            "createdAt": once, "updatedAt": once, "role": "admin", "banned": false,
        },
    })
    .to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_read_from_the_kernels_table() {
        let table = "Inter-|   Receive\n face |bytes\n    lo:       0       0\n  eth0: 1 2\n";
        assert_eq!(interfaces(table), ["lo", "eth0"]);
        assert!(interfaces("").is_empty());
    }

    #[test]
    fn the_stand_in_says_who_is_there() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.write_all(b"GET /api/auth/get-session HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        say_who(listener.accept().unwrap().0).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(&format!("content-length: {}", body.len())));
        let said: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(said["user"]["role"], "admin");
    }
}
