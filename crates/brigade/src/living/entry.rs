//! One thing that lives.
//!
//! It is a copy: it does not change with what it describes, nor keep it alive.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use brigade_core::time::Moment;

use super::blocking::Call;
use crate::cancel::Reason;
use crate::cancel::scope::Scope;

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
///
/// It prints as what is to be added to a line of the tree: nothing for what simply runs.
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

/// One thing that was running when a [`tree`](super::tree()) was taken.
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
    /// A shield defers its drop, as does a blocking call that it waits for.
    pub shielded: bool,
    /// How many scopes it is nested in; 0 for a group without one around it, and for a blocking
    /// call whose caller has gone.
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => Ok(()),
            Self::Cancelled(reason) => write!(f, ", cancelled ({reason})"),
            Self::Ending => f.write_str(", ending"),
        }
    }
}

impl Living {
    pub(super) fn of(scope: &Scope, now: Moment, depth: usize) -> Self {
        Self {
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
            shielded: scope.is_shielded(),
            depth,
        }
    }

    pub(super) fn blocking(call: Call, now: Moment, depth: usize) -> Self {
        Self {
            name: call.name,
            kind: Kind::Blocking,
            age: now.since(call.since),
            state: State::Running,
            shielded: false,
            depth,
        }
    }
}

/// The name of a future's type without the closures that async functions are made of.
pub(crate) fn readable(name: Cow<'static, str>) -> Cow<'static, str> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.trim_end_matches("::{{closure}}")),
        Cow::Owned(name) => Cow::Owned(name),
    }
}
