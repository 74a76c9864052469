//! The bytes of records.
//!
//! A record says how long its block is before it, so blocks are whole before they are written.
//! What is written of an exchange is what went over the wire, but for what `redact` took out.

use std::time::SystemTime;

use super::cdxj::{Entry, Origin};
use super::digest::digest;
use super::member::Member;
use super::revisits::{Original, Payload};
use super::wire::{is_chunked, mime, payload_digest, payload_sha256};
use crate::record::Capture;

/// What a record ends with.
const END: &[u8] = b"\r\n\r\n";

const REVISIT: &str = "revisit";
const REVISIT_MIME: &str = "warc/revisit";
const PROFILE: &str = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";
/// Bytes of a body that is referred to; the reference to a shorter one would be longer than it.
const REFERENCE_MIN: usize = 256;

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

    /// Says that the payload is that of another record.
    fn refer(&mut self, original: &Original) {
        self.field("WARC-Profile", PROFILE);
        self.field("WARC-Refers-To", &original.id);
        self.field("WARC-Refers-To-Target-URI", &original.url);
        self.field("WARC-Refers-To-Date", &date(original.at));
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

/// An exchange on its way into records.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) capture: &'a Capture,
    pub(crate) body: &'a [u8],
    pub(crate) origin: &'a Origin<'a>,
}

impl Exchange<'_> {
    /// What the body is, without its transfer coding and with its compression; none if it is not
    /// worth it to refer to it where it is there already.
    pub(crate) fn payload(&self) -> Option<Payload> {
        let is_worth_it = self.body.len() >= REFERENCE_MIN && self.capture.cut.is_none();
        is_worth_it.then(|| Payload {
            sha256: payload_sha256(&self.capture.head, self.body),
            is_chunked: is_chunked(&self.capture.head),
        })
    }

    /// Appends the records. With an `original` the first is a revisit of it, which has no body.
    /// Returns what the index says, and how the record would be referred to.
    pub(crate) fn write(
        &self,
        original: Option<&Original>,
        member: &mut Member,
        out: &mut Vec<u8>,
    ) -> (Entry, Original) {
        let (begin, capture) = (out.len(), self.capture);
        let (response, request) = (new_id(), new_id());
        let kind = if original.is_some() {
            REVISIT
        } else {
            "response"
        };
        let digest = payload_digest(&capture.head, self.body);
        let mut record = of(capture, kind, &response);
        record.field("WARC-Payload-Digest", &digest);
        if let Some(cut) = capture.cut {
            record.field("WARC-Truncated", cut.as_str());
        }
        let mut block = [&capture.head[..], self.body];
        if let Some(original) = original {
            record.refer(original);
            block[1] = &[];
        }
        record.write("application/http; msgtype=response", &block, member, out);
        // Indexes count what ends a plain record as none of it.
        let trailer = if member.is_compressed() { 0 } else { END.len() };
        let place = (begin, out.len() - begin - trailer);
        let mut record = of(capture, "request", &request);
        record.field("WARC-Concurrent-To", &response);
        let block = [&capture.request[..]];
        record.write("application/http; msgtype=request", &block, member, out);
        let mime = match original {
            Some(_) => Some(REVISIT_MIME.to_owned()),
            None => mime(&capture.head),
        };
        let entry = Entry::new(capture, mime.as_deref(), &digest, self.origin, place);
        let written = Original {
            id: response,
            url: capture.url.clone(),
            at: capture.at,
        };
        (entry, written)
    }
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
        let exchange = Exchange {
            capture,
            body,
            origin: &origin,
        };
        let (entry, _) = exchange.write(None, &mut member, &mut out);
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
    fn f8j_a_revisit_keeps_the_head_and_refers_to_the_record_that_has_the_body() {
        let origin = Origin {
            line: 3,
            columns: None,
        };
        let (capture, body) = (capture(), [b'x'; REFERENCE_MIN]);
        let exchange = Exchange {
            capture: &capture,
            body: &body,
            origin: &origin,
        };
        assert!(exchange.payload().is_some());
        let (mut member, mut out) = (Member::new(false), Vec::new());
        let (_, original) = exchange.write(None, &mut member, &mut out);
        out.clear();
        let (entry, _) = exchange.write(Some(&original), &mut member, &mut out);
        let line = entry.line("p", 0);
        assert!(
            line.contains("\"mime\": \"warc/revisit\", \"status\": \"200\""),
            "{line}"
        );
        let text = String::from_utf8(out).unwrap();
        let (head, rest) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("WARC/1.1\r\nWARC-Type: revisit\r\n"),
            "{head}"
        );
        for (name, value) in [
            ("WARC-Profile", PROFILE),
            ("WARC-Payload-Digest", &digest(&[&body])),
            ("WARC-Refers-To", &original.id),
            ("WARC-Refers-To-Target-URI", "http://a.test/x?y"),
            ("WARC-Refers-To-Date", "2020-01-01T00:00:00.123Z"),
            ("WARC-Block-Digest", &digest(&[&capture.head])),
        ] {
            assert!(head.contains(&format!("\r\n{name}: {value}\r\n")), "{head}");
        }
        let response = std::str::from_utf8(&capture.head).unwrap();
        assert!(
            rest.starts_with(&format!("{response}\r\n\r\nWARC/1.1\r\n")),
            "{rest}"
        );
        let cut = Capture {
            cut: Some(Cut::Length),
            ..capture.clone()
        };
        for (capture, body) in [(&cut, &body[..]), (&capture, &body[1..])] {
            let exchange = Exchange {
                capture,
                body,
                ..exchange
            };
            assert_eq!(exchange.payload(), None);
        }
    }

    /// Two bodies of one SHA-1, as Stevens, Bursztein, Karpman, Albertini and Markov published them in
    /// 2017: what they begin with, and where they differ.
    const BEGINNING: &str = "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f576964746820\
        32203020522f4865696768742033203020522f547970652034203020522f537562747970652035203020522f46\
        696c7465722036203020522f436f6c6f7253706163652037203020522f4c656e6774682038203020522f426974\
        73506572436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d31206973206465616421\
        21212121852fec092339759c39b1a1c63c4c97e1fffe01";
    const REST: [&str; 2] = [
        "7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df614f86db1690901c56b45c1530a\
        fedfb76038e972722fe7ad728f0e4904e046c230570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a33\
        2ec37fac3514e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1",
        "7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26\
        fedfb3dc38e96ac22fe7bd728f0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e33\
        2edf93ac3500eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1",
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let pairs = (0..hex.len()).step_by(2);
        pairs
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn f8j_two_bodies_are_never_taken_for_one_whatever_their_sha1() {
        let bodies = REST.map(|rest| bytes(&format!("{BEGINNING}{rest}")));
        assert_ne!(bodies[0], bodies[1]);
        assert_eq!(digest(&[&bodies[0]]), digest(&[&bodies[1]]));
        let origin = Origin {
            line: 0,
            columns: None,
        };
        for is_chunked in [false, true] {
            let mut capture = capture();
            if is_chunked {
                let coding = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
                capture.head = coding.into();
            }
            let [first, second] = bodies.clone().map(|body| {
                let framed = [b"140\r\n", &body[..], b"\r\n0\r\n\r\n"].concat();
                let exchange = Exchange {
                    capture: &capture,
                    body: if is_chunked { &framed } else { &body },
                    origin: &origin,
                };
                exchange.payload().unwrap()
            });
            assert_ne!(first, second, "chunked: {is_chunked}");
        }
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
