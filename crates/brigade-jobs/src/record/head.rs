//! The head of a result line: everything that is known when the response begins.
//!
//! It is written on the event loop, so it does only what is small.

use std::io::Write;
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue};

use super::escape::string;
use super::number::number;

/// What goes into the head of a result line.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) index: u64,
    pub(crate) url: &'a str,
    /// The other columns of the line, as a JSON object.
    pub(crate) columns: Option<&'a str>,
    /// The URL that answered, if redirects led away from `url`.
    pub(crate) final_url: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) fetched_at: SystemTime,
    pub(crate) attempts: u32,
}

/// Appends the head: an open JSON object that [`super::tail`] completes.
pub(crate) fn head(head: &Head<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"index\":");
    number(head.index, out);
    out.extend_from_slice(b",\"url\":");
    string(head.url, out);
    columns(head.columns, out);
    if let Some(url) = head.final_url {
        out.extend_from_slice(b",\"final_url\":");
        string(url, out);
    }
    out.extend_from_slice(b",\"status\":");
    number(head.status.into(), out);
    out.extend_from_slice(b",\"headers\":");
    headers(head.headers, out);
    out.extend_from_slice(b",\"fetched_at\":\"");
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{}", humantime::format_rfc3339_millis(head.fetched_at));
    out.extend_from_slice(b"\",\"attempts\":");
    number(head.attempts.into(), out);
}

/// Appends the other columns of a line, which are JSON already.
pub(crate) fn columns(columns: Option<&str>, out: &mut Vec<u8>) {
    if let Some(columns) = columns {
        out.extend_from_slice(b",\"columns\":");
        out.extend_from_slice(columns.as_bytes());
    }
}

/// An object of names (lower case) and values; a name that occurs more than once has an array.
fn headers(map: &HeaderMap, out: &mut Vec<u8>) {
    out.push(b'{');
    // The map yields all values of a name one after the other.
    let mut entries = map.iter().peekable();
    let mut first = true;
    while let Some((name, one)) = entries.next() {
        if !first {
            out.push(b',');
        }
        first = false;
        // Also a name may hold a quote, if it came over HTTP/2.
        string(name.as_str(), out);
        out.push(b':');
        let more = |next: &(&http::HeaderName, &HeaderValue)| next.0 == name;
        if entries.peek().is_none_or(|next| !more(next)) {
            value(one, out);
            continue;
        }
        out.push(b'[');
        value(one, out);
        while let Some((_, another)) = entries.next_if(more) {
            out.push(b',');
            value(another, out);
        }
        out.push(b']');
    }
    out.push(b'}');
}

/// A value as text: UTF-8 if it is that, else Latin-1, so that every byte can be told again.
fn value(value: &HeaderValue, out: &mut Vec<u8>) {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => string(text, out),
        Err(_) => {
            let text: String = value
                .as_bytes()
                .iter()
                .map(|&byte| char::from(byte))
                .collect();
            string(&text, out);
        }
    }
}
