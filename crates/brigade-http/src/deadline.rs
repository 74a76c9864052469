//! When a wait must end, and which timeout it was that ended it.
//!
//! Every wait of a request is bounded by its own timeout and by the total one; the nearer of the
//! two decides what the error says. A timer is armed only if the first poll has to wait.

use std::future::Future;
use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;

use crate::{Error, Phase, Result};

/// The end of a wait. `Moment::MAX` means never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Moment,
    pub(crate) phase: Phase,
}

impl Deadline {
    pub(crate) fn total(now: Moment, limit: Option<Duration>) -> Self {
        Self {
            at: limit.map_or(Moment::MAX, |limit| now + limit),
            phase: Phase::Total,
        }
    }

    /// This deadline, or `limit` from now on if that is nearer.
    pub(crate) fn nearer(self, phase: Phase, limit: Option<Duration>) -> Self {
        match limit.map(|limit| clock::now() + limit) {
            Some(at) if at < self.at => Self { at, phase },
            _ => self,
        }
    }

    /// The output of `future`, or the timeout's error if the deadline comes first.
    pub(crate) async fn bound<F: Future>(self, future: F) -> Result<F::Output> {
        if self.at == Moment::MAX {
            return Ok(future.await);
        }
        tokio::time::timeout_at(clock::instant(self.at), future)
            .await
            .map_err(|_elapsed| Error::timeout(self.phase))
    }
}
