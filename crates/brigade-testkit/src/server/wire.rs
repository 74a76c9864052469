//! HTTP/1.1 as bytes: where a head ends, how a body is framed, what a reply looks like.
//!
//! Written by hand, because a parser shared with the client under test would share its mistakes.
//! Nothing here waits or touches a socket.

use super::reply::{Body, Reply};
use bytes::{BufMut, Bytes, BytesMut};

/// A request's head may not be longer than this.
pub(crate) const HEAD_MAX: usize = 1 << 20;

/// Position just behind the empty line that ends a head, searching from `from`.
pub(crate) fn head_end(input: &[u8], from: usize) -> Option<usize> {
    let from = from.saturating_sub(3);
    input[from..]
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| from + at + 4)
}

/// One step of reading a chunked body.
pub(crate) enum Chunk {
    /// The chunk's data is `data`; the next chunk begins at `next`.
    Data {
        data: std::ops::Range<usize>,
        next: usize,
    },
    /// The body, trailers included, ended at this position.
    End(usize),
    /// More bytes are needed.
    Partial,
    /// Not a chunk.
    Broken,
}

/// Reads the chunk at the start of `input`.
pub(crate) fn chunk(input: &[u8]) -> Chunk {
    let Some(line) = input.windows(2).position(|two| two == b"\r\n") else {
        return Chunk::Partial;
    };
    let size = std::str::from_utf8(&input[..line]).ok().and_then(|text| {
        usize::from_str_radix(text.split(';').next().unwrap_or_default().trim(), 16).ok()
    });
    match size {
        None => Chunk::Broken,
        Some(0) if input[line..].starts_with(b"\r\n\r\n") => Chunk::End(line + 4),
        Some(0) => head_end(input, line).map_or(Chunk::Partial, Chunk::End),
        Some(size) => match line
            .checked_add(2 + size)
            .and_then(|end| end.checked_add(2))
        {
            None => Chunk::Broken,
            Some(next) if next > input.len() => Chunk::Partial,
            Some(next) => Chunk::Data {
                data: line + 2..next - 2,
                next,
            },
        },
    }
}

/// Writes the head of a reply. `closing` adds `connection: close`.
pub(crate) fn head(reply: &Reply, closing: bool, out: &mut BytesMut) {
    if matches!(reply.body, Body::Raw(_)) {
        return;
    }
    out.put_slice(b"HTTP/1.1 ");
    decimal(usize::from(reply.status), out);
    out.put_slice(b" ");
    out.put_slice(reason(reply.status).as_bytes());
    out.put_slice(b"\r\n");
    let mut length_given = false;
    for (name, value) in &reply.headers {
        length_given |= name.eq_ignore_ascii_case("content-length");
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        out.put_slice(value.as_bytes());
        out.put_slice(b"\r\n");
    }
    match &reply.body {
        Body::Sized(body) if !length_given && !bodiless(reply.status) => {
            out.put_slice(b"content-length: ");
            decimal(body.len(), out);
            out.put_slice(b"\r\n");
        }
        Body::Chunked(_) | Body::Endless => out.put_slice(b"transfer-encoding: chunked\r\n"),
        Body::Sized(_) | Body::UntilClose(_) | Body::Raw(_) => {}
    }
    if closing {
        out.put_slice(b"connection: close\r\n");
    }
    out.put_slice(b"\r\n");
}

/// Statuses that never have a body.
pub(crate) fn bodiless(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

/// The chunks of a body as they go over the wire, the last chunk included.
pub(crate) fn chunks(pieces: &[Bytes]) -> Bytes {
    let mut out = BytesMut::with_capacity(pieces.iter().map(|piece| piece.len() + 16).sum());
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        out.put_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.put_slice(piece);
        out.put_slice(b"\r\n");
    }
    out.put_slice(b"0\r\n\r\n");
    out.freeze()
}

fn decimal(mut number: usize, out: &mut BytesMut) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Scripted",
    }
}
