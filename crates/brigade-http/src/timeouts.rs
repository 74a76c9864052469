//! The five timeouts.
//!
//! Each bounds one thing and has its own kind of error, so that a failure says which side was
//! slow. None of them ever starts while the thing that it bounds is not being waited for.

use std::time::Duration;

/// The five timeouts of a request; `None` means no limit.
///
/// # Examples
///
/// ```
/// use brigade_http::Timeouts;
/// use std::time::Duration;
///
/// let timeouts = Timeouts::default().connect(Duration::from_secs(3)).total(None);
/// assert_eq!(timeouts.connect, Some(Duration::from_secs(3)));
/// assert_eq!(timeouts.total, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The wait for a connection that the limits allow; by default 30 seconds.
    pub pool: Option<Duration>,
    /// Opening a connection: the host name, TCP, a proxy and TLS together; by default 10 seconds.
    pub connect: Option<Duration>,
    /// The wait until the server takes more bytes of the request; by default 30 seconds.
    pub write: Option<Duration>,
    /// The wait until the server sends more bytes of the response; by default 30 seconds. It
    /// starts when the request has been sent, and does not run while the body is not being read.
    pub read: Option<Duration>,
    /// Everything from `send` to the end of the body, redirects and retries included; by default
    /// 5 minutes. It is the only limit on a server that keeps sending a little.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            pool: Some(Duration::from_secs(30)),
            connect: Some(Duration::from_secs(10)),
            write: Some(Duration::from_secs(30)),
            read: Some(Duration::from_secs(30)),
            total: Some(Duration::from_secs(300)),
        }
    }
}

impl Timeouts {
    /// No limits at all.
    pub const NONE: Self = Self {
        pool: None,
        connect: None,
        write: None,
        read: None,
        total: None,
    };

    /// Sets the limit on the wait for a connection.
    #[must_use]
    pub fn pool(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.pool = limit.into();
        self
    }

    /// Sets the limit on opening a connection.
    #[must_use]
    pub fn connect(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.connect = limit.into();
        self
    }

    /// Sets the limit on each wait while the request is sent.
    #[must_use]
    pub fn write(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.write = limit.into();
        self
    }

    /// Sets the limit on each wait while the response is read.
    #[must_use]
    pub fn read(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.read = limit.into();
        self
    }

    /// Sets the limit on the request as a whole.
    #[must_use]
    pub fn total(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.total = limit.into();
        self
    }
}
