//! The page, to as many as ask and whatever they send, with a bounded number of threads; and whether it is well.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Threads that answer. More connections than that wait for their turn, which comes: none has its thread for long.
const AT_ONCE: usize = 16;
/// Small, as a workspace's memory may be.
const STACK: usize = 64 * 1024;
/// How long a request may take to come, as a whole; and an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(1);
const LARGEST: usize = 8 * 1024;

/// What a workspace says of itself.
pub(crate) struct Page {
    pub(crate) slug: String,
    pub(crate) tenant: String,
    /// How often it was started on the data that it has; unknown where that cannot be kept.
    pub(crate) starts: Option<u64>,
}

/// Counts one start more in this folder, and says how many that makes. What stands there and is no number counts as 0.
pub(crate) fn count_start(folder: &Path) -> io::Result<u64> {
    let (kept, new) = (folder.join("starts"), folder.join("starts.new"));
    let before = match fs::read(&kept) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    let starts = u64::saturating_add(before, 1);
    fs::write(&new, format!("{starts}\n"))?;
    // Whatever ends it here leaves the old number or the new one.
    fs::rename(&new, &kept)?;
    Ok(starts)
}

/// Answers on this socket for as long as the process lives. Its threads come about now, so that a limit on processes
/// that is reached later keeps nobody from an answer.
pub(crate) fn serve(listener: TcpListener, page: Page) {
    let shared = Arc::new((listener, page));
    for _ in 1..AT_ONCE {
        let ours = Arc::clone(&shared);
        if let Err(error) = thread::Builder::new().stack_size(STACK).spawn(move || answer_all(&ours.0, &ours.1)) {
            eprintln!("it answers with fewer threads than it might: {error}");
            break;
        }
    }
    answer_all(&shared.0, &shared.1);
}

fn answer_all(listener: &TcpListener, page: &Page) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                if answer(&stream, page).is_err() {
                    // Whoever asked went away; there is nobody to tell.
                }
            }
            // It was given up meanwhile, or there is no room for it now: the next one may fare better.
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn answer(stream: &TcpStream, page: &Page) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = request(stream).unwrap_or_default();
    let (status, kind, body) = match request.split(' ').collect::<Vec<_>>()[..] {
        ["GET", "/", version] if version.starts_with("HTTP/1.") => {
            ("200 OK", "text/html; charset=utf-8", page.render())
        }
        ["GET", "/health", version] if version.starts_with("HTTP/1.") => ("200 OK", "text/plain", "ok\n".to_owned()),
        [_, _, version] if version.starts_with("HTTP/1.") => {
            ("404 Not Found", "text/plain", "there is nothing here\n".to_owned())
        }
        _ => ("400 Bad Request", "text/plain", "this is no request\n".to_owned()),
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let mut to = stream;
    to.write_all(answer.as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

/// The first line of a request whose head came as a whole; nothing where it is too long, too slow, or no text.
fn request(mut stream: &TcpStream) -> Option<String> {
    let ends_at = Instant::now() + PATIENCE;
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !is_whole(&head) {
        let left = ends_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        stream.set_read_timeout(Some(left)).ok()?;
        let read = stream.read(&mut piece).ok()?;
        if read == 0 || head.len() + read > LARGEST {
            return None;
        }
        head.extend_from_slice(&piece[..read]);
    }
    let line = head.split(|byte| *byte == b'\n').next()?;
    String::from_utf8(line.trim_ascii().to_vec()).ok()
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n") || head.windows(2).any(|end| end == b"\n\n")
}

impl Page {
    fn render(&self) -> String {
        let (slug, tenant) = (escaped(&self.slug), escaped(&self.tenant));
        let starts = self.starts.map_or_else(|| "unknown".to_owned(), |starts| starts.to_string());
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{slug}</title><style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;\
             color:#1c2430;background:#f7f5f0}}h1{{font-size:2.4rem;margin:0}}dl{{display:grid;grid-template-columns:6rem 1fr}}\
             dt{{color:#6a7280}}dd{{margin:0}}</style><h1>{slug}</h1><p>This workspace is up.</p>\
             <dl><dt>tenant</dt><dd>{tenant}</dd><dt>starts</dt><dd>{starts}</dd></dl></html>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if letter.is_alphanumeric() || letter == '-' || letter == '_' {
            escaped.push(letter);
        } else if write!(escaped, "&#{};", u32::from(letter)).is_err() {
            escaped.push('?');
        }
    }
    escaped
}

/// Asks the workspace that serves on this port of the same machine.
pub(crate) fn health(port: u16) -> Result<String, String> {
    let said = ask(port).map_err(|error| format!("port {port} does not answer: {error}"))?;
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_default();
    match head.starts_with("HTTP/1.1 200 ") && body == "ok\n" {
        true => Ok("ok".to_owned()),
        false => Err(format!("port {port} answers something else: {}", head.lines().next().unwrap_or_default())),
    }
}

fn ask(port: u16) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
    let mut said = Vec::new();
    stream.take(LARGEST as u64).read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page that is served until the tests are over.
    fn served() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let page = Page { slug: "acme".to_owned(), tenant: "<b>".to_owned(), starts: Some(3) };
        thread::spawn(move || serve(listener, page));
        port
    }

    fn send(port: u16, bytes: &[u8]) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.write_all(bytes)?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    }

    #[test]
    fn the_page_says_whose_it_is_and_nothing_else_is_there() {
        let port = served();
        let page = send(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        for said in ["<h1>acme</h1>", "<dd>&#60;b&#62;</dd>", "<dt>starts</dt><dd>3</dd>"] {
            assert!(page.contains(said), "{page}");
        }
        assert!(send(port, b"GET /else HTTP/1.1\r\n\r\n").unwrap().starts_with("HTTP/1.1 404 "));
        assert!(send(port, b"POST / HTTP/1.1\r\n\r\n").unwrap().starts_with("HTTP/1.1 404 "));
    }

    #[test]
    fn health_is_its_own_word_alone() {
        assert_eq!(health(served()).unwrap(), "ok");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let other = listener.local_addr().unwrap().port();
        let answers = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 256];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(b"HTTP/1.1 500 No\r\n\r\nok\n").unwrap();
        });
        assert!(health(other).unwrap_err().contains("HTTP/1.1 500 No"));
        answers.join().unwrap();
        assert!(health(1).unwrap_err().contains("does not answer"));
    }

    #[test]
    fn garbage_ends_nothing() {
        let port = served();
        let long = vec![b'a'; 1024 * 1024];
        for garbage in [&b""[..], b"\n\n", b"\0\xff\xfe\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n", &long[..]] {
            // Who sends more than is read may be told so by a connection that is reset.
            if let Ok(said) = send(port, garbage) {
                assert!(said.is_empty() || said.starts_with("HTTP/1.1 400 "), "{said}");
            }
        }
        assert_eq!(health(port).unwrap(), "ok");
    }

    #[test]
    fn many_at_once_are_all_answered_beside_some_who_say_nothing() {
        let port = served();
        let silent: Vec<TcpStream> =
            (0..AT_ONCE / 2).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()).collect();
        let asked: Vec<_> =
            (0..100).map(|_| thread::spawn(move || send(port, b"GET /health HTTP/1.1\r\n\r\n").unwrap())).collect();
        for answer in asked {
            assert!(answer.join().unwrap().ends_with("\r\n\r\nok\n"));
        }
        drop(silent);
    }

    #[test]
    fn starts_are_counted_on_the_data_that_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for starts in 1..4 {
            assert_eq!(count_start(folder.path()).unwrap(), starts);
        }
        fs::write(folder.path().join("starts"), b"\xffmany").unwrap();
        assert_eq!(count_start(folder.path()).unwrap(), 1);
        assert!(count_start(&folder.path().join("not-there")).is_err());
    }
}
