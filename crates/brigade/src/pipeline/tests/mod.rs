//! The laws of pipelines, under paused time unless the test says why not.

mod batching;
mod cancelling;
mod draining;
mod dying;
mod emitting;
mod expanding;
mod flow;
mod order;
mod reading;
mod storm;
mod watching;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_testkit::wait::until;
use tokio::time::{Instant, sleep};

use super::*;
use crate::cancel::{Reason, defer, shield};
use crate::group::{Cause, Error, task_group};
use crate::witness::{Log, millis};

/// Counts how many are at something at once.
#[derive(Clone, Default)]
struct Peak(Arc<(AtomicUsize, AtomicUsize)>);

impl Peak {
    fn enter(&self) -> impl Drop + Send + use<> {
        struct Inside(Peak);
        impl Drop for Inside {
            fn drop(&mut self) {
                self.0.0.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        Inside(self.clone())
    }

    fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn max(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

/// A list that stages write into.
struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Notes<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Notes<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn add(&self, note: T) {
        self.0.lock().unwrap().push(note);
    }

    fn all(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}

/// The failure of a group as text, leaf by leaf.
fn leaves<T: std::fmt::Debug>(result: Result<T, Error<String>>) -> Vec<String> {
    match result {
        Err(Error::Failed(group)) => group.iter().map(ToString::to_string).collect(),
        other => panic!("not failed: {other:?}"),
    }
}

#[track_caller]
fn assert_balanced(counts: Counts) {
    let ended = counts.delivered + counts.dead + counts.cancelled;
    assert_eq!(counts.taken, ended, "{counts:?}");
}
