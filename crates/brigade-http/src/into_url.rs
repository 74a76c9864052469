//! What can stand for a URL in a request.
//!
//! URLs are checked once, here: afterwards every URL in the client has a host, is http or https
//! and has no credentials in it. No error of this module repeats the text that it could not parse.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

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
///
/// A text may be a relative reference, if there is a base URL to resolve it against.
pub trait IntoUrl: sealed::Sealed {
    /// The URL, resolved against `base` (RFC 3986, section 5).
    ///
    /// # Errors
    ///
    /// [`Kind::BadUrl`] if the text is not a URL, or a relative one without a base.
    fn into_url(self, base: Option<&Url>) -> Result<Url>;
}

impl IntoUrl for Url {
    fn into_url(self, _: Option<&Url>) -> Result<Url> {
        Ok(self)
    }
}

impl IntoUrl for &Url {
    fn into_url(self, _: Option<&Url>) -> Result<Url> {
        Ok(self.clone())
    }
}

impl IntoUrl for &str {
    fn into_url(self, base: Option<&Url>) -> Result<Url> {
        let url = Url::options().base_url(base).parse(self);
        url.map_err(|error| {
            let bad = Error::new(Kind::BadUrl);
            match error {
                ParseError::RelativeUrlWithoutBase => bad.because(
                    "it is relative, and the client has no base URL (ClientBuilder::base_url)",
                ),
                error => bad.because(error.to_string()),
            }
        })
    }
}

impl IntoUrl for String {
    fn into_url(self, base: Option<&Url>) -> Result<Url> {
        self.as_str().into_url(base)
    }
}

impl IntoUrl for &String {
    fn into_url(self, base: Option<&Url>) -> Result<Url> {
        self.as_str().into_url(base)
    }
}

/// Checks that the client can fetch `url`, and takes the credentials out of it, as the value of an
/// Authorization header.
pub(crate) fn check(url: &mut Url) -> Result<Option<HeaderValue>> {
    if !matches!(url.scheme(), "http" | "https") {
        let bad = Error::new(Kind::BadUrl);
        if !url.has_host() {
            // Without its scheme, a URL begins with a user name and a password, and neither would
            // be known for what it is.
            return Err(bad.because("it begins with neither http:// nor https://"));
        }
        let detail = format!("the scheme is {:?}, not http or https", url.scheme());
        return Err(bad.about(url).because(detail));
    }
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let user: Vec<u8> = percent_decode_str(url.username()).collect();
    let password: Vec<u8> = percent_decode_str(url.password().unwrap_or_default()).collect();
    // Both fail only for URLs without a host, which http and https do not have.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    basic(&user, &password).map(Some)
}

/// The value of a header that proves who one is by a token (RFC 6750).
pub(crate) fn bearer(token: &str) -> Result<HeaderValue> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_token) {
        let detail = "a bearer token has letters, digits and -._~+/= only, and at least one";
        return Err(Error::new(Kind::BadRequest).because(detail));
    }
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|error| Error::new(Kind::BadRequest).from(error))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The same by user name and password (RFC 7617).
pub(crate) fn basic(user: &[u8], password: &[u8]) -> Result<HeaderValue> {
    if user.contains(&b':') {
        let detail = "a user name with a colon cannot be told from its password";
        return Err(Error::new(Kind::BadRequest).because(detail));
    }
    let plain = [user, b":", password].concat();
    let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)));
    let mut value = value.expect("base64 is visible ASCII");
    value.set_sensitive(true);
    Ok(value)
}
