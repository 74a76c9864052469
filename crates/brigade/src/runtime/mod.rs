//! What runs tasks and measures time: tokio, and a model of it under shuttle.
//!
//! The rest of the crate spawns and sleeps through this module, so that whole groups can run under
//! shuttle, which decides who goes next. The model keeps only what brigade relies on: a task is
//! polled after it was woken, a timer fires when its moment has come, never before. A normal build
//! has tokio's types here and nothing else.

#[cfg(shuttle)]
mod model;

#[cfg(shuttle)]
pub(crate) use model::*;
#[cfg(not(shuttle))]
pub(crate) use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Sleep, sleep, sleep_until, timeout_at},
};

/// Whether the running task may do more in this poll. When it may not, whatever it awaits of the
/// runtime is pending, ready or not.
#[cfg(not(shuttle))]
pub(crate) fn has_budget() -> bool {
    tokio::task::coop::has_budget_remaining()
}

/// The present, in the time that the timers follow.
#[cfg(not(shuttle))]
pub(crate) fn present() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
