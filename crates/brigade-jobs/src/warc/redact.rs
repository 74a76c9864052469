//! What is taken out of a request before it is archived.
//!
//! An archive is passed on. So the values of the headers that were given to the job, and whatever
//! says who asked, are replaced; names, order and everything else stay. A value that was given
//! never comes into an archive.

use super::wire::raw_lines;

/// Put in the place of a value.
const WITHHELD: &[u8] = b"withheld";

/// Headers that say who asks.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The names of the headers whose values are withheld.
#[derive(Debug)]
pub(crate) struct Redaction {
    names: Vec<String>,
}

impl Redaction {
    /// `given` are the names of the headers that were given to the job.
    pub(crate) fn new<'a>(given: impl Iterator<Item = &'a str>) -> Self {
        let fixed = CREDENTIALS.into_iter();
        Self {
            names: fixed.chain(given).map(str::to_owned).collect(),
        }
    }

    /// The request without those values.
    pub(crate) fn apply(&self, request: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(request.len());
        let mut lines = raw_lines(request);
        out.extend_from_slice(lines.next().unwrap_or_default());
        let mut taken = out.len();
        for line in lines {
            taken += line.len();
            match memchr::memchr(b':', line) {
                Some(at) if self.concerns(&line[..at]) => {
                    out.extend_from_slice(&line[..at]);
                    out.extend_from_slice(b": ");
                    out.extend_from_slice(WITHHELD);
                    out.extend_from_slice(b"\r\n");
                }
                _ => out.extend_from_slice(line),
            }
            if line.trim_ascii().is_empty() {
                break;
            }
        }
        out.extend_from_slice(&request[taken..]);
        out
    }

    fn concerns(&self, name: &[u8]) -> bool {
        let same = |each: &String| each.as_bytes().eq_ignore_ascii_case(name);
        self.names.iter().any(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f8e_what_was_given_and_who_asked_is_withheld_and_all_else_stays() {
        let redaction = Redaction::new(["X-Key", "accept"].into_iter());
        let request = "GET /x-key:1 HTTP/1.1\r\nHost: a\r\nx-key: secret\r\nAccept: s: t\r\n\
            Authorization: Basic secret\r\ncookie: secret\r\nX-Keyed: kept\r\n\r\nx-key: body\r\n";
        let expected = "GET /x-key:1 HTTP/1.1\r\nHost: a\r\nx-key: withheld\r\nAccept: withheld\r\n\
            Authorization: withheld\r\ncookie: withheld\r\nX-Keyed: kept\r\n\r\nx-key: body\r\n";
        let redacted = String::from_utf8(redaction.apply(request.as_bytes())).unwrap();
        assert_eq!(redacted, expected);
        assert_eq!(redaction.apply(b""), b"");
    }
}
