//! A header from whatever a caller gives.
//!
//! What cannot be sent is found here, once, for requests, clients and the parts of forms. It never
//! puts a value into an error.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue};

use crate::{Error, Kind, Result};

/// A header from what a caller gave.
pub(crate) fn header<N, V>(name: N, value: V) -> Result<(HeaderName, HeaderValue)>
where
    N: TryInto<HeaderName, Error: Into<http::Error>>,
    V: TryInto<HeaderValue, Error: Into<http::Error>>,
{
    let bad = |error: http::Error| Error::new(Kind::BadRequest).from(error);
    let name = name.try_into().map_err(|error| bad(error.into()))?;
    let mut value: HeaderValue = value.try_into().map_err(|error| {
        bad(error.into()).because(format!("the value of the header {name} cannot be sent"))
    })?;
    if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
        let detail = format!("the header {name} follows from the body and cannot be set");
        return Err(Error::new(Kind::BadRequest).because(detail));
    }
    if [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(&name) {
        // Keeps it out of debug output, too.
        value.set_sensitive(true);
    }
    Ok((name, value))
}
