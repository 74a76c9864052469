//! What an archive has to know of a head that it keeps as it came.
//!
//! It reads as the tools do that will read it again: the first header of a name counts. It never
//! changes a byte.

use brigade_core::chunked::Chunked;
use ring::digest::{Context, SHA256};

use super::digest::{Digest, digest};

/// The status of a head.
pub(super) fn status(head: &[u8]) -> &str {
    let status = head
        .split(|&byte| byte == b' ' || byte == b'\r' || byte == b'\n')
        .nth(1);
    status
        .and_then(|status| std::str::from_utf8(status).ok())
        .unwrap_or_default()
}

/// The value of the first header of this name, given in lower case.
pub(super) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    lines(head).skip(1).find_map(|line| {
        let at = memchr::memchr(b':', line)?;
        let found = line[..at]
            .trim_ascii()
            .eq_ignore_ascii_case(name.as_bytes());
        found.then(|| line[at + 1..].trim_ascii())
    })
}

/// The lines of a head with what ends them.
pub(super) fn raw_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|&byte| byte == b'\n')
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    raw_lines(head).map(<[u8]>::trim_ascii_end)
}

/// The media type without its parameters, if there is one.
pub(super) fn mime(head: &[u8]) -> Option<String> {
    let value = String::from_utf8_lossy(header(head, "content-type")?).into_owned();
    let end = value.find(|letter: char| letter == ';' || letter.is_whitespace());
    Some(value[..end.unwrap_or(value.len())].to_owned())
}

/// Whether the body of this head comes in chunks.
pub(super) fn is_chunked(head: &[u8]) -> bool {
    let coding = header(head, "transfer-encoding");
    coding.is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"))
}

/// The digest of the payload: of the body without its transfer coding, and with its compression.
pub(super) fn payload_digest(head: &[u8], body: &[u8]) -> String {
    let mut payload = Digest::new();
    match pieces(head, body, |piece| payload.update(piece)) {
        true => payload.finish(),
        false => digest(&[body]),
    }
}

/// The same as SHA-256, which withstands an attack.
pub(super) fn payload_sha256(head: &[u8], body: &[u8]) -> [u8; 32] {
    let mut payload = Context::new(&SHA256);
    if !pieces(head, body, |piece| payload.update(piece)) {
        payload = Context::new(&SHA256);
        payload.update(body);
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(payload.finish().as_ref());
    sha256
}

/// Hands on the payload piece by piece. False if its chunks are none: the client has read them, so
/// the body was cut.
fn pieces(head: &[u8], body: &[u8], mut each: impl FnMut(&[u8])) -> bool {
    if is_chunked(head) {
        return Chunked::default().feed(body, each).is_ok();
    }
    each(body);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 203 Not Really\r\nContent-Type:  text/html;charset=x \r\n\
        X-Empty:\r\ncontent-type: b\r\nTransfer-encoding: Chunked\n\r\n";

    #[test]
    fn heads_are_read_as_other_tools_read_them() {
        assert_eq!(status(HEAD), "203");
        assert_eq!(status(b"HTTP/1.1 200\r\n\r\n"), "200");
        assert_eq!(
            header(HEAD, "content-type"),
            Some(&b"text/html;charset=x"[..])
        );
        assert_eq!(header(HEAD, "x-empty"), Some(&b""[..]));
        assert_eq!(header(HEAD, "http/1.1 203 not really"), None);
        assert_eq!(mime(HEAD).as_deref(), Some("text/html"));
        assert_eq!(mime(b"HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(
            mime(b"HTTP/1.1 200 OK\r\ncontent-type: a/b c\r\n\r\n").as_deref(),
            Some("a/b")
        );
    }

    #[test]
    fn f8b_a_payload_is_the_body_without_its_transfer_coding() {
        let plain = b"HTTP/1.1 200 OK\r\n\r\n";
        let wiki = payload_digest(plain, b"wiki");
        assert_eq!(
            payload_digest(HEAD, b"2\r\nwi\r\n2;x\r\nki\r\n0\r\nt: 1\r\n\r\n"),
            wiki
        );
        assert_ne!(payload_digest(plain, b"4\r\nwiki\r\n0\r\n\r\n"), wiki);
    }
}
