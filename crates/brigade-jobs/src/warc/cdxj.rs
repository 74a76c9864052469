//! A line of the index: where in which part the response to a URL lies, and what it is.
//!
//! `key timestamp {json}`, as pywb reads it and cdxj-indexer writes it, with the line of the list
//! and its columns as further fields. Where in the part the record lies is put in last, because
//! nobody knows it before the record is appended. A line never holds a line feed.

use super::surt::surt;
use super::wire::status;
use crate::record::{Capture, number, string};

/// Which line of the list an exchange belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// The number of the line, from 0.
    pub(crate) line: u64,
    /// The columns that the line carries, as a JSON object.
    pub(crate) columns: Option<&'a str>,
}

/// All that a line says but for the place of the record.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Up to the offset.
    begin: Vec<u8>,
    /// After the name of the part.
    end: Vec<u8>,
    /// Where the record lies in its block.
    at: usize,
}

impl Entry {
    pub(super) fn new(
        capture: &Capture,
        mime: Option<&str>,
        digest: &str,
        origin: &Origin<'_>,
        (at, length): (usize, usize),
    ) -> Self {
        let mut begin = Vec::with_capacity(256);
        begin.extend_from_slice(&surt(&capture.url));
        begin.push(b' ');
        begin.extend_from_slice(timestamp(capture).as_bytes());
        begin.extend_from_slice(b" {");
        field(&mut begin, "url", &capture.url);
        if let Some(mime) = mime {
            field(&mut begin, "mime", mime);
        }
        field(&mut begin, "status", status(&capture.head));
        field(&mut begin, "digest", digest);
        field(&mut begin, "length", &length.to_string());
        let mut end = b", \"line\": ".to_vec();
        number(origin.line, &mut end);
        if let Some(columns) = origin.columns {
            end.extend_from_slice(b", \"columns\": ");
            end.extend_from_slice(columns.as_bytes());
        }
        end.extend_from_slice(b"}\n");
        Self { begin, end, at }
    }

    /// The line for a record whose block begins at `offset` of `part`.
    pub(crate) fn line(&self, part: &str, offset: u64) -> String {
        let mut line = self.begin.clone();
        field(&mut line, "offset", &(offset + self.at as u64).to_string());
        field(&mut line, "filename", part);
        // The last separator is that of the field that does not follow.
        line.truncate(line.len() - 2);
        line.extend_from_slice(&self.end);
        String::from_utf8(line).unwrap_or_default()
    }
}

/// Appends a field and a separator.
fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\": ");
    string(value, out);
    out.extend_from_slice(b", ");
}

/// The moment in 14 digits.
fn timestamp(capture: &Capture) -> String {
    let date = humantime::format_rfc3339_seconds(capture.at).to_string();
    date.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn f8d_a_line_says_where_a_response_lies_and_which_line_asked_for_it() {
        let capture = Capture {
            url: "http://www.a.test/B?q=\"".into(),
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_577_836_800_999),
            peer: None,
            is_http2: true,
            request: Vec::new(),
            head: "HTTP/1.1 404 Not\r\ncontent-type: a/b;c\r\n\r\n".into(),
            body: Vec::new(),
            cut: None,
        };
        let columns = Some(r#"{"name":"x"}"#);
        let origin = Origin { line: 12, columns };
        let entry = Entry::new(&capture, Some("a/b"), "sha1:X", &origin, (100, 20));
        assert_eq!(
            entry.line("part-00001.warc.gz", 1000),
            "test,a)/b?q=\" 20200101000000 {\"url\": \"http://www.a.test/B?q=\\\"\", \"mime\": \"a/b\", \
             \"status\": \"404\", \"digest\": \"sha1:X\", \"length\": \"20\", \"offset\": \"1100\", \
             \"filename\": \"part-00001.warc.gz\", \"line\": 12, \"columns\": {\"name\":\"x\"}}\n"
        );
    }
}
