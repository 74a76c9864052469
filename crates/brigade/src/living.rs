//! What is running now: the tasks of all groups, and registered blocking work.
//!
//! It exists so that a program which does not end can say what holds it up. Tasks are found in
//! the tree of scopes, so spawning one pays nothing for it; blocking work registers here. A
//! listing is a snapshot: it never stops anything and never waits for anyone.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use brigade_core::time::Moment;

use crate::cancel::{Reason, roots};
use crate::clock;
use crate::slab::Slab;
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError, global};

/// What kind of thing is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A task of a group.
    Task,
    /// The body of a group.
    Body,
    /// A closure on a thread, which cannot be stopped.
    Blocking,
}

/// What something that lives is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// It runs.
    Running,
    /// It was cancelled, and has not reached an await, or is shielded.
    Cancelled(Reason),
    /// Its future is gone: it waits for what it started, and for its finalisers.
    Ending,
}

/// One thing that was running when [`list`] was called.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Living {
    /// The name that it was given, or the path of its function.
    pub name: Cow<'static, str>,
    /// What it is.
    pub kind: Kind,
    /// How long it had been running.
    pub age: Duration,
    /// What it is doing.
    pub state: State,
    /// How many scopes it is nested in; 0 for a group without one around it, and for closures.
    pub depth: usize,
}

impl fmt::Display for Living {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Task => "task",
            Kind::Body => "group",
            Kind::Blocking => "blocking call",
        };
        let age = self.age.as_secs_f64();
        write!(f, "{kind} {:?}, running for {age:.1} s", self.name)
    }
}

/// Lists what is running in the whole process: each group and task before what it contains, then
/// the blocking calls.
///
/// # Examples
///
/// ```
/// for living in brigade::living::list() {
///     println!("{living}");
/// }
/// ```
pub fn list() -> Vec<Living> {
    let now = clock::now();
    let mut found = Vec::new();
    let mut open: Vec<_> = roots::roots().into_iter().map(|root| (root, 0)).collect();
    while let Some((scope, depth)) = open.pop() {
        found.push(Living {
            name: readable(scope.name.clone().into_text()),
            kind: if scope.is_body() {
                Kind::Body
            } else {
                Kind::Task
            },
            age: now.since(scope.since),
            state: match scope.reason() {
                _ if scope.is_ending() => State::Ending,
                Some(reason) => State::Cancelled(reason),
                None => State::Running,
            },
            depth,
        });
        let members = scope.members_soon().into_iter();
        open.extend(members.map(|member| (member, depth + 1)).rev());
    }
    found.extend(blocking().calls.iter().map(|call| Living {
        name: call.name.clone(),
        kind: Kind::Blocking,
        age: now.since(call.since),
        state: State::Running,
        depth: 0,
    }));
    found
}

/// The name of a future's type without the closures that async functions are made of.
pub(crate) fn readable(name: Cow<'static, str>) -> Cow<'static, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.trim_end_matches("::{{closure}}")),
        Cow::Owned(name) => Cow::Owned(name),
    }
}

struct Call {
    name: Cow<'static, str>,
    since: Moment,
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

/// Lists a blocking call that starts now.
pub(crate) fn register(name: impl Into<Cow<'static, str>>) -> Guard {
    let call = Call {
        name: name.into(),
        since: clock::now(),
    };
    Guard(blocking().calls.insert(call))
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
