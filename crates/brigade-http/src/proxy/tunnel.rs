//! Asking an HTTP proxy for a tunnel (CONNECT; RFC 9110, section 9.3.6).
//!
//! Only TLS and WebSockets go through tunnels, in which the client speaks first; so a proxy that sends anything
//! after its answer has misunderstood, or wants to be mistaken for the server. It never reads more
//! than one head of bounded size.

use std::io;

use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::server::Refusal;
use crate::transport::Destination;

/// The most bytes of the answer, interim ones included.
const HEAD_MAX: usize = 16 * 1024;

const START: &[u8] = b"HTTP/1.";

/// Has the proxy at the other end of `stream` lead it on to `to`.
pub(super) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    to: &Destination,
    authorization: Option<&HeaderValue>,
) -> Result<S, Refusal> {
    stream.write_all(&request(to, authorization)).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    let mut from = 0;
    loop {
        let end = read_head(&mut stream, &mut answer, from).await?;
        let status = status(&answer[from..end])?;
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            from = end;
            continue;
        }
        if !status.is_success() {
            return Err(refused(status));
        }
        return match end == answer.len() {
            true => Ok(stream),
            false => Err(Refusal::new("it sent bytes into the tunnel by itself")),
        };
    }
}

fn request(to: &Destination, authorization: Option<&HeaderValue>) -> Vec<u8> {
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n").into_bytes();
    if let Some(value) = authorization {
        request.extend(b"proxy-authorization: ");
        request.extend(value.as_bytes());
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    request
}

/// Reads on until the head that begins at `from` is complete; returns where it ends.
async fn read_head<S: AsyncRead + Unpin>(
    stream: &mut S,
    answer: &mut Vec<u8>,
    from: usize,
) -> Result<usize, Refusal> {
    let mut chunk = [0; 1024];
    loop {
        let head = &answer[from..];
        if !head.starts_with(&START[..START.len().min(head.len())]) {
            return Err(Refusal::new("it does not answer in HTTP/1.1"));
        }
        if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(from + end + 4);
        }
        if answer.len() >= HEAD_MAX {
            return Err(Refusal::new("the head of its answer has no end"));
        }
        match stream.read(&mut chunk).await? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            count => answer.extend(&chunk[..count]),
        }
    }
}

fn status(head: &[u8]) -> Result<StatusCode, Refusal> {
    // "HTTP/1.1 200 OK", of which the last part is optional.
    let code = match head {
        [
            b'H',
            b'T',
            b'T',
            b'P',
            b'/',
            b'1',
            b'.',
            b'0'..=b'9',
            b' ',
            code @ ..,
        ] => code,
        _ => &[],
    };
    let is_apart = code.get(3).is_some_and(u8::is_ascii_whitespace);
    let code = code.get(..3).filter(|_| is_apart);
    code.and_then(|code| StatusCode::from_bytes(code).ok())
        .ok_or_else(|| Refusal::new("it does not answer in HTTP/1.1"))
}

fn refused(status: StatusCode) -> Refusal {
    let advice = match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            ": it wants another user name and password in its URL"
        }
        _ => "",
    };
    // Not the proxy's own words: a stranger may have chosen them.
    let status = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_str()),
        None => status.as_str().to_owned(),
    };
    Refusal::new(format!("it refused the tunnel with {status}{advice}"))
}
