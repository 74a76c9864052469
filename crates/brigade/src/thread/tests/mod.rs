//! The laws of threads, one test or more for each clause.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::living;

mod bounds;
mod cancelled;
mod dropped;
mod nested;
mod panics;
mod pinned;
mod travel;

/// Keeps a closure running until it is dropped.
struct Gate {
    started: Arc<AtomicBool>,
    _open: SyncSender<()>,
}

impl Gate {
    /// Whether the closure runs; `Stats::running` counts it from when a thread takes it.
    fn started(&self) -> bool {
        self.started.load(Ordering::SeqCst)
    }
}

/// A gate, and the closure that it keeps running.
fn gate() -> (Gate, impl FnOnce() + Send + 'static) {
    let (open, opened) = sync_channel(1);
    let started = Arc::new(AtomicBool::new(false));
    let gate = Gate {
        started: started.clone(),
        _open: open,
    };
    let closed = move || {
        started.store(true, Ordering::SeqCst);
        while opened.recv().is_ok() {}
    };
    (gate, closed)
}

/// Waits for a state that other threads bring about; the bound keeps a bug from hanging a test.
async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never happened: {what}");
}

/// The same without giving the tasks of this thread a turn.
fn until_without_a_turn(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("never happened: {what}");
}

/// One poll, by somebody who is never woken.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(future).poll(&mut cx) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn is_living(name: &str) -> bool {
    living::list().iter().any(|living| living.name == name)
}

/// What happened, in order, written by several threads.
#[derive(Clone, Debug)]
struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Log<T> {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Vec::new())))
    }

    fn push(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    fn entries(&self) -> Vec<T> {
        self.0.lock().unwrap().clone()
    }
}
