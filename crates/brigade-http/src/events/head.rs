//! Whether a response is a stream of events.
//!
//! A page that says "log in" has status 200 too, and as events it would be an empty stream. So the
//! type is checked; the body is never looked at.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use crate::{Error, Kind, Result};

/// The most bytes of a type that an error shows.
const SHOWN_MAX: usize = 80;

/// Checks the Content-Type: `text/event-stream`, in UTF-8 if it names a charset.
pub(super) fn check_type(headers: &HeaderMap) -> Result<()> {
    let bad = |detail: String| Err(Error::new(Kind::Decode).because(detail));
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return bad("the response names no content type, not text/event-stream".to_owned());
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    if !essence.eq_ignore_ascii_case("text/event-stream") {
        let shown: String = essence.chars().take(SHOWN_MAX).collect();
        return bad(format!(
            "the content type is {shown:?}, not text/event-stream"
        ));
    }
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let is_charset = name.trim_end().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"'))
    });
    match charset {
        Some(charset) if !["utf-8", "utf8"].contains(&&*charset.to_ascii_lowercase()) => {
            let shown: String = charset.chars().take(SHOWN_MAX).collect();
            bad(format!(
                "events are in UTF-8, and the content type says {shown:?}"
            ))
        }
        _ => Ok(()),
    }
}
