//! Runs the body of a group, waits for its children, and ends it.
//!
//! Every entry to structured concurrency (`task_group`, `collect`, `run`) drives its body here, so
//! the order of the end is written once. Dropping the future hands the children to the ancestor;
//! it never leaves them running unowned.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::spared::Spared;
use crate::cancel::ending::{Ending, poll_caught};
use crate::cancel::scope::Scope;
use crate::cancel::{Failure, Fault, Panic, Reason, context};
use crate::runtime::{Sleep, sleep};
use crate::sync::Arc;

/// How a group ended.
pub(crate) struct Driven<T> {
    /// The body's value, if it came to its end.
    pub(crate) value: Option<T>,
    pub(crate) reason: Option<Reason>,
    /// In the order in which they happened.
    pub(crate) failures: Vec<Failure>,
}

/// Runs `body` in `scope` until everything in the scope is gone.
pub(crate) async fn drive<F, T, E>(
    scope: Arc<Scope>,
    body: F,
    deadline: Option<Duration>,
) -> Driven<T>
where
    F: Future<Output = Result<T, E>>,
    E: Fault,
{
    let mut body = pin!(Some(body));
    // Declared after the body and so dropped before it: what the body has open learns the reason.
    let guard = Guard {
        scope: Some(scope.clone()),
    };
    let mut driver = Driver {
        place: Some(scope.clone()),
        ending: Ending::default(),
        timer: deadline.map(|deadline| (deadline, Box::pin(sleep(deadline)))),
        own_failure: None,
        spared: Spared::default(),
    };
    let mut value = None;
    poll_fn(|cx| {
        driver.polled(cx);
        // A group that was cancelled drops whoever waits in it for a child that failed, so that
        // wait is no concern of a shield around the group.
        let lives_on = || scope.reason().is_none();
        let poll = || driver.poll(&mut value, body.as_mut(), cx);
        let polled = context::contain(poll, lives_on);
        if polled.is_pending() {
            driver.poll_deadline(cx);
        }
        polled
    })
    .await;
    guard.defuse();
    scope.leave();
    let mut failures = scope.take_failures();
    failures.extend(driver.own_failure.take());
    Driven {
        value,
        reason: scope.reason(),
        failures,
    }
}

struct Driver {
    place: Option<Arc<Scope>>,
    ending: Ending,
    timer: Option<(Duration, Pin<Box<Sleep>>)>,
    own_failure: Option<Failure>,
    spared: Spared,
}

impl Driver {
    /// Whoever polls the group may be another task than last time.
    fn polled(&mut self, cx: &mut Context<'_>) {
        if let Some(scope) = &self.place {
            scope.polled(cx.waker());
            self.ending.set_registered();
        }
    }

    fn poll<F, T, E>(
        &mut self,
        value: &mut Option<T>,
        mut body: Pin<&mut Option<F>>,
        cx: &mut Context<'_>,
    ) -> Poll<()>
    where
        F: Future<Output = Result<T, E>>,
        E: Fault,
    {
        // Not a shared look at the pinned body: see `Child::poll`.
        if body.as_mut().as_pin_mut().is_some() {
            *value = std::task::ready!(self.poll_body(body, cx));
        }
        self.ending.poll(&mut self.place, cx)
    }

    /// It comes after the body, so that a value which is ready at the deadline is not lost. A
    /// cancellation has the group polled again.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) {
        let Some(scope) = &self.place else { return };
        if let Some((deadline, timer)) = &mut self.timer
            && timer.as_mut().poll(cx).is_ready()
        {
            if scope.cancel(Reason::Deadline) {
                scope.fail(Failure::late(scope, *deadline));
            }
            self.timer = None;
        }
    }

    /// Ready when the body is gone, with its value if it has one.
    fn poll_body<F, T, E>(
        &mut self,
        mut body: Pin<&mut Option<F>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<T>>
    where
        F: Future<Output = Result<T, E>>,
        E: Fault,
    {
        let end = match body.as_mut().as_pin_mut() {
            Some(future) => poll_caught(future, &mut self.place, cx),
            None => Poll::Pending,
        };
        let Some(scope) = &self.place else {
            return Poll::Ready(None);
        };
        let value = match end {
            Poll::Ready(Ok(Ok(value))) => Some(value),
            Poll::Ready(Ok(Err(error))) => {
                scope.fail(Failure::error(scope, error));
                None
            }
            Poll::Ready(Err(panic)) => {
                let failure = Failure::panicked(scope, panic);
                if scope.body.as_ref().is_some_and(|body| body.forwards) {
                    // The owner of a forwarding body continues the body's own panic itself.
                    self.own_failure = Some(failure);
                    scope.cancel(Reason::Sibling);
                } else {
                    scope.fail(failure);
                }
                None
            }
            Poll::Pending if scope.reason().is_none() => return Poll::Pending,
            Poll::Pending if scope.is_shielded() && !self.ending.enforce(scope, cx) => {
                return Poll::Pending;
            }
            Poll::Pending if self.spared.again(scope, cx) => return Poll::Pending,
            Poll::Pending => None,
        };
        let destroy = AssertUnwindSafe(|| context::enter(&mut self.place, || body.set(None)));
        let destroyed = catch_unwind(destroy);
        if let Some(scope) = &self.place {
            scope.set_ending();
            if let Err(payload) = destroyed {
                scope.fail(Failure::panicked(scope, Panic::new(payload)));
            }
        }
        Poll::Ready(value)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(scope) = &self.place {
            // The future of the group was dropped, and this was on its way.
            self.ending.hand_back(scope);
            self.own_failure
                .take()
                .into_iter()
                .for_each(|f| scope.fail(f));
        }
    }
}

/// Orphans the group if its future is dropped.
struct Guard {
    scope: Option<Arc<Scope>>,
}

impl Guard {
    fn defuse(mut self) {
        self.scope = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(scope) = &self.scope {
            let around = scope.parent.as_ref().and_then(|parent| parent.reason());
            scope.orphan(around.unwrap_or(Reason::RaceLost));
        }
    }
}
