//! Until when a host is left alone after it refused: a small state machine per host.
//!
//! Requests are in flight together, so one overload is answered with many refusals. Counting each
//! of them would turn a moment of overload into the longest pause; only a refusal of a request
//! that was sent after the last pause had begun tells that the pause was too short.
//!
//! It never shortens a pause that was announced.

use std::time::Duration;

use super::Backoff;
use crate::time::Moment;

/// The curve of the pauses, and when a host is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HostRule {
    /// The length of the first, second, ... pause.
    pub backoff: Backoff,
    /// How long after the end of a pause the next refusal counts as the first again.
    pub quiet: Duration,
}

impl Default for HostRule {
    /// Pauses from one second to five minutes; forgiven two minutes after the last one.
    fn default() -> Self {
        Self {
            backoff: Backoff {
                base: Duration::from_secs(1),
                cap: Duration::from_secs(300),
                ..Backoff::default()
            },
            quiet: Duration::from_secs(120),
        }
    }
}

/// How often in a row a host has refused, and until when it is left alone.
///
/// # Examples
///
/// ```
/// use brigade_core::backoff::{HostBackoff, HostRule};
/// use brigade_core::time::Moment;
/// use std::time::Duration;
///
/// let second = |n| Moment::ZERO + Duration::from_secs(n);
/// let mut host = HostBackoff::new(HostRule::default());
///
/// // A request sent at 1 s is refused at 2 s: the first pause is half a second to a second.
/// let until = host.refused(second(1), second(2), 0.0, None);
/// assert_eq!(until, second(2) + Duration::from_millis(500));
///
/// // Its neighbour, sent at 1 s too, is refused as well: that is the same overload.
/// assert_eq!(host.refused(second(1), second(2), 0.0, None), until);
///
/// // But a request sent after the pause and refused again doubles it.
/// let until = host.refused(second(3), second(4), 0.0, None);
/// assert_eq!(until, second(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostBackoff {
    rule: HostRule,
    strikes: u32,
    began: Moment,
    until: Moment,
}

impl HostBackoff {
    /// A host that has never refused.
    pub const fn new(rule: HostRule) -> Self {
        Self {
            rule,
            strikes: 0,
            began: Moment::ZERO,
            until: Moment::ZERO,
        }
    }

    /// A host as an earlier run left it: refused `strikes` times in a row, paused until `until`.
    ///
    /// The pause counts as begun at `now`, so answers to what was sent before do not lengthen it.
    pub const fn restore(rule: HostRule, strikes: u32, now: Moment, until: Moment) -> Self {
        Self {
            rule,
            strikes,
            began: now,
            until,
        }
    }

    /// Takes note that the host refused at `now` a request that was sent at `sent`, and returns
    /// until when it is to be left alone (which has passed if the refusal is old news).
    ///
    /// `random` and `retry_after` are those of [`Backoff::delay`]. A refusal of the same overload
    /// (sent before the last pause began) can only lengthen the pause to what the server asked.
    pub fn refused(
        &mut self,
        sent: Moment,
        now: Moment,
        random: f64,
        retry_after: Option<Duration>,
    ) -> Moment {
        if self.strikes > 0 && sent <= self.began {
            if let Some(asked) = retry_after {
                self.until = self.until.max(now + asked);
            }
            return self.until;
        }
        let strikes = self.strikes(now);
        let pause = self.rule.backoff.delay(strikes, random, retry_after);
        self.strikes = strikes.saturating_add(1);
        self.began = now;
        self.until = self.until.max(now + pause);
        self.until
    }

    /// When the present pause ends; `None` if there is none at `now`.
    pub fn paused_until(&self, now: Moment) -> Option<Moment> {
        (self.until > now).then_some(self.until)
    }

    /// How often the host has refused in a row, not counting what is forgiven at `now`.
    pub fn strikes(&self, now: Moment) -> u32 {
        if now >= self.forgiven_at() {
            0
        } else {
            self.strikes
        }
    }

    /// When the host is forgiven if it does not refuse again; from then on the state is that of a
    /// host that has never refused, and can be dropped.
    pub fn forgiven_at(&self) -> Moment {
        if self.strikes == 0 {
            self.until
        } else {
            self.until + self.rule.quiet
        }
    }
}
