//! What one line of the list says: nothing, a URL to fetch, or something that cannot be fetched.
//!
//! It never fails: a line that is not a URL is an item that fails as `bad_url`.

use std::borrow::Cow;

use url::Url;

use super::journey::Journey;
use super::lines::{LINE_MAX, Line};

/// How much of an unusable line its failure record shows, in bytes.
const SHOWN_MAX: usize = 256;

/// One URL to fetch, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The number of its line, from 0.
    pub(crate) index: u64,
    /// Where its line starts in the list.
    pub(crate) offset: u64,
    /// The length of its line without the LF.
    pub(crate) length: u32,
    /// Attempts made so far.
    pub(crate) attempts: u32,
    /// The URL, as it is asked for first.
    pub(crate) url: Url,
    /// The URL as the line wrote it, where that is not the same text.
    pub(crate) written: Option<Box<str>>,
    /// Where redirects have led it, if one has.
    pub(crate) journey: Option<Box<Journey>>,
    /// The other columns of the line as a JSON object, if it has any.
    pub(crate) columns: Option<Box<str>>,
}

impl Item {
    /// Bytes of memory that its texts take.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [&self.written, &self.columns];
        let lengths = texts.map(|text| text.as_ref().map_or(0, |text| text.len()));
        let next = self.journey.as_ref();
        let next = next.map_or(0, |way| way.bytes());
        self.url.as_str().len() + lengths[0] + lengths[1] + next
    }

    /// The URL as records show it: as the line wrote it, without user name and password.
    pub(crate) fn shown(&self) -> Cow<'_, str> {
        if self.url.username().is_empty() && self.url.password().is_none() {
            Cow::Borrowed(self.written.as_deref().unwrap_or(self.url.as_str()))
        } else {
            Cow::Owned(shown(&self.url))
        }
    }
}

/// The text of a URL without user name and password.
pub(crate) fn shown(url: &Url) -> String {
    let mut clean = url.clone();
    // Both fail only for a URL that cannot have either.
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    clean.into()
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A blank line, a comment (its first character is `#`) or the names of columns.
    Nothing,
    /// A URL.
    Item(Item),
    /// Not a URL that can be fetched.
    Bad(Bad),
}

/// Why a line cannot be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// The beginning of the line, safe to show.
    pub(crate) shown: String,
    /// What is wrong with it.
    pub(crate) message: String,
    /// Its other columns as a JSON object.
    pub(crate) columns: Option<Box<str>>,
}

impl Parsed {
    /// The same with these columns.
    pub(super) fn with(mut self, columns: Option<Box<str>>) -> Self {
        match &mut self {
            Self::Nothing => {}
            Self::Item(item) => item.columns = columns,
            Self::Bad(bad) => bad.columns = columns,
        }
        self
    }
}

/// Reads one plain line. White space around the URL is ignored, and a byte order mark before line 0.
pub(super) fn parse(line: &Line<'_>) -> Parsed {
    let mut bytes = line.bytes;
    if line.index == 0 {
        bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    }
    let bytes = bytes.trim_ascii();
    if line.length > LINE_MAX as u64 {
        return bad(bytes, too_long(line, LINE_MAX));
    }
    if bytes.is_empty() || bytes[0] == b'#' {
        return Parsed::Nothing;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => url_of(text, line),
        Err(_) => bad(bytes, "the line is not UTF-8"),
    }
}

/// What the text of a URL is that stands in this line.
pub(super) fn url_of(text: &str, line: &Line<'_>) -> Parsed {
    match fetchable(text) {
        Ok(url) => Parsed::Item(Item {
            index: line.index,
            offset: line.offset,
            length: line.length as u32,
            attempts: 0,
            written: (url.as_str() != text).then(|| text.into()),
            url,
            journey: None,
            columns: None,
        }),
        Err(message) => bad(text.as_bytes(), message),
    }
}

/// A line that cannot be fetched, of which this much may be shown.
pub(super) fn bad(bytes: &[u8], message: impl Into<String>) -> Parsed {
    Parsed::Bad(Bad {
        shown: beginning(bytes),
        message: message.into(),
        columns: None,
    })
}

pub(super) fn too_long(line: &Line<'_>, limit: usize) -> String {
    let length = line.length;
    format!("the line is {length} bytes long, the limit is {limit}")
}

fn fetchable(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "the scheme '{}' is not http or https",
            url.scheme()
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("the URL has no host".to_owned());
    }
    Ok(url)
}

/// The beginning of a line that could not be used, with anything before an `@` left out, since it
/// may be a password.
fn beginning(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN_MAX)];
    let text = String::from_utf8_lossy(cut);
    let mut shown = match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            format!("{}{}", &text[..scheme + 3], &text[at + 1..])
        }
        (_, Some(at)) => text[at + 1..].to_owned(),
        _ => text.into_owned(),
    };
    if bytes.len() > SHOWN_MAX {
        shown.push('…');
    }
    shown
}
