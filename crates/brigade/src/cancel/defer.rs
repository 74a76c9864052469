//! Cleanup that may await.
//!
//! A destructor cannot wait for anything, so what has to be awaited when a task ends is
//! registered here. A finaliser runs exactly once however the task ends; only the end of the
//! grace period, or of the process, can take that away.

use std::future::Future;

use super::context;

/// Registers a finaliser with the running task, or with the group whose body is running.
///
/// Finalisers run when the task's future is gone: because it returned, failed, panicked or was
/// cancelled. They run one after the other, the last registered first, and before a group returns.
/// A further cancellation does not cut them off. Once the task is cancelled, they have the grace
/// period of their group (10 s by default); what is still running then is dropped, and reported by
/// the group as a deadline. In a runtime without timers the grace period never ends.
///
/// The finalisers of a group's body run when all its children are gone. A panic in a finaliser is
/// reported like a panic of the task, and those before it still run.
///
/// # Panics
///
/// If nothing would ever run the finaliser: outside [`task_group`](crate::group::task_group) and
/// [`run`](crate::run()).
///
/// # Examples
///
/// ```
/// use brigade::{cancel, group};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let result = group::task_group(async |_| {
///     cancel::defer(async { println!("printed after the body") });
///     Ok::<_, String>(1)
/// });
/// assert_eq!(result.await.unwrap(), 1);
/// # });
/// ```
pub fn defer<F>(finaliser: F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut finaliser: super::ending::Finaliser = Box::pin(finaliser);
    let mut next = context::scope();
    while let Some(scope) = next {
        match scope.defer(finaliser) {
            Ok(()) => return,
            Err(back) => finaliser = back,
        }
        next = scope.parent.clone();
    }
    panic!(
        "brigade::cancel::defer was called where nobody would run the finaliser: outside of \
         brigade::run and of any group, as in a task of tokio::spawn; spawn that task in a group"
    );
}
