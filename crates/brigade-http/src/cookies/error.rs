//! Why a cookie is not kept.
//!
//! For whoever adds one by hand, and for the log where a server sets it. No text ever holds a
//! value, because that is what a cookie keeps secret.

use std::error::Error as StdError;
use std::fmt;

/// Why a cookie was refused, or a saved jar not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The URL is none, or is neither http nor https.
    BadUrl,
    /// There is no name, or no `=` after it.
    NoName,
    /// There is a control character in it, or a byte that is not UTF-8.
    BadCharacter,
    /// Name and value are longer than 4096 bytes, or all of it than 8192.
    TooLong,
    /// The domain is not the host of the URL or one above it.
    ForeignDomain,
    /// The domain is one under which strangers register, such as `co.uk`.
    PublicSuffix,
    /// It is `Secure`, or would replace one that is, and the URL is plain http.
    Insecure,
    /// The name begins with `__Secure-` or `__Host-`, and the cookie is not what that promises.
    Prefix,
    /// The text is not that of a saved jar: where and why.
    BadJson(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadUrl => "keep the cookie: its URL is not one of http or https",
            Self::NoName => "keep the cookie: it is not of the form `name=value`",
            Self::BadCharacter => "keep the cookie: it has control characters or is not UTF-8",
            Self::TooLong => "keep the cookie: it is longer than 4096 bytes",
            Self::ForeignDomain => "keep the cookie: its domain is not that of the URL",
            Self::PublicSuffix => "keep the cookie: its domain belongs to many owners",
            Self::Insecure => "keep the cookie: only https may set or replace a `Secure` one",
            Self::Prefix => "keep the cookie: it does not hold what the prefix of its name says",
            Self::BadJson(why) => return write!(f, "load the cookies: {why}"),
        })
    }
}

impl StdError for Error {}
