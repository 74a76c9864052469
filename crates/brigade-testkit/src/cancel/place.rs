//! One place of one run, for the message when something goes wrong there.
//!
//! It fails only for a wait that took longer than the patience.

use std::time::Duration;
use tokio::time::error::Elapsed;

/// Where a run ends. Says so on stderr if anything panics there, the code under test included.
pub(super) struct Place {
    pub(super) polls: usize,
    pub(super) woken: bool,
    pub(super) seed: u64,
    pub(super) now: &'static str,
    pub(super) passed: bool,
}

impl Place {
    pub(super) fn new(polls: usize, woken: bool, seed: u64) -> Self {
        Self {
            polls,
            woken,
            seed,
            now: "making the future",
            passed: false,
        }
    }

    /// Fails if a wait took longer than the patience.
    pub(super) fn waited<T>(&self, done: Result<T, Elapsed>, patience: Duration) {
        let now = self.now;
        assert!(done.is_ok(), "{now} was left waiting for {patience:?}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.passed && std::thread::panicking() {
            eprintln!(
                "the fuzzer was at poll {}, {}, seed {}: {}",
                self.polls,
                if self.woken { "woken" } else { "waiting" },
                self.seed,
                self.now
            );
        }
    }
}
