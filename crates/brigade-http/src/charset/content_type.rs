//! The `charset` of `Content-Type`, RFC 9110, sections 5.6.6 and 8.3.
//!
//! Servers send the header twice, or a list in one, though it is neither. As in browsers, the last
//! media type decides, and keeps the charset of the one before if it is the same and names none. It
//! reads each byte once and takes nothing from what is no media type.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The label that the headers give, if any.
pub(super) fn charset(headers: &HeaderMap) -> Option<Vec<u8>> {
    let mut last: Option<(Vec<u8>, Option<Vec<u8>>)> = None;
    for value in headers.get_all(CONTENT_TYPE) {
        let mut members = value.as_bytes();
        while !members.is_empty() {
            let (member, rest) = split(members, b',');
            members = rest;
            let (essence, parameters) = split(member, b';');
            let essence = essence.trim_ascii().to_ascii_lowercase();
            if !is_media_type(&essence) {
                continue;
            }
            let label = label(parameters);
            last = match last {
                Some((same, earlier)) if same == essence => Some((same, label.or(earlier))),
                _ => Some((essence, label)),
            };
        }
    }
    last?.1
}

/// The first charset among parameters that is not empty.
fn label(mut parameters: &[u8]) -> Option<Vec<u8>> {
    while !parameters.is_empty() {
        let (parameter, rest) = split(parameters, b';');
        parameters = rest;
        let (name, value) = split(parameter, b'=');
        if name.trim_ascii().eq_ignore_ascii_case(b"charset") {
            let label = unquote(value.trim_ascii());
            if !label.is_empty() {
                return Some(label);
            }
        }
    }
    None
}

/// What is before and behind the first delimiter that is in no quoted string.
fn split(bytes: &[u8], delimiter: u8) -> (&[u8], &[u8]) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let place = bytes.iter().position(|&byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => return byte == delimiter && !is_quoted,
        }
        false
    });
    match place {
        Some(place) => (&bytes[..place], &bytes[place + 1..]),
        None => (bytes, &[]),
    }
}

/// A token as it is, or what a quoted string stands for; what follows its end is not looked at.
fn unquote(value: &[u8]) -> Vec<u8> {
    let [b'"', quoted @ ..] = value else {
        return value.to_vec();
    };
    let mut text = Vec::new();
    let mut bytes = quoted.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => text.extend(bytes.next()),
            _ => text.push(byte),
        }
    }
    text
}

/// Two tokens around a slash.
fn is_media_type(essence: &[u8]) -> bool {
    let (kind, subtype) = split(essence, b'/');
    [kind, subtype]
        .iter()
        .all(|name| !name.is_empty() && name.iter().all(|&byte| is_token(byte)))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
