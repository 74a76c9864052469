//! Streams under cancellation, groups, moves and panics; all in paused time.

mod dropped;
mod ending;
mod generating;
mod paging;
mod prefetching;
mod reading;
mod scopes;

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use tokio::time::{sleep, timeout};

use super::*;
use crate::cancel::{current, defer, shield};
use crate::group::{Builder, Error, task_group};
use crate::witness::{Log, millis};

type Fine = Result<(), String>;

/// Yields 1, 2, 3 and then ends.
fn three() -> Generator<u32, impl Future<Output = Option<u32>> + Send> {
    generate(async |yielder| {
        for n in 1..=3 {
            yielder.yield_item(n).await;
        }
    })
}

/// Polls once, outside of any runtime task.
fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    let mut future = std::pin::pin!(future);
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// The message of the panic that a future ends in.
async fn caught<T>(future: impl Future<Output = T>) -> String {
    let mut future = std::pin::pin!(future);
    let payload = std::future::poll_fn(|cx| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(_)) => panic!("it did not panic"),
            Err(payload) => Poll::Ready(payload),
        }
    });
    crate::cancel::Panic::new(payload.await)
        .message()
        .to_owned()
}
