//! The codings of a body, as the `Content-Encoding` header lists them.
//!
//! It never guesses: a name that is not known is an error, since the body would be taken for
//! something that it is not.

use http::header::{CONTENT_ENCODING, HeaderMap};

use super::Error;
use super::codec::{Codec, Deflate, Gzip};

/// The value of `Accept-Encoding` that asks for what the decoder understands.
pub const ACCEPT_ENCODING: &str = "gzip, deflate";

/// How many codings are taken off one body; curl stops at as many.
const STACKED_MAX: usize = 5;

/// What part of an unknown name is shown.
const NAME_MAX: usize = 32;

/// A content coding that changes the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    /// The codings in the order in which they were applied.
    pub(super) fn list(headers: &HeaderMap) -> Result<Vec<Self>, Error> {
        let mut list = Vec::new();
        for value in headers.get_all(CONTENT_ENCODING) {
            for name in value.as_bytes().split(|&byte| byte == b',') {
                let Some(coding) = Self::parse(name.trim_ascii())? else {
                    continue;
                };
                if list.len() == STACKED_MAX {
                    return Err(Error::TooManyCodings { limit: STACKED_MAX });
                }
                list.push(coding);
            }
        }
        Ok(list)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// What takes it off a body that begins now.
    pub(super) fn codec(self) -> Box<dyn Codec> {
        match self {
            Self::Gzip => Box::new(Gzip::new()),
            Self::Deflate => Box::new(Deflate::Start),
        }
    }

    /// `None` for a name that stands for no change.
    fn parse(name: &[u8]) -> Result<Option<Self>, Error> {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if name.is_empty() || is("identity") {
            Ok(None)
        } else if is("gzip") || is("x-gzip") {
            Ok(Some(Self::Gzip))
        } else if is("deflate") {
            Ok(Some(Self::Deflate))
        } else {
            let shown = name[..name.len().min(NAME_MAX)].escape_ascii();
            Err(Error::Unsupported(shown.to_string()))
        }
    }
}
