//! The brake: what a run has settled, and the end of it when too much of that failed.
//!
//! Only lines count for which this run sent a request, or gave up their host: what earlier runs
//! settled was another day, and a line that is no URL says nothing about servers. It never loses
//! what was settled before it was pulled, and once pulled it stays so.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use brigade::cancel::Token;
use brigade_core::verdict::{FailureKind, FailureLimit};

use crate::summary::{RunCounts, StoppedBy};

/// Counts what the run settles, and is pulled when the limit is passed.
#[derive(Debug)]
pub(crate) struct Brake {
    limit: Option<FailureLimit>,
    ok: AtomicU64,
    by_kind: [AtomicU64; FailureKind::ALL.len()],
    pulled: Token,
    stopped_by: OnceLock<StoppedBy>,
}

impl Brake {
    pub(crate) fn new(limit: Option<FailureLimit>) -> Self {
        Self {
            limit,
            ok: AtomicU64::new(0),
            by_kind: Default::default(),
            pulled: Token::new(),
            stopped_by: OnceLock::new(),
        }
    }

    /// A line has its result.
    pub(crate) fn succeeded(&self) {
        self.ok.fetch_add(1, Ordering::Relaxed);
    }

    /// A line failed for good.
    pub(crate) fn failed(&self, kind: FailureKind) {
        let at = FailureKind::ALL.iter().position(|each| *each == kind);
        self.by_kind[at.unwrap_or(0)].fetch_add(1, Ordering::Relaxed);
        let Some(limit) = self.limit else {
            return;
        };
        let failed = self
            .kinds()
            .filter(|(kind, _)| *kind != FailureKind::BadUrl);
        let failed = failed.map(|(_, count)| count).sum();
        if limit.is_passed(self.ok.load(Ordering::Relaxed) + failed, failed) {
            self.pulled.cancel();
        }
    }

    /// Waits until it is pulled.
    ///
    /// # Cancel safety
    ///
    /// Safe: nothing is lost.
    pub(crate) async fn pulled(&self) {
        self.pulled.cancelled().await;
    }

    /// Notes why the run stopped before its list was done; the first reason stays.
    pub(crate) fn stopped(&self, by: StoppedBy) {
        let _ = self.stopped_by.set(by);
    }

    /// Why a run stopped that is over; one that was dropped was told to.
    pub(crate) fn stopped_by(&self) -> StoppedBy {
        *self.stopped_by.get().unwrap_or(&StoppedBy::Request)
    }

    /// What the run has settled so far.
    pub(crate) fn counts(&self) -> RunCounts {
        let by_kind: BTreeMap<_, _> = self
            .kinds()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| (kind.to_string(), count))
            .collect();
        RunCounts {
            ok: self.ok.load(Ordering::Relaxed),
            failed: by_kind.values().sum(),
            by_kind,
        }
    }

    fn kinds(&self) -> impl Iterator<Item = (FailureKind, u64)> {
        let counts = self
            .by_kind
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        FailureKind::ALL.into_iter().zip(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f4h_lines_that_asked_nobody_do_not_pull_the_brake() {
        let limit = FailureLimit::new(0.5).map(|limit| limit.after(4));
        let brake = Brake::new(limit);
        for _ in 0..10 {
            brake.failed(FailureKind::BadUrl);
        }
        brake.succeeded();
        brake.failed(FailureKind::Dns);
        brake.failed(FailureKind::Dns);
        assert!(!brake.pulled.is_cancelled(), "three lines asked");
        brake.failed(FailureKind::Tls);
        assert!(brake.pulled.is_cancelled());
        let counts = brake.counts();
        assert_eq!((counts.ok, counts.failed), (1, 13));
        assert_eq!(counts.by_kind["dns"], 2);
    }

    #[test]
    fn without_a_limit_nothing_pulls_it_and_the_first_reason_stays() {
        let brake = Brake::new(None);
        for _ in 0..1000 {
            brake.failed(FailureKind::Dns);
        }
        assert!(!brake.pulled.is_cancelled());
        brake.stopped(StoppedBy::Failures);
        brake.stopped(StoppedBy::Request);
        assert_eq!(brake.stopped_by(), StoppedBy::Failures);
    }
}
