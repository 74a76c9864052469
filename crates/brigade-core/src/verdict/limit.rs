//! When so many failed that going on is pointless: a share of all, after a minimum.
//!
//! A server that has blocked a job, or a list with a mistake in every line, shows after a hundred
//! lines; a job that goes on for a million more only does harm. It never judges a few first lines.

/// The share of failures that is too large.
///
/// # Examples
///
/// ```
/// use brigade_core::verdict::FailureLimit;
///
/// let limit = FailureLimit::new(0.05).unwrap().after(200);
/// assert!(!limit.is_passed(199, 199));
/// assert!(!limit.is_passed(200, 10));
/// assert!(limit.is_passed(200, 11));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureLimit {
    share: f64,
    after: u64,
}

impl FailureLimit {
    /// The lines of which a share means something, unless another number is given.
    pub const AFTER: u64 = 100;

    /// A limit of this share, from 0 (a single failure passes it) to 1 (nothing does); `None` for
    /// anything else. It holds after [`FailureLimit::AFTER`] lines.
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self {
            share,
            after: Self::AFTER,
        })
    }

    /// Holds after so many lines, 1 at least.
    #[must_use]
    pub fn after(mut self, lines: u64) -> Self {
        self.after = lines.max(1);
        self
    }

    /// The share, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Whether `failed` of the `settled` lines are more than the share.
    pub fn is_passed(&self, settled: u64, failed: u64) -> bool {
        settled >= self.after && failed as f64 > self.share * settled as f64
    }
}
