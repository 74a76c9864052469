//! What a client adds to the URL of every request: what relative ones are resolved against, a
//! query, and who one is.
//!
//! A client with a base URL is about one server, so that its query and its credentials are for that
//! server alone. It never lets either of them out to another origin.

use std::fmt;

use http::{HeaderMap, HeaderValue};
use url::{Position, Url};

use crate::into_url::check;
use crate::redirect::{is_same_origin, leave_origin};
use crate::{Error, Kind, Result};

/// What requests begin with.
#[derive(Clone, Default)]
pub(crate) struct Defaults {
    pub(crate) base: Option<Url>,
    /// Encoded, without its question mark.
    pub(crate) query: String,
    authorization: Option<HeaderValue>,
    /// Whether the base URL has said that.
    is_of_base: bool,
}

impl Defaults {
    /// Takes a base URL, and the user name and password in it.
    pub(crate) fn set_base(&mut self, mut url: Url) -> Result<()> {
        let authorization = check(&mut url)?;
        let bad = |detail: &str| Err(Error::new(Kind::Config).about(&url).because(detail));
        if !url.path().ends_with('/') {
            return bad(
                "a base URL ends with '/': what follows its last '/' is replaced (RFC 3986)",
            );
        }
        if !url[Position::AfterPath..].is_empty() {
            return bad("a base URL has no query and no fragment; ClientBuilder::query adds one");
        }
        self.base = Some(url);
        // What another base has said is for its server alone.
        if authorization.is_some() || self.is_of_base {
            self.is_of_base = authorization.is_some();
            self.authorization = authorization;
        }
        Ok(())
    }

    /// Takes what proves who one is.
    pub(crate) fn authorize(&mut self, authorization: HeaderValue) {
        self.authorization = Some(authorization);
        self.is_of_base = false;
    }

    /// Fails if there are credentials and nobody said whom they are for.
    pub(crate) fn check(&self) -> Result<()> {
        if self.authorization.is_some() && self.base.is_none() {
            let detail = "the credentials of a client need a base URL, which says whom they are \
                          for; or give them to each request";
            return Err(Error::new(Kind::Config).because(detail));
        }
        Ok(())
    }

    /// The header that proves to the server of `url` who one is.
    pub(crate) fn authorization(&self, url: &Url) -> Option<HeaderValue> {
        let authorization = self.authorization.as_ref()?;
        self.concerns(url).then(|| authorization.clone())
    }

    /// Adds the query to that of `url`.
    pub(crate) fn extend(&self, url: &mut Url) {
        if !self.query.is_empty() && self.concerns(url) {
            extend(url, &self.query);
        }
    }

    /// Takes the credentials out of the client's headers, if they are not for the server of `url`.
    pub(crate) fn withhold(&self, url: &Url, headers: &mut HeaderMap) {
        if !self.concerns(url) {
            leave_origin(headers);
        }
    }

    fn concerns(&self, url: &Url) -> bool {
        self.base
            .as_ref()
            .is_none_or(|base| is_same_origin(base, url))
    }
}

/// Adds an encoded query to that of `url`.
pub(crate) fn extend(url: &mut Url, query: &str) {
    let whole = match url.query() {
        Some(own) if !own.is_empty() => format!("{own}&{query}"),
        _ => query.to_owned(),
    };
    url.set_query(Some(&whole));
}

/// Without the query and the credentials, which may be secrets.
impl fmt::Debug for Defaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Defaults")
            .field("base", &self.base.as_ref().map(Url::as_str))
            .field("authorization", &self.authorization.is_some())
            .finish_non_exhaustive()
    }
}
