//! The one place that names the primitives of threads.
//!
//! Locks, condition variables, atomics, thread-locals, statics and threads come from the standard
//! library, and from shuttle when the crate is compiled with `--cfg shuttle`, which then decides
//! at each of them who runs next. The rest of the crate takes them from here and never from `std`,
//! else an interleaving is not tested. Only `run` stands apart: its thread is about real signals.

#[cfg(shuttle)]
mod model;

#[cfg(not(shuttle))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
#[cfg(not(shuttle))]
pub(crate) use std::{thread, thread_local};

#[cfg(shuttle)]
pub(crate) use self::model::Condvar;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, atomic};
#[cfg(shuttle)]
pub(crate) use shuttle::thread_local;

// These are the same in both worlds: shuttle has none of its own, or a costly one.
pub(crate) use std::hint;
pub(crate) use std::sync::{Arc, OnceLock, PoisonError, TryLockError, Weak};

#[cfg(shuttle)]
pub(crate) mod thread {
    //! Threads that shuttle schedules.

    pub(crate) use shuttle::thread::{Builder, Result, sleep};

    /// The same on every machine, so that a schedule can be replayed on another.
    pub(crate) fn available_parallelism() -> std::io::Result<std::num::NonZero<usize>> {
        Ok(std::num::NonZero::<usize>::MIN.saturating_add(1))
    }
}

/// Declares a static of the process, with a constant or, as `lazy static`, with what is computed
/// at its first use. Under shuttle each execution has its own.
macro_rules! global {
    ($(#[$about:meta])* static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(shuttle))]
        $(#[$about])*
        static $name: $type = $value;
        #[cfg(shuttle)]
        shuttle::lazy_static! {
            $(#[$about])*
            static ref $name: $type = $value;
        }
    };
    ($(#[$about:meta])* lazy static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(shuttle))]
        $(#[$about])*
        static $name: std::sync::LazyLock<$type> = std::sync::LazyLock::new(|| $value);
        #[cfg(shuttle)]
        shuttle::lazy_static! {
            $(#[$about])*
            static ref $name: $type = $value;
        }
    };
}
pub(crate) use global;
