//! The remote control of a pipeline, for whoever does not run it.
//!
//! It keeps nothing running and holds no items.

use std::fmt;

use super::books::Books;
use super::stats::{Gauge, Stats};
use crate::cancel::scope::Scope;
use crate::cancel::{Reason, Token, context};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Drains, cancels and watches a pipeline; see [`Pipeline::handle`](super::Pipeline::handle).
///
/// # Examples
///
/// ```
/// use brigade::pipeline::{Pipeline, Stage};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let pipeline = Pipeline::<u64, String>::from_iter(0..);
/// let handle = pipeline.handle();
/// let pipeline = pipeline.stage("enough", Stage::new(), move |n| {
///     if n == 100 {
///         handle.drain();
///     }
///     async move { Ok(n) }
/// });
/// let (numbers, stats) = pipeline.collect().await.unwrap();
/// assert!(numbers.len() > 100);
/// assert_eq!(numbers.len() as u64, stats.counts.taken, "nothing is lost");
/// # });
/// ```
#[derive(Clone)]
pub struct Handle(pub(super) Arc<Control>);

impl Handle {
    /// Ends the pipeline without losing anything: the source is stopped, and what it has emitted
    /// flows to the end. The run then returns as if the source had ended.
    ///
    /// A source that waits for something is dropped there; see [`Emit::emit`](super::Emit::emit).
    pub fn drain(&self) {
        self.0.drain.cancel();
    }

    /// Cancels the pipeline: source and workers are dropped at their next await, their finalisers
    /// run, and the run returns [`Cancelled`](crate::group::Error::Cancelled). What was inside
    /// counts as cancelled.
    pub fn cancel(&self) {
        let mut run = self.0.run();
        let scope = match &*run {
            Run::Open(scope) => Some(scope.clone()),
            Run::Waiting => {
                *run = Run::Refused;
                None
            }
            Run::Refused | Run::Over => None,
        };
        drop(run);
        if let Some(scope) = scope {
            scope.cancel(Reason::User);
        }
    }

    /// What the pipeline is doing at this moment, or did until it ended.
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.stats().counts).finish()
    }
}

/// What all parts of a pipeline share.
pub(super) struct Control {
    pub(super) drain: Token,
    pub(super) books: Arc<Books>,
    gauges: Mutex<Vec<Arc<Gauge>>>,
    run: Mutex<Run>,
}

enum Run {
    Waiting,
    /// Cancelled before it began.
    Refused,
    Open(Arc<Scope>),
    Over,
}

impl Control {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            drain: Token::new(),
            books: Arc::default(),
            gauges: Mutex::default(),
            run: Mutex::new(Run::Waiting),
        })
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gauges(&self) -> MutexGuard<'_, Vec<Arc<Gauge>>> {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, gauge: Arc<Gauge>) {
        self.gauges().push(gauge);
    }

    pub(super) fn stats(&self) -> Stats {
        let gauges = self.gauges().clone();
        Stats {
            counts: self.books.counts(),
            stages: gauges.iter().map(|gauge| gauge.stats()).collect(),
        }
    }

    /// The body of the pipeline's group runs now. The scope is let go of with the guard.
    pub(super) fn open(self: &Arc<Self>) -> Opened {
        if let Some(scope) = context::scope() {
            let mut run = self.run();
            let refused = matches!(*run, Run::Refused);
            *run = Run::Open(scope.clone());
            drop(run);
            if refused {
                scope.cancel(Reason::User);
            }
        }
        Opened(self.clone())
    }
}

pub(super) struct Opened(Arc<Control>);

impl Drop for Opened {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.0.run(), Run::Over);
        drop(before);
    }
}
