//! What every request of a client says and may do, unless it says otherwise itself.
//!
//! Plain setters, one for each setting. Nothing here is checked against another setting: that is the
//! business of [`build`](ClientBuilder::build).

use http::header::USER_AGENT;
use http::{HeaderName, HeaderValue};

use super::ClientBuilder;
use crate::Timeouts;
#[cfg(feature = "cookies")]
use crate::cookies::CookieJar;
use crate::retry::RetryPolicy;

impl ClientBuilder {
    /// A header of every request that does not set its own of that name. A second value for the
    /// same name replaces the first.
    ///
    /// Authorization, Cookie and values that are marked as sensitive are not sent to another origin
    /// after a redirect.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        match crate::request::header(name, value) {
            Ok((name, value)) => {
                self.headers.insert(name, value);
            }
            Err(error) => self.error = Some(self.error.unwrap_or(error)),
        }
        self
    }

    /// Keeps cookies in `jar`, and sends them where they belong; by default none are kept. See
    /// [`cookies`](crate::cookies).
    ///
    /// A request with a Cookie header of its own, or of [`header`](Self::header), is sent with that
    /// one, and none of the jar.
    #[cfg(feature = "cookies")]
    pub fn cookies(mut self, jar: CookieJar) -> Self {
        self.cookies = Some(jar);
        self
    }

    /// The value of the User-Agent header.
    pub fn user_agent(self, agent: &str) -> Self {
        self.header(USER_AGENT.as_str(), agent)
    }

    /// The timeouts of every request that does not set its own.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.settings.timeouts = timeouts;
        self
    }

    /// How many redirects are followed, by default 10; with 0 the redirect is the response.
    pub fn redirects(mut self, redirects: u32) -> Self {
        self.settings.redirects = redirects;
        self
    }

    /// The most bytes of a decoded body, by default 1 GiB; `None` for no limit.
    pub fn max_body(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.settings.body_max = bytes.into();
        self
    }

    /// Whether compressed bodies are asked for and unpacked, as they are by default. Without, a body
    /// is handed out as it was sent.
    pub fn compression(mut self, compression: bool) -> Self {
        self.settings.compression = compression;
        self
    }

    /// When a request is sent again; by default never.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.settings.retry = Some(policy.into());
        self
    }
}
