//! The future of one closure on a thread.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::crew::Local;
use super::job::{Job, Outcome};
use super::pool::Pool;
use super::travel::Luggage;
use crate::sync::Arc;

/// A closure that runs on another thread once this future is awaited, and gives its value.
///
/// # Cancel safety
///
/// A closure that has not started when its caller is cancelled or this future is dropped never
/// runs. One that has started cannot be stopped, so a cancelled caller waits for it, as under a
/// [`shield`](crate::cancel::shield()), and gets its value; [`abandon_on_cancel`] does without.
/// Foreign code (`select!`, a timeout) can drop the future all the same. The closure then goes on,
/// stays [listed](crate::living::list) as living, and its value is dropped. It can ask
/// [`cancelled`](super::cancelled) whether to end early.
///
/// [`abandon_on_cancel`]: Self::abandon_on_cancel
///
/// # Panics
///
/// Awaiting it continues a panic of the closure, with its payload and without calling the panic
/// hook again; a closure that should not bring its caller down uses [`std::panic::catch_unwind`].
/// A panic that no caller waits for fails the nearest group around the caller that still runs.
/// It panics if the system refuses a thread while the pool has none, and if it is polled again
/// after it was ready.
///
/// It panics, with the name of the class, if a closure of the same class waits for it: see
/// [nested use](super#nested-use).
#[must_use = "the closure runs only when the call is awaited"]
pub struct Call<'p, T> {
    job: Arc<dyn Outcome<T>>,
    name: Cow<'static, str>,
    /// The place in the queue, once there was one.
    ticket: Option<u64>,
    abandon: bool,
    pool: PhantomData<&'p Pool>,
}

impl<T: Send + 'static> Call<'_, T> {
    pub(super) fn new<F>(pool: Pool, name: &'static str, work: F) -> Self
    where
        F: FnOnce(&mut Local) -> T + Send + 'static,
    {
        Self {
            job: Arc::new(Job::new(pool, work)),
            name: Cow::Borrowed(name),
            ticket: None,
            abandon: false,
            pool: PhantomData,
        }
    }

    /// Names the closure, for the report on what still lives at a deadline. Without this it bears
    /// the name that the compiler gave to its type.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Lets a cancelled caller go at once instead of waiting for a closure that runs: it goes on,
    /// listed as living, and its value is dropped.
    pub fn abandon_on_cancel(mut self) -> Self {
        self.abandon = true;
        self
    }
}

impl<T> Future for Call<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if self.ticket.is_some() {
            match self.job.poll(cx) {
                Some(Poll::Pending) => return Poll::Pending,
                Some(Poll::Ready(Ok(value))) => return Poll::Ready(value),
                Some(Poll::Ready(Err(payload))) => resume_unwind(payload),
                None => {}
            }
        }
        let luggage = Luggage::pack(self.name.clone(), self.abandon);
        luggage.refuse_nesting(self.job.pool().crew().class());
        if luggage.clear().is_err() {
            // The caller was cancelled and is dropped after this poll. If it is not, because a
            // shield was raised later in the same poll, the closure may start after all.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.ticket = Some(self.job.clone().submit(luggage, cx.waker()));
        Poll::Pending
    }
}

impl<T> Drop for Call<'_, T> {
    fn drop(&mut self) {
        self.job.forsake(self.ticket);
    }
}

impl<T> fmt::Debug for Call<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("pool", &self.job.pool().name())
            .field("started", &self.ticket.is_some())
            .finish_non_exhaustive()
    }
}
