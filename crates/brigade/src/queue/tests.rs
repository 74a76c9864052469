//! The queue on tokio, under paused time unless the test says why not.

mod cancel;
mod flow;
mod tickets;

use tokio::task::JoinHandle;

#[expect(
    clippy::disallowed_methods,
    reason = "the queue is tested without the groups that stand on it"
)]
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}
