//! What shuttle's condition variable lacks: the end of a wait by its timeout.
//!
//! Under shuttle no time passes, so a timed wait of its own never ends by itself. Here chance, out
//! of the same seed as the schedule, gives some of them a thread that ends them at any point, or
//! too early to matter, or late and so as a spurious wake-up.

use std::sync::{LockResult, PoisonError};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::sync::{Arc, Condvar as Untimed, MutexGuard};
use shuttle::thread;

/// A condition variable some of whose timeouts happen.
#[derive(Debug)]
pub(crate) struct Condvar(Arc<Untimed>);

/// Whether a wait ended by its timeout.
pub(crate) struct Timeout(bool);

impl Timeout {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

type Waited<'a, T> = LockResult<(MutexGuard<'a, T>, Timeout)>;

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Untimed::new()))
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.0.wait(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _timeout: Duration,
    ) -> Waited<'a, T> {
        let over = self.start_timer();
        let guard = self.wait(guard).unwrap_or_else(PoisonError::into_inner);
        Ok((guard, Timeout(over.load(Ordering::SeqCst))))
    }

    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        timeout: Duration,
        mut waits: impl FnMut(&mut T) -> bool,
    ) -> Waited<'a, T> {
        let mut over = Timeout(false);
        while !over.0 && waits(&mut guard) {
            (guard, over) = self.wait_timeout(guard, timeout)?;
        }
        Ok((guard, over))
    }

    /// Starts the end of a wait, perhaps; the answer turns true when it is over.
    fn start_timer(&self) -> Arc<AtomicBool> {
        let over = Arc::new(AtomicBool::new(false));
        if thread_rng().gen_bool(0.3) {
            let (bell, ended) = (self.0.clone(), over.clone());
            // A thread of the model, which ends by itself.
            drop(thread::spawn(move || {
                ended.store(true, Ordering::SeqCst);
                bell.notify_all();
            }));
        }
        over
    }
}
