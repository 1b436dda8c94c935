//! One connection that asks the same again and again, as cheaply as can be: it shares the cores with the server.

use std::net::SocketAddr;

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::measure::{Laps, Window};

/// Sends the request, reads the answer to its end, and begins again until the window is closed.
///
/// # Errors
/// The connection breaks, or an answer is not 200 or has no `content-length`.
pub async fn ask(address: SocketAddr, request: Vec<u8>, window: Window) -> Result<Vec<u32>, String> {
    let mut connection = TcpStream::connect(address).await.map_err(broken)?;
    connection.set_nodelay(true).map_err(broken)?;
    let mut buffer = vec![0; 8 << 10];
    let mut laps = Laps::new(window);
    loop {
        connection.write_all(&request).await.map_err(broken)?;
        answer(&mut connection, &mut buffer).await?;
        if !laps.lap() {
            return Ok(laps.into_micros());
        }
    }
}

fn broken(error: std::io::Error) -> String {
    format!("the connection broke: {error}")
}

async fn answer(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<(), String> {
    let mut filled = read(connection, buffer).await?;
    let head = loop {
        match Head::read(&buffer[..filled])? {
            Some(head) => break head,
            None => filled += read(connection, &mut buffer[filled..]).await?,
        }
    };
    let end = head.bytes + head.body_bytes;
    if buffer.len() < end {
        buffer.resize(end, 0);
    }
    while filled < end {
        filled += read(connection, &mut buffer[filled..]).await?;
    }
    if filled > end {
        return Err("more was answered than was asked".to_owned());
    }
    if head.status != 200 {
        return Err(format!("{}: {}", head.status, String::from_utf8_lossy(&buffer[head.bytes..end])));
    }
    Ok(())
}

/// At least a byte.
async fn read(connection: &mut TcpStream, into: &mut [u8]) -> Result<usize, String> {
    match connection.read(into).await.map_err(broken)? {
        0 => Err("the answer broke off, or its head is too long".to_owned()),
        read => Ok(read),
    }
}

/// What of an answer's head is needed to find its end.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// With the empty line.
    bytes: usize,
    body_bytes: usize,
}

impl Head {
    /// `None`: it is not all there yet.
    fn read(bytes: &[u8]) -> Result<Option<Self>, String> {
        let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
        let text = str::from_utf8(&bytes[..end]).map_err(|error| format!("an answer's head is not text: {error}"))?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse::<u16>().ok());
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|(_, value)| value.trim().parse::<usize>().ok());
        match (status, length) {
            (Some(status), Some(body_bytes)) => Ok(Some(Head { status, bytes: end + 4, body_bytes })),
            _ => Err(format!("an answer says no status or no length: {text}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_end_is_found() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n17";
        let head = Head { status: 200, bytes: answer.len() - 2, body_bytes: 2 };
        assert_eq!(Head::read(answer), Ok(Some(head)));
        assert_eq!(Head::read(&answer[..60]), Ok(None));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(Head::read(b"nonsense\r\ncontent-length: 2\r\n\r\n").is_err());
    }
}
