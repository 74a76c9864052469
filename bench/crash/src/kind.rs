//! The kinds of disturbances, and when one of them strikes.
//!
//! A third strikes while a run starts, a third while it ends, the others anywhere; what was done by
//! earlier runs makes a run shorter, so some strike sooner by chance.

use std::time::Duration;

use fastrand::Rng;

use crate::job::Trouble;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `kill -9` from outside.
    Kill,
    /// SIGTERM, which asks for a commit and an end.
    Term,
    /// A kill at a call that changes the disk, then a power cut.
    Power,
    /// A full disk.
    Full,
    /// A broken disk.
    Broken,
    /// One of them after the other, with and without power cuts.
    Mixed,
    /// A kill, a full disk or a broken one in the middle of a write into what tells where results are.
    Torn,
}

/// What an undisturbed run is like, as far as it says when something may strike.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course {
    pub took: Duration,
    /// Calls that change something on the disk, or sync it.
    pub calls: u64,
    /// Of those, writes into what tells where results are, and what their paths hold.
    pub writes: u64,
    pub torn: &'static str,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Kill,
        Self::Term,
        Self::Power,
        Self::Full,
        Self::Broken,
        Self::Mixed,
        Self::Torn,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Term => "term",
            Self::Power => "power",
            Self::Full => "enospc",
            Self::Broken => "eio",
            Self::Mixed => "mixed",
            Self::Torn => "torn",
        }
    }

    /// Whether runs are followed by the library of faults, so that the disk is known.
    pub fn has_faults(self) -> bool {
        !matches!(self, Self::Kill | Self::Term)
    }

    /// The next trouble, for a run that goes like this undisturbed.
    pub fn draw(self, random: &mut Rng, course: Course) -> Trouble {
        let name = match self {
            Self::Kill => return Trouble::Signal(libc::SIGKILL, moment(random, course.took)),
            Self::Term => return Trouble::Signal(libc::SIGTERM, moment(random, course.took)),
            Self::Power => "kill",
            Self::Full => "enospc",
            Self::Broken => "eio",
            Self::Mixed => *random
                .choice(&["kill", "kill", "enospc", "eio"])
                .unwrap_or(&"kill"),
            Self::Torn => *random.choice(&["kill", "enospc", "eio"]).unwrap_or(&"kill"),
        };
        let (calls, near, torn) = match self {
            Self::Torn => (course.writes, 6, format!(":{}", course.torn)),
            _ => (course.calls, 60, String::new()),
        };
        let call = call(random, calls.max(1), near);
        Trouble::Fault(format!("{name}:{call}:{}{torn}", random.u32(..)))
    }
}

/// One of so many calls, with a third of the chances within `near` of either end.
fn call(random: &mut Rng, calls: u64, near: u64) -> u64 {
    let near = calls.min(near);
    match random.u8(0..3) {
        0 => random.u64(1..=near),
        1 => random.u64(calls - near + 1..=calls),
        _ => {
            let last = calls / random.u64(1..=4);
            random.u64(1..=last.max(1))
        }
    }
}

fn moment(random: &mut Rng, took: Duration) -> Duration {
    let whole = took.mul_f64(1.1);
    match random.u8(0..3) {
        0 => whole.mul_f64(random.f64() * 0.2),
        1 => whole.mul_f64(0.8 + random.f64() * 0.2),
        _ => whole.mul_f64(random.f64() / random.f64().mul_add(3.0, 1.0)),
    }
}
