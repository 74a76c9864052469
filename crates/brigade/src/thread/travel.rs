//! What a closure takes along from its caller, and how it learns that the caller is gone.
//!
//! The caller's tracing span and tokio runtime are entered on the thread for as long as the closure
//! runs, and never longer, so closures of different callers cannot mix them up.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;

use tokio::runtime::Handle;
use tracing::Span;

use super::job::Run;

thread_local! {
    static RUNNING: RefCell<Option<Arc<dyn Run>>> = const { RefCell::new(None) };
}

/// What travels with a closure, packed where its call is first polled.
#[derive(Debug)]
pub(super) struct Luggage {
    name: Cow<'static, str>,
    span: Span,
    runtime: Option<Handle>,
}

impl Luggage {
    pub(super) fn pack(name: Cow<'static, str>) -> Self {
        Self {
            name,
            span: Span::current(),
            runtime: Handle::try_current().ok(),
        }
    }
}

/// Runs the closure of `job` with what it took along.
pub(super) fn with<R>(job: Arc<dyn Run>, luggage: Luggage, work: impl FnOnce() -> R) -> R {
    struct Running;
    impl Drop for Running {
        fn drop(&mut self) {
            RUNNING.take();
        }
    }
    let Luggage {
        name: _,
        span,
        runtime,
    } = luggage;
    RUNNING.set(Some(job));
    let _running = Running;
    let _runtime = runtime.as_ref().map(Handle::enter);
    span.in_scope(work)
}

/// Whether the caller of the running closure was cancelled or is gone, so that a closure which
/// asks from time to time can end early.
///
/// The answer is `false` outside a closure of this module.
///
/// # Examples
///
/// ```
/// use brigade::thread::{cancelled, to_thread};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let sum = to_thread(|| (0..1000u64).take_while(|_| !cancelled()).sum::<u64>()).await;
/// assert_eq!(sum, 499_500);
/// # });
/// ```
pub fn cancelled() -> bool {
    RUNNING.with_borrow(|job| job.as_ref().is_some_and(|job| job.is_forsaken()))
}
