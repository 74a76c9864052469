//! What became of the future under test in one run.
//!
//! It names the place, so that a check that fails with it in its message can be run again.

/// How one run of the future under test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was dropped after it had been polled so many times.
    Dropped {
        /// How many polls it got; 0 is a future dropped before it began.
        polls: usize,
        /// Whether it had been woken since its last poll.
        woken: bool,
    },
    /// It was cancelled after it had been polled so many times, and then ran to its end.
    Cancelled {
        /// How many polls it had got; 0 is a future cancelled before it began.
        polls: usize,
        /// Whether it had been woken since its last poll.
        woken: bool,
        /// What it returned.
        value: T,
    },
    /// It ran to its end.
    Completed(T),
}
