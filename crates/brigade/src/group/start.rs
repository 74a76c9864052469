//! Starts tasks, and says what becomes of their ends in a group that fails together.

use std::fmt;
use std::future::Future;

use super::child::{Child, Settle, Without};
use super::error::Ended;
use crate::cancel::Failure;
use crate::cancel::scope::Scope;
use crate::runtime::{Handle, JoinHandle};
use crate::sync::Arc;

/// Starts the task that was seated as `task` in `group`.
pub(super) fn start<F, S>(
    group: &Scope,
    task: Arc<Scope>,
    future: F,
    sink: S,
) -> JoinHandle<S::Value>
where
    F: Future + Send + 'static,
    F::Output: Send,
    S: Settle<F::Output> + Send + 'static,
    S::Value: Send + 'static,
{
    let child = Child::new(task, future, sink);
    match &group.body {
        Some(body) => body.runtime.spawn(child),
        None => Handle::current().spawn(child),
    }
}

/// Failures go to the group, values to the handle.
pub(super) struct Report;

impl<T, E> Settle<Result<T, E>> for Report
where
    E: fmt::Display + Send + 'static,
{
    type Value = Result<T, Ended>;

    fn done(&mut self, task: &Scope, output: Result<T, E>) -> Self::Value {
        output.map_err(|error| failed(task, error))
    }

    fn ended(&mut self, task: &Scope, without: Without) -> Self::Value {
        Err(match without {
            Without::Panicked(panic) => {
                task.fail(Failure::panicked(task, panic));
                Ended::Panicked
            }
            Without::Cancelled(reason) => Ended::Cancelled(reason),
        })
    }
}

/// Apart, so that it is not in the way of the children that do not fail.
#[cold]
fn failed<E>(task: &Scope, error: E) -> Ended
where
    E: fmt::Display + Send + 'static,
{
    task.fail(Failure::error(task, error));
    Ended::Failed
}
