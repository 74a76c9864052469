//! What pools have decided on this thread and is still to be done, one after the other.
//!
//! To do it can lead to the next decision: a dial on a runtime that has ended fails at once, and its
//! slot goes to the next who waits, whose dial fails as well. Ten thousand of them must not be ten
//! thousand calls within each other. It never holds anything back once the outermost call returns.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use super::client_pool::{Actions, ClientPool};

type Agenda = VecDeque<(Arc<ClientPool>, Actions)>;

thread_local! {
    /// Gone while nothing is being done.
    static AGENDA: RefCell<Option<Agenda>> = const { RefCell::new(None) };
}

/// Does what `pool` decided: now, or after what this thread is doing already.
pub(super) fn carry_out(pool: &Arc<ClientPool>, actions: Actions) {
    let mut now = Some(actions);
    let begun = AGENDA.try_with(|agenda| {
        let mut agenda = agenda.borrow_mut();
        match (&mut *agenda, now.take()) {
            (Some(agenda), Some(actions)) => agenda.push_back((pool.clone(), actions)),
            (_, actions) => {
                *agenda = Some(Agenda::new());
                now = actions;
            }
        }
    });
    let Some(actions) = now else { return };
    // A thread that is ending has no agenda any more.
    let end = begun.is_ok().then_some(End);
    pool.carry_out(actions);
    while let Some((pool, actions)) = next() {
        pool.carry_out(actions);
    }
    drop(end);
}

fn next() -> Option<(Arc<ClientPool>, Actions)> {
    let next = AGENDA.try_with(|agenda| agenda.borrow_mut().as_mut()?.pop_front());
    next.ok().flatten()
}

/// Ends the agenda, also when a waker panics.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        let left = AGENDA.try_with(|agenda| agenda.borrow_mut().take());
        for (pool, actions) in left.ok().flatten().into_iter().flatten() {
            pool.carry_out(actions);
        }
    }
}
