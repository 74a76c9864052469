//! An exchange as it went over the wire, on its way into an archive.
//!
//! It never holds a header's value that was given to the job, or a user name or password: those are
//! taken out before it is made.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

/// One exchange, all but encoded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Capture {
    /// The URL that was asked for, without user name, password and fragment.
    pub(crate) url: String,
    /// When it was asked for.
    pub(crate) at: SystemTime,
    /// Who was asked, if by an address.
    pub(crate) peer: Option<IpAddr>,
    pub(crate) is_http2: bool,
    pub(crate) request: Vec<u8>,
    /// The head of the response.
    pub(crate) head: Bytes,
    /// What came after the head, of an exchange whose body is no result.
    pub(crate) body: Vec<u8>,
    /// Why this is not all of it, if it is not.
    pub(crate) cut: Option<Cut>,
}

/// Why the rest of a body is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// It was too long.
    Length,
    /// It took too long.
    Time,
    /// The connection broke.
    Disconnect,
}

impl Cut {
    const ALL: [Self; 3] = [Self::Length, Self::Time, Self::Disconnect];

    /// The word that WARC has for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Time => "time",
            Self::Disconnect => "disconnect",
        }
    }
}

impl Capture {
    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.url.len() + self.request.len() + self.head.len() + self.body.len();
        size_of::<Self>() + texts
    }

    /// One that tests take where it matters little what was said.
    #[cfg(test)]
    pub(crate) fn plain(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            at: UNIX_EPOCH,
            peer: None,
            is_http2: false,
            request: b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            head: "HTTP/1.1 200 OK\r\n\r\n".into(),
            body: Vec::new(),
            cut: None,
        }
    }
}

/// What `pack` has put together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packed<'a> {
    /// The columns that the line carries, as a JSON object.
    pub(crate) columns: Option<&'a str>,
    /// The exchanges, the last one without its body.
    pub(crate) captures: Vec<Capture>,
}

/// Puts the exchanges of a line into one piece, in which they can wait with its body, be it in
/// memory or on disk.
pub(crate) fn pack(columns: Option<&str>, hops: &[Capture], last: &Capture) -> Vec<u8> {
    let mut out = Vec::with_capacity(hops.iter().map(Capture::bytes).sum::<usize>() + last.bytes());
    field(&mut out, columns.unwrap_or_default().as_bytes());
    for capture in hops.iter().chain([last]) {
        let since = capture.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let peer = capture.peer.map(|peer| peer.to_string());
        let cut = Cut::ALL.iter().position(|cut| Some(*cut) == capture.cut);
        let flags = [capture.is_http2.into(), cut.map_or(0, |at| at as u8 + 1)];
        field(&mut out, capture.url.as_bytes());
        field(&mut out, &(since.as_millis() as u64).to_le_bytes());
        field(&mut out, peer.unwrap_or_default().as_bytes());
        field(&mut out, &flags);
        field(&mut out, &capture.request);
        field(&mut out, &capture.head);
        field(&mut out, &capture.body);
    }
    out
}

/// The length, then the bytes.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// What [`pack`] has made; none if it is something else.
pub(crate) fn unpack(mut bytes: &[u8]) -> Option<Packed<'_>> {
    let columns = text(&mut bytes)?;
    let mut captures = Vec::new();
    while !bytes.is_empty() {
        let url = text(&mut bytes)?.to_owned();
        let millis = u64::from_le_bytes(next(&mut bytes)?.try_into().ok()?);
        let peer = text(&mut bytes)?;
        let [is_http2, cut] = next(&mut bytes)?.try_into().ok()?;
        captures.push(Capture {
            url,
            at: UNIX_EPOCH + Duration::from_millis(millis),
            peer: peer.parse().ok(),
            is_http2: is_http2 != 0,
            cut: Cut::ALL.get(usize::from(cut).wrapping_sub(1)).copied(),
            request: next(&mut bytes)?.to_vec(),
            head: Bytes::copy_from_slice(next(&mut bytes)?),
            body: next(&mut bytes)?.to_vec(),
        });
    }
    let columns = Some(columns).filter(|columns| !columns.is_empty());
    Some(Packed { columns, captures })
}

fn next<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (field, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(field)
}

fn text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(next(bytes)?).ok()
}

/// Without the bytes, of which there are many.
impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("url", &self.url)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_found_again_and_nothing_else_is() {
        let capture = |peer: &str, body: &[u8]| Capture {
            url: "http://a.test/".into(),
            at: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
            peer: peer.parse().ok(),
            is_http2: peer.is_empty(),
            request: vec![0xff; 300],
            head: "HTTP/1.1 200 OK\r\n\r\n".into(),
            body: body.to_vec(),
            cut: match body.len() {
                0 => None,
                length => Some(Cut::ALL[length % 3]),
            },
        };
        let captures = vec![capture("::1", b"\0body"), capture("", b"")];
        for columns in [None, Some("{\"a\":1}")] {
            let bytes = pack(columns, &captures[..1], &captures[1]);
            let captures = captures.clone();
            assert_eq!(unpack(&bytes), Some(Packed { columns, captures }));
            assert_eq!(unpack(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(unpack(b"{\"index\":1,\"url\""), None);
    }
}
