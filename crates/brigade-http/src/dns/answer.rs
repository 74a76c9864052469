//! What a resolver answers: addresses, and how long they count.
//!
//! It is a plain value. It never judges its addresses: that is done where they are kept.

use std::net::IpAddr;
use std::time::Duration;

/// The addresses of a name, and for how long they may be used.
///
/// # Examples
///
/// ```
/// use brigade_http::dns::Answer;
/// use std::time::Duration;
///
/// let answer = Answer::new([[127, 0, 0, 1].into()]).ttl(Duration::from_secs(60));
/// assert_eq!(answer.addresses.len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// In the order in which they should be tried, except that the client takes turns between IPv6
    /// and IPv4. Of each of the two, the first 32 different ones are used.
    pub addresses: Vec<IpAddr>,
    /// How long they may be used: at least 1 s, so that a burst shares them, and at most one day.
    /// `None` leaves it to [`ClientBuilder::dns_ttl`](crate::ClientBuilder::dns_ttl).
    pub ttl: Option<Duration>,
}

impl Answer {
    /// These addresses, with nothing said about their lifetime.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self {
            addresses: addresses.into_iter().collect(),
            ttl: None,
        }
    }

    /// Sets how long the addresses may be used.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }
}
