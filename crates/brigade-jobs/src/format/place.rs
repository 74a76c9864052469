//! Where the body of a URL is written: a path below `files/` that follows from the URL and the
//! number of its line alone.
//!
//! It is made to be read: host, directories, name, the line's number behind a `~`, extension. The
//! number makes it unique, so nothing else has to; every byte that a file system or a shell could
//! take amiss is percent-encoded, so no URL leads out of the directory.

use std::fmt::Write;

use url::Url;

use crate::directory::FILES;

/// Directories below that of the host; deeper ones are left out.
const DEPTH_MAX: usize = 8;
/// Bytes of one name, the line's number and the extension left out.
const NAME_MAX: usize = 100;
/// Bytes of an extension; a longer one belongs to the name.
const EXTENSION_MAX: usize = 8;

/// The path of the body of `url` on line `index`, relative to the output directory.
pub(crate) fn place(url: &Url, index: u64) -> String {
    let mut path = String::with_capacity(64);
    path.push_str(FILES);
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    push(
        &mut path,
        &format!("{}{port}", url.host_str().unwrap_or_default()),
    );
    let mut segments: Vec<_> = url
        .path()
        .split('/')
        .filter(|name| !name.is_empty())
        .collect();
    let last = match url.path().ends_with('/') {
        true => None,
        false => segments.pop(),
    };
    for segment in segments.iter().take(DEPTH_MAX) {
        push(&mut path, segment);
    }
    let (name, extension) = split(last.unwrap_or("index"));
    match url.query() {
        Some(query) => push(&mut path, &format!("{name}?{query}")),
        None => push(&mut path, name),
    }
    // Writing to a String cannot fail.
    let _ = write!(path, "~{index}");
    if !extension.is_empty() {
        path.push('.');
        path.push_str(extension);
    }
    path
}

/// A name and its extension, if it has one that looks like one.
fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && (1..=EXTENSION_MAX).contains(&extension.len())
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            (stem, extension)
        }
        _ => (name, ""),
    }
}

/// Appends a separator and one name, encoded and cut.
fn push(path: &mut String, name: &str) {
    path.push('/');
    let begin = path.len();
    for (at, byte) in name.bytes().enumerate() {
        if path.len() - begin >= NAME_MAX {
            break;
        }
        match byte {
            // A name that begins with a dot is hidden, or means another directory.
            b'.' if at == 0 => path.push_str("%2E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'%' => {
                path.push(char::from(byte));
            }
            b'+' | b',' | b'=' | b'@' => path.push(char::from(byte)),
            _ => _ = write!(path, "%{byte:02X}"),
        }
    }
}
