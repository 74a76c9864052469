//! Which scope the running code belongs to.
//!
//! The wrapper of a task, and the driver of a group's body, put their scope into a thread-local
//! for the length of one poll. It never stays there between polls, so a thread that runs many
//! tasks cannot mix them up.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use super::scope::Scope;
use crate::sync::{Arc, thread_local};

thread_local! {
    static CURRENT: Cell<Option<Arc<Scope>>> = const { Cell::new(None) };
    /// Set when code awaited a child that will never have a value: see [`watch`].
    static STUCK: Cell<bool> = const { Cell::new(false) };
}

/// Exchanges the scope of the running code and the one in `place`.
#[inline]
fn exchange(place: &mut Option<Arc<Scope>>) {
    // The thread-local is gone while its thread ends; then there is no surrounding task either, and
    // the scope stays in its place, or its task could never leave the tree.
    let _ = CURRENT.try_with(|current| *place = current.replace(place.take()));
}

/// The scope of the running code, if it runs in a task or in the body of a group.
pub(crate) fn scope() -> Option<Arc<Scope>> {
    let mut current = None;
    exchange(&mut current);
    let scope = current.clone();
    exchange(&mut current);
    scope
}

/// Whether the task of the running code is cancelled, or a group whose body it is in.
pub(crate) fn is_cancelled() -> bool {
    let mut next = scope();
    while let Some(scope) = next {
        if scope.reason().is_some() {
            return true;
        }
        next = scope.parent.clone().filter(|_| scope.is_body());
    }
    false
}

/// Runs `run` inside the scope in `place`, which is exchanged for that long with the one around, so
/// that no reference count is touched; an empty place means code that belongs to no task.
#[inline]
pub(crate) fn enter<R>(place: &mut Option<Arc<Scope>>, run: impl FnOnce() -> R) -> R {
    struct Entered<'p>(&'p mut Option<Arc<Scope>>);
    impl Drop for Entered<'_> {
        #[inline]
        fn drop(&mut self) {
            exchange(self.0);
        }
    }
    exchange(place);
    let _entered = Entered(place);
    run()
}

/// Says that the running code awaits something which can never be ready.
pub(crate) fn set_stuck() {
    STUCK.with(|stuck| stuck.set(true));
}

/// Awaits something which can never be ready.
pub(crate) async fn stuck<R>() -> R {
    poll_fn(|_| {
        set_stuck();
        Poll::Pending
    })
    .await
}

/// Runs one poll. If [`set_stuck`] was called in it, whoever watches around this is told only if
/// that `concerns` them.
pub(crate) fn contain<R>(poll: impl FnOnce() -> R, concerns: impl FnOnce() -> bool) -> R {
    let before = STUCK.with(|stuck| stuck.replace(false));
    let result = poll();
    let stuck = STUCK.with(Cell::get) && concerns();
    STUCK.with(|mark| mark.set(before || stuck));
    result
}

/// Runs one poll and tells whether [`set_stuck`] was called in it. The mark is passed on to the
/// watcher around this one.
pub(crate) fn watch<R>(poll: impl FnOnce() -> R) -> (R, bool) {
    let before = STUCK.with(|stuck| stuck.replace(false));
    let result = poll();
    let stuck = STUCK.with(Cell::get);
    STUCK.with(|mark| mark.set(before || stuck));
    (result, stuck)
}
