//! The bytes of records.
//!
//! A record says how long its block is before it, so blocks are whole before they are written.
//! What is written of an exchange is what went over the wire, but for what `redact` took out.

use std::time::SystemTime;

use super::cdxj::{Entry, Origin};
use super::digest::digest;
use super::member::Member;
use super::wire::payload_digest;
use crate::record::Capture;

/// What a record ends with.
const END: &[u8] = b"\r\n\r\n";

/// A record in the making: its lines so far, and what follows them.
struct Record {
    head: Vec<u8>,
}

impl Record {
    fn new(kind: &str, id: &str, at: SystemTime) -> Self {
        let mut record = Self {
            head: Vec::with_capacity(512),
        };
        record.head.extend_from_slice(b"WARC/1.1\r\n");
        record.field("WARC-Type", kind);
        record.field("WARC-Record-ID", id);
        record.field("WARC-Date", &date(at));
        record
    }

    fn field(&mut self, name: &str, value: &str) {
        for part in [name, ": ", value, "\r\n"] {
            self.head.extend_from_slice(part.as_bytes());
        }
    }

    /// Writes the record as a member of its own; `block` is its content, in pieces.
    fn write(mut self, kind: &str, block: &[&[u8]], member: &mut Member, out: &mut Vec<u8>) {
        self.field("WARC-Block-Digest", &digest(block));
        self.field("Content-Type", kind);
        let length: usize = block.iter().map(|piece| piece.len()).sum();
        self.field("Content-Length", &length.to_string());
        self.head.extend_from_slice(b"\r\n");
        member.begin(out);
        member.write(&self.head, out);
        for piece in block {
            member.write(piece, out);
        }
        member.write(END, out);
        member.end(out);
    }
}

/// Appends the records of an exchange, whose body is `body`, and returns what the index says of it.
pub(crate) fn exchange(
    capture: &Capture,
    body: &[u8],
    origin: &Origin<'_>,
    member: &mut Member,
    out: &mut Vec<u8>,
) -> Entry {
    let begin = out.len();
    let (response, request) = (new_id(), new_id());
    let payload = payload_digest(&capture.head, body);
    let mut record = of(capture, "response", &response);
    record.field("WARC-Payload-Digest", &payload);
    if let Some(cut) = capture.cut {
        record.field("WARC-Truncated", cut.as_str());
    }
    let block = [&capture.head[..], body];
    record.write("application/http; msgtype=response", &block, member, out);
    // Indexes count what ends a plain record as none of it.
    let trailer = if member.is_compressed() { 0 } else { END.len() };
    let place = (begin, out.len() - begin - trailer);
    let mut record = of(capture, "request", &request);
    record.field("WARC-Concurrent-To", &response);
    let block = [&capture.request[..]];
    record.write("application/http; msgtype=request", &block, member, out);
    Entry::new(capture, &payload, origin, place)
}

/// A record about the URL of an exchange.
fn of(capture: &Capture, kind: &str, id: &str) -> Record {
    let mut record = Record::new(kind, id, capture.at);
    record.field("WARC-Target-URI", &capture.url);
    if let Some(peer) = capture.peer {
        record.field("WARC-IP-Address", &peer.to_canonical().to_string());
    }
    if capture.is_http2 {
        record.field("WARC-Protocol", "h2");
    }
    record
}

/// The record that a part begins with.
pub(crate) fn info(part: &str, is_compressed: bool, now: SystemTime) -> Vec<u8> {
    let mut record = Record::new("warcinfo", &new_id(), now);
    record.field("WARC-Filename", part);
    let software = concat!("software: brigade/", env!("CARGO_PKG_VERSION"), "\r\n");
    let block = format!(
        "{software}format: WARC File Format 1.1\r\nconformsTo: \
         http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n"
    );
    let (mut member, mut out) = (Member::new(is_compressed), Vec::new());
    let kind = "application/warc-fields";
    record.write(kind, &[block.as_bytes()], &mut member, &mut out);
    out
}

/// A moment as archives write it, in milliseconds.
fn date(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// A random UUID (RFC 9562, version 4) as the name of a record.
fn new_id() -> String {
    let random = fastrand::u128(..);
    let version = random & !(0xf << 76) | 0x4 << 76;
    let uuid = version & !(0x3 << 62) | 0x2 << 62;
    let text = format!("{uuid:032x}");
    let [a, b, c, d, e] = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &text[range]);
    format!("<urn:uuid:{a}-{b}-{c}-{d}-{e}>")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::Cut;

    fn capture() -> Capture {
        Capture {
            url: "http://a.test/x?y".into(),
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_577_836_800_123),
            peer: Some("::ffff:127.0.0.1".parse().unwrap()),
            is_http2: false,
            request: b"GET /x?y HTTP/1.1\r\nhost: a.test\r\n\r\n".to_vec(),
            head: "HTTP/1.1 200 OK\r\nContent-type: text/plain; x\r\n\r\n".into(),
            body: Vec::new(),
            cut: None,
        }
    }

    /// The records with what differs each time taken out.
    fn text(capture: &Capture, body: &[u8]) -> String {
        let (mut member, mut out) = (Member::new(false), Vec::new());
        let origin = Origin {
            line: 0,
            columns: None,
        };
        let entry = exchange(capture, body, &origin, &mut member, &mut out);
        let text = String::from_utf8(out).unwrap();
        let line = entry.line("p", 7);
        assert!(line.contains("\"offset\": \"7\""), "{line}");
        let ids: Vec<_> = text
            .match_indices("<urn:uuid:")
            .map(|(at, _)| text[at..at + 47].to_owned())
            .collect();
        assert_eq!(ids[0], ids[2]);
        assert_ne!(ids[0], ids[1]);
        assert_eq!((&ids[0][24..25], ids[0].len()), ("4", 47));
        text.replace(&ids[0], "ONE").replace(&ids[1], "TWO")
    }

    #[test]
    fn f8a_an_exchange_is_a_response_and_a_request_that_name_each_other() {
        let expected = "WARC/1.1\r\n\
            WARC-Type: response\r\nWARC-Record-ID: ONE\r\nWARC-Date: 2020-01-01T00:00:00.123Z\r\n\
            WARC-Target-URI: http://a.test/x?y\r\nWARC-IP-Address: 127.0.0.1\r\n\
            WARC-Payload-Digest: sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5\r\n\
            WARC-Block-Digest: BLOCK\r\n\
            Content-Type: application/http; msgtype=response\r\nContent-Length: 51\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-type: text/plain; x\r\n\r\nabc\r\n\r\n\
            WARC/1.1\r\n\
            WARC-Type: request\r\nWARC-Record-ID: TWO\r\nWARC-Date: 2020-01-01T00:00:00.123Z\r\n\
            WARC-Target-URI: http://a.test/x?y\r\nWARC-IP-Address: 127.0.0.1\r\n\
            WARC-Concurrent-To: ONE\r\nWARC-Block-Digest: BLOCK\r\n\
            Content-Type: application/http; msgtype=request\r\nContent-Length: 35\r\n\r\n\
            GET /x?y HTTP/1.1\r\nhost: a.test\r\n\r\n\r\n\r\n";
        let mut found = text(&capture(), b"abc");
        for block in [
            digest(&[&capture().head, b"abc"]),
            digest(&[&capture().request]),
        ] {
            assert!(found.contains(&block));
            found = found.replace(&block, "BLOCK");
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn f8a_what_is_not_plain_is_said() {
        let cut = Capture {
            is_http2: true,
            cut: Some(Cut::Time),
            peer: None,
            ..capture()
        };
        let found = text(&cut, b"");
        assert_eq!(found.matches("WARC-Protocol: h2\r\n").count(), 2);
        assert_eq!(found.matches("WARC-Truncated: time\r\n").count(), 1);
        assert!(!found.contains("WARC-IP-Address"));
    }

    #[test]
    fn f8a_a_part_says_what_made_it() {
        let now = SystemTime::UNIX_EPOCH;
        let text = String::from_utf8(info("part-00007.warc", false, now)).unwrap();
        assert!(
            text.starts_with("WARC/1.1\r\nWARC-Type: warcinfo\r\n"),
            "{text}"
        );
        assert!(
            text.contains("\r\nWARC-Filename: part-00007.warc\r\n"),
            "{text}"
        );
        let (head, block) = text.split_once("\r\n\r\n").unwrap();
        let length = block.strip_suffix("\r\n\r\n").unwrap().len();
        assert!(
            head.ends_with(&format!("Content-Length: {length}")),
            "{text}"
        );
        assert!(block.starts_with("software: brigade/"), "{block}");
    }
}
