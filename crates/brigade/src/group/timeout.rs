//! A timeout that waits for what it cuts off.
//!
//! A timeout that only drops a future returns while what the future started still runs. This one
//! returns when all of that is gone, and says that it was a deadline.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use super::builder::Builder;
use super::error::Error;

/// Runs `future`; if it is not ready in time, drops it, waits for what it has started, and fails
/// with a deadline.
///
/// It is short for a group without children that has a [deadline](Builder::deadline): what runs in
/// `future` sees the end as [`Reason::Deadline`](crate::cancel::Reason::Deadline), the groups that
/// it has open are cancelled, and their finalisers have run when this returns. A `future` that is
/// ready together with the deadline has its value. Finalisers count: if they are not done in time,
/// that is a deadline too.
///
/// # Errors
///
/// [`Error::Failed`] with the deadline, `timeout: not finished after ...`, or with the error of
/// `future`, and with what went wrong at the end. [`Error::is_deadline`] tells the two apart.
///
/// # Panics
///
/// If `future` panics, and without a runtime that has time enabled.
///
/// # Cancel safety
///
/// As [`task_group`](super::task_group()).
///
/// # Examples
///
/// ```
/// use brigade::group;
/// use std::time::Duration;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let slow = async {
///     tokio::time::sleep(Duration::from_secs(60)).await;
///     Ok::<_, String>(())
/// };
/// let error = group::timeout(Duration::from_secs(1), slow).await.unwrap_err();
/// assert!(error.is_deadline());
/// assert_eq!(error.to_string(), "timeout: not finished after 1s");
/// # });
/// ```
pub async fn timeout<F, T, E>(duration: Duration, future: F) -> Result<T, Error<E>>
where
    F: Future<Output = Result<T, E>>,
    E: fmt::Display + Send + 'static,
{
    let options = Builder::new().name("timeout").deadline(duration);
    options.run_future(future).await
}
