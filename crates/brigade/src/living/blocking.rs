//! Blocking calls, which cannot be stopped, and the wait for their end.
//!
//! They register here, because nothing else knows of them once their caller has gone. Listing
//! them holds up nobody for longer than it takes to copy the list.

use std::borrow::Cow;
use std::time::Duration;

use brigade_core::time::Moment;

use crate::cancel::scope::Scope;
use crate::clock;
use crate::slab::Slab;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, global};

/// A blocking call that was listed.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) name: Cow<'static, str>,
    pub(super) since: Moment,
    /// The address of the scope that waits for it, which it keeps alive.
    pub(super) scope: Option<usize>,
}

struct Blocking {
    calls: Slab<Call>,
}

global! {
    static BLOCKING: Mutex<Blocking> = Mutex::new(Blocking { calls: Slab::new() });
}
global! {
    static LAST_ENDED: Condvar = Condvar::new();
}

fn blocking() -> MutexGuard<'static, Blocking> {
    BLOCKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a blocking call listed; dropping it ends the listing.
#[derive(Debug)]
#[must_use = "dropping the guard ends the listing at once"]
pub(crate) struct Guard(usize);

/// Lists a blocking call that starts now. The caller keeps `scope` alive until it drops the guard.
pub(crate) fn register(name: Cow<'static, str>, scope: Option<&Arc<Scope>>) -> Guard {
    let call = Call {
        name,
        since: clock::now(),
        scope: scope.map(address),
    };
    Guard(blocking().calls.insert(call))
}

/// What tells a scope from all others that are alive.
pub(super) fn address(scope: &Arc<Scope>) -> usize {
    Arc::as_ptr(scope).addr()
}

/// The calls that run now.
pub(super) fn calls() -> Vec<Call> {
    blocking().calls.iter().cloned().collect()
}

/// Waits on this thread until no blocking call is listed, or `stop` says true, which it is asked
/// again after [`wake_waiting`]; false if the time ran out or it was stopped.
pub(crate) fn wait_until_idle(timeout: Duration, stop: impl Fn() -> bool) -> bool {
    let waiting = |blocking: &mut Blocking| !blocking.calls.is_empty() && !stop();
    let waited = LAST_ENDED.wait_timeout_while(blocking(), timeout, waiting);
    let (blocking, _) = waited.unwrap_or_else(PoisonError::into_inner);
    blocking.calls.is_empty()
}

pub(crate) fn wake_waiting() {
    drop(blocking());
    LAST_ENDED.notify_all();
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut blocking = blocking();
        let call = blocking.calls.remove(self.0);
        let last = blocking.calls.is_empty();
        drop(blocking);
        drop(call);
        if last {
            LAST_ENDED.notify_all();
        }
    }
}
