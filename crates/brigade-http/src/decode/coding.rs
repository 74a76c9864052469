//! The codings of a body, as the `Content-Encoding` header lists them.
//!
//! It never guesses: a name that is not known is an error, since the body would be taken for
//! something that it is not.

use http::header::{CONTENT_ENCODING, HeaderMap};

use super::Error;
#[cfg(feature = "brotli")]
use super::codec::Brotli;
#[cfg(feature = "zstd")]
use super::codec::Zstd;
use super::codec::{Codec, Deflate, Gzip};

/// The value of `Accept-Encoding` that asks for what the decoder understands: all that is compiled
/// in, in the order of the browsers.
pub const ACCEPT_ENCODING: &str = match (cfg!(feature = "brotli"), cfg!(feature = "zstd")) {
    (true, true) => "gzip, deflate, br, zstd",
    (true, false) => "gzip, deflate, br",
    (false, true) => "gzip, deflate, zstd",
    (false, false) => "gzip, deflate",
};

/// How many codings are taken off one body; curl stops at as many.
const STACKED_MAX: usize = 5;

/// What part of an unknown name is shown.
const NAME_MAX: usize = 32;

/// A content coding that changes the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    #[cfg(feature = "brotli")]
    Brotli,
    #[cfg(feature = "zstd")]
    Zstd,
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
            #[cfg(feature = "brotli")]
            Self::Brotli => "br",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    /// What takes it off a body that begins now.
    pub(super) fn codec(self) -> Box<dyn Codec> {
        match self {
            Self::Gzip => Box::new(Gzip::new()),
            Self::Deflate => Box::new(Deflate::Start),
            #[cfg(feature = "brotli")]
            Self::Brotli => Box::new(Brotli::new()),
            #[cfg(feature = "zstd")]
            Self::Zstd => Box::new(Zstd::new()),
        }
    }

    /// `None` for a name that stands for no change.
    fn parse(name: &[u8]) -> Result<Option<Self>, Error> {
        Ok(match name.to_ascii_lowercase().as_slice() {
            b"" | b"identity" => None,
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"deflate" => Some(Self::Deflate),
            #[cfg(feature = "brotli")]
            b"br" => Some(Self::Brotli),
            #[cfg(feature = "zstd")]
            b"zstd" => Some(Self::Zstd),
            _ => {
                let shown = name[..name.len().min(NAME_MAX)].escape_ascii();
                return Err(Error::Unsupported(shown.to_string()));
            }
        })
    }
}
