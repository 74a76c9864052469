//! What can stand for a URL in a request.
//!
//! URLs are checked once, here: afterwards every URL in the client has a host, is http or https
//! and has no credentials in it. No error of this module repeats the text that it could not parse.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::{Error, Kind, Result};

mod sealed {
    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for &String {}
    impl Sealed for url::Url {}
    impl Sealed for &url::Url {}
}

/// A URL or a text that shall be one: `&str`, `String`, [`Url`].
pub trait IntoUrl: sealed::Sealed {
    /// The URL.
    ///
    /// # Errors
    ///
    /// [`Kind::BadUrl`] if the text is not a URL.
    fn into_url(self) -> Result<Url>;
}

impl IntoUrl for Url {
    fn into_url(self) -> Result<Url> {
        Ok(self)
    }
}

impl IntoUrl for &Url {
    fn into_url(self) -> Result<Url> {
        Ok(self.clone())
    }
}

impl IntoUrl for &str {
    fn into_url(self) -> Result<Url> {
        Url::parse(self).map_err(|error| Error::new(Kind::BadUrl).because(error.to_string()))
    }
}

impl IntoUrl for String {
    fn into_url(self) -> Result<Url> {
        self.as_str().into_url()
    }
}

impl IntoUrl for &String {
    fn into_url(self) -> Result<Url> {
        self.as_str().into_url()
    }
}

/// Checks that the client can fetch `url`, and takes the credentials out of it, as the value of an
/// Authorization header.
pub(crate) fn check(url: &mut Url) -> Result<Option<HeaderValue>> {
    if !matches!(url.scheme(), "http" | "https") {
        let detail = format!("the scheme is {:?}, not http or https", url.scheme());
        return Err(Error::new(Kind::BadUrl).about(url).because(detail));
    }
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user: Vec<u8> = percent_decode_str(url.username()).collect();
    let password: Vec<u8> = percent_decode_str(url.password().unwrap_or_default()).collect();
    // Both fail only for URLs without a host, which http and https do not have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(Some(basic(&user, &password)))
}

/// The value of a header that proves who one is by user name and password (RFC 7617).
pub(crate) fn basic(user: &[u8], password: &[u8]) -> HeaderValue {
    let plain = [user, b":", password].concat();
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)));
    let mut value = value.expect("base64 is visible ASCII");
    value.set_sensitive(true);
    value
}
