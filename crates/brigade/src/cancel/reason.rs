//! Why something was cancelled.
//!
//! The first cause wins and travels along, so that the end of a program can be explained. A
//! failure is not a reason: errors live in the group, a reason only says who asked to stop.

use std::fmt;

use crate::sync::atomic::{AtomicU64, Ordering};

/// Why a task, a group or a token was cancelled.
///
/// # Examples
///
/// ```
/// use brigade::cancel::{Reason, Token};
///
/// let token = Token::new();
/// token.cancel();
/// token.cancel_with(Reason::Deadline);
/// assert_eq!(token.reason(), Some(Reason::User));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The process was asked to stop by the signal of this number.
    Signal(i32),
    /// A deadline passed.
    Deadline,
    /// Another child of the same group, or its body, failed.
    Sibling,
    /// What it was part of has ended.
    Parent,
    /// The program asked for it.
    User,
    /// Another candidate won the race, or the future that it belonged to was dropped, by a
    /// `select!` or a timeout.
    RaceLost,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(number) => match signal_hook::low_level::signal_name(*number) {
                Some(name) => write!(f, "signal {name}"),
                None => write!(f, "signal {number}"),
            },
            Self::Deadline => f.write_str("a deadline passed"),
            Self::Sibling => f.write_str("a sibling failed"),
            Self::Parent => f.write_str("its parent has ended"),
            Self::User => f.write_str("the program asked for it"),
            Self::RaceLost => f.write_str("another won the race, or its future was dropped"),
        }
    }
}

impl Reason {
    const fn encode(self) -> u64 {
        match self {
            Self::Signal(number) => 1 | (number as u32 as u64) << 32,
            Self::Deadline => 2,
            Self::Sibling => 3,
            Self::Parent => 4,
            Self::User => 5,
            Self::RaceLost => 6,
        }
    }

    const fn decode(word: u64) -> Option<Self> {
        Some(match word as u32 {
            0 => return None,
            1 => Self::Signal((word >> 32) as u32 as i32),
            2 => Self::Deadline,
            3 => Self::Sibling,
            4 => Self::Parent,
            5 => Self::User,
            _ => Self::RaceLost,
        })
    }
}

/// A reason that is set at most once.
///
/// Sequentially consistent like the shield counter: a thread that raises a shield and then finds
/// no reason, and a task that finds a reason and then no shield, cannot both be right.
#[derive(Debug, Default)]
pub(crate) struct FirstReason(AtomicU64);

impl FirstReason {
    pub(crate) const fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn get(&self) -> Option<Reason> {
        match self.0.load(Ordering::SeqCst) {
            0 => None,
            word => Reason::decode(word),
        }
    }

    /// Sets the reason unless there is one; true if this call set it.
    pub(crate) fn set(&self, reason: Reason) -> bool {
        self.0
            .compare_exchange(0, reason.encode(), Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_its_encoding() {
        use Reason::*;
        for reason in [
            Signal(2),
            Signal(-1),
            Signal(64),
            Deadline,
            Sibling,
            Parent,
            User,
            RaceLost,
        ] {
            assert_eq!(Reason::decode(reason.encode()), Some(reason));
        }
        assert_eq!(Reason::decode(0), None);
    }
}
