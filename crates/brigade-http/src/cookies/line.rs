//! What a `Set-Cookie` header says, before anyone asks who sent it (RFC 6265, section 5.2).
//!
//! Servers write these by hand, so whatever is odd and can be read is read. Nothing that could end a
//! header or begin another one ever gets past.

use super::Error;
use super::date;

/// The most bytes of a name and a value together.
pub(super) const PAIR_MAX: usize = 4096;
/// The most bytes of a whole header.
pub(super) const LINE_MAX: usize = 8192;
/// The most bytes that an attribute may say; a longer one is passed over.
pub(super) const ATTRIBUTE_MAX: usize = 1024;

/// A cookie to be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// Without a dot before it; never empty.
    pub(super) domain: Option<&'a str>,
    /// Begins with `/`.
    pub(super) path: Option<&'a str>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    /// In seconds from now; 0 for a cookie that shall go.
    pub(super) max_age: Option<u64>,
    /// In seconds since 1970.
    pub(super) expires: Option<u64>,
}

impl<'a> Line<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > LINE_MAX {
            return Err(Error::TooLong);
        }
        let text = str::from_utf8(bytes).map_err(|_| Error::BadCharacter)?;
        let mut parts = text.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').ok_or(Error::NoName)?;
        let mut line = Self {
            name: trim(name),
            value: trim(value),
            ..Self::default()
        };
        if line.name.is_empty() {
            return Err(Error::NoName);
        }
        // A tab in the middle is the one that HTTP allows.
        if text
            .chars()
            .any(|character| character != '\t' && character.is_ascii_control())
        {
            return Err(Error::BadCharacter);
        }
        if line.name.len() + line.value.len() > PAIR_MAX {
            return Err(Error::TooLong);
        }
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            line.attribute(trim(name), trim(value));
        }
        Ok(line)
    }

    /// Of two attributes with one name the last counts.
    fn attribute(&mut self, name: &str, value: &'a str) {
        if value.len() > ATTRIBUTE_MAX {
            return;
        }
        if name.eq_ignore_ascii_case("domain") {
            let domain = value.strip_prefix('.').unwrap_or(value);
            self.domain = Some(domain).filter(|domain| !domain.is_empty());
        } else if name.eq_ignore_ascii_case("path") {
            self.path = Some(value).filter(|path| path.starts_with('/'));
        } else if name.eq_ignore_ascii_case("secure") {
            self.secure = true;
        } else if name.eq_ignore_ascii_case("httponly") {
            self.http_only = true;
        } else if name.eq_ignore_ascii_case("max-age") {
            self.max_age = seconds(value).or(self.max_age);
        } else if name.eq_ignore_ascii_case("expires") {
            self.expires = date::parse(value).or(self.expires);
        }
    }
}

/// Without the white space that HTTP knows.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A number of seconds, however large; what is negative counts as 0.
fn seconds(value: &str) -> Option<u64> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match digits.len() < value.len() {
        true => Some(0),
        false => Some(digits.parse().unwrap_or(u64::MAX)),
    }
}
