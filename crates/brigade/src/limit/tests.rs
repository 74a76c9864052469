//! The limits on tokio, under paused time unless the test says why not.

mod bounded;
mod credit;
mod dropped;
mod keyed;
mod rate;
mod semaphore;

use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use tokio::task::JoinHandle;

#[expect(
    clippy::disallowed_methods,
    reason = "limits are tested without the groups that stand on them"
)]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

/// Polls a future once, as a `select!` does that then waits for something else.
fn poll_once<F: Future>(future: Pin<&mut F>) -> bool {
    future
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

/// Whether a future is ready at its first poll; it is dropped then.
fn ready_at_once(future: impl Future) -> bool {
    poll_once(pin!(future))
}
