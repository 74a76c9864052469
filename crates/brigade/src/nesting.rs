//! Which closure on a thread waits for the running code, and for what class of threads it stands.
//!
//! A closure that waits for another one of its own class holds a thread that the other may need.
//! While threads are free that works, and with all of them held so it never ends. So a call has to
//! know, before it queues, who waits for it: this is that knowledge. It lies below groups, which
//! carry it to their tasks, and below threads, which ask for it. It decides nothing itself.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::sync::{Arc, Weak, thread_local};

/// A class of threads: what they are called, and how many there may be.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) name: Cow<'static, str>,
    pub(crate) limit: usize,
}

/// A closure that holds a thread.
pub(crate) trait Holder: Send + Sync {
    fn class(&self) -> &Arc<Class>;
    /// Whether it runs.
    fn holds(&self) -> bool;
    /// Whether it runs and nobody waits for its result any longer.
    fn is_forsaken(&self) -> bool;
}

/// A closure that waits for the code which finds this, with those that wait for the closure.
pub(crate) struct Link {
    class: Arc<Class>,
    holder: Weak<dyn Holder>,
    outer: Option<Arc<Link>>,
}

impl Link {
    /// Whether its closure still holds its thread. What was begun in one that has ended may go on
    /// elsewhere, and keeps nobody waiting there.
    pub(crate) fn holds(&self) -> bool {
        let holder = self.holder.upgrade();
        holder.is_some_and(|holder| holder.holds())
    }

    fn is_forsaken(&self) -> bool {
        let holder = self.holder.upgrade();
        holder.is_none_or(|holder| holder.is_forsaken())
    }
}

/// The closure that runs on a thread, and who waits for it.
type Running = (Arc<dyn Holder>, Option<Arc<Link>>);

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

/// Runs the closure of `holder` on this thread; `outer` waits for it.
pub(crate) fn enter<R>(
    holder: Arc<dyn Holder>,
    outer: Option<Arc<Link>>,
    work: impl FnOnce() -> R,
) -> R {
    struct Left;
    impl Drop for Left {
        fn drop(&mut self) {
            let left = RUNNING.with(RefCell::take);
            drop(left);
        }
    }
    RUNNING.with(|running| running.replace(Some((holder, outer))));
    let _left = Left;
    work()
}

/// The thread-local is gone while its thread ends; then no closure runs on it either.
fn running() -> Option<Running> {
    RUNNING
        .try_with(|running| running.borrow().clone())
        .unwrap_or_default()
}

/// Whether the closure that runs on this thread has lost its caller; `None` outside of closures.
pub(crate) fn is_forsaken() -> Option<bool> {
    running().map(|(holder, _)| holder.is_forsaken())
}

/// The closure that runs on this thread, as what waits for all that is opened in it.
pub(crate) fn here() -> Option<Arc<Link>> {
    let (holder, outer) = running()?;
    Some(Arc::new(Link {
        class: holder.class().clone(),
        holder: Arc::downgrade(&holder),
        outer,
    }))
}

/// The names of the classes whose closures wait for each other from one of `class` to `innermost`,
/// outermost first; `None` if none of `class` waits.
pub(crate) fn path(innermost: Option<&Arc<Link>>, class: &Arc<Class>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut next = innermost;
    while let Some(link) = next.filter(|link| link.holds()) {
        names.push(link.class.name.to_string());
        if Arc::ptr_eq(&link.class, class) {
            names.reverse();
            return Some(names);
        }
        // A closure that has lost its caller holds nobody up: what is around it goes on.
        if link.is_forsaken() {
            return None;
        }
        next = link.outer.as_ref();
    }
    None
}
