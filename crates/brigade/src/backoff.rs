//! How long to wait before asking again: longer after each failure, and never in step with others.
//!
//! [`Backoff`] is the rule, a pure function of the failures so far and of a number drawn at random;
//! [`Delays`] counts and draws for a loop that tries again. It never sleeps and never decides
//! whether another attempt makes sense: the loop knows that, and what it gives up for.
//!
//! ```
//! use brigade::backoff::Delays;
//!
//! # let tries = std::cell::Cell::new(0);
//! # let connect = async || match tries.replace(tries.get() + 1) {
//! #     3 => Ok("connected"),
//! #     _ => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)),
//! # };
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?
//! # .block_on(async {
//! let mut delays = Delays::default();
//! let connection = loop {
//!     match connect().await {
//!         Err(error) if delays.failures() == 5 => return Err(error),
//!         Err(_) => tokio::time::sleep(delays.next_delay()).await,
//!         Ok(connection) => break connection,
//!     }
//! };
//! # assert_eq!((connection, delays.failures()), ("connected", 3));
//! # Ok(())
//! # })?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! HTTP requests need no such loop: `brigade_http::RetryPolicy` is one, and knows `Retry-After`.

use std::time::Duration;

pub use brigade_core::backoff::{Backoff, Jitter};

/// The waits after failures in a row, each drawn by chance from what its [`Backoff`] says.
///
/// For waits that are the same every time, in a test, use [`Backoff::delay`].
///
/// # Examples
///
/// ```
/// use brigade::backoff::{Backoff, Delays};
/// use std::time::Duration;
///
/// let second = Duration::from_secs(1);
/// let mut delays = Delays::new(Backoff { base: second, ..Backoff::default() });
/// assert!((second / 2..=second).contains(&delays.next_delay()));
/// assert!((second..=2 * second).contains(&delays.next_delay()));
/// delays.reset();
/// assert!(delays.next_delay() <= second);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Delays {
    backoff: Backoff,
    failures: u32,
}

impl Delays {
    /// The waits of this rule, before the first failure.
    pub const fn new(backoff: Backoff) -> Self {
        Self {
            backoff,
            failures: 0,
        }
    }

    /// Counts a failure and draws the wait after it, at most the rule's `cap`: by default half a
    /// second after the first and a minute after many. They do not end by themselves: see
    /// [`failures`](Self::failures). Where a server says how long to wait, use the longer of both.
    #[must_use = "it only says how long to wait"]
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.backoff.delay(self.failures, fastrand::f64(), None);
        self.failures = self.failures.saturating_add(1);
        delay
    }

    /// How many failures were counted since the beginning or the last [`reset`](Self::reset).
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Something went well, so the next failure counts as the first.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delay_lies_within_its_rule_and_no_two_clients_wait_in_step() {
        let backoff = Backoff::default();
        let mut clients = [Delays::new(backoff), Delays::new(backoff)];
        let mut together = 0;
        for attempt in 0..40 {
            let [one, other] = clients.each_mut().map(Delays::next_delay);
            let least = backoff.delay(attempt, 0.0, None);
            for delay in [one, other] {
                assert!(
                    least <= delay && delay <= backoff.full(attempt),
                    "{delay:?}"
                );
            }
            together += u32::from(one == other);
        }
        assert!(together < 5, "{together} of 40");
    }

    #[test]
    fn a_success_begins_the_row_anew() {
        let mut delays = Delays::default();
        for failures in 1..=10 {
            assert!(delays.next_delay() > Duration::ZERO);
            assert_eq!(delays.failures(), failures);
        }
        delays.reset();
        assert_eq!(delays.failures(), 0);
        assert!(delays.next_delay() <= Backoff::default().base);
    }
}
