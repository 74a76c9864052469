//! One closure on its way: from its caller to a thread, and its result back.
//!
//! It is one allocation, shared by the caller and the queue, and its slot says who owns what at
//! each moment. A closure whose caller left before it started never runs; a result that nobody
//! waits for is dropped on the thread, a panic that nobody waits for is reported.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use super::crew::Local;
use super::pool::Pool;
use super::travel::Luggage;
use crate::cancel::shield::Shield;
use crate::nesting::{Class, Holder};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, thread};

/// A job as its thread sees it.
pub(super) trait Run: Holder {
    /// Runs the closure, unless its caller has left or is about to.
    fn run(self: Arc<Self>, local: &mut Local) -> Ran;
    /// Tells the caller that there is no thread; returns who is to be woken.
    fn refuse(&self, error: &io::Error) -> Option<Waker>;
}

/// What became of a job that a thread took.
#[derive(Default)]
pub(super) struct Ran {
    /// Whether the closure has run.
    pub(super) ran: bool,
    /// Who is to be woken.
    pub(super) waker: Option<Waker>,
}

impl fmt::Debug for dyn Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

/// A job as its caller sees it.
pub(super) trait Outcome<T>: Send + Sync {
    /// Puts the job into the queue of its pool.
    fn submit(self: Arc<Self>, luggage: Luggage, waker: &Waker) -> u64;
    /// The result; `None` if the job is not in the queue: it was not, or it was taken out because
    /// its caller seemed about to be dropped.
    fn poll(&self, cx: &mut Context<'_>) -> Option<Poll<thread::Result<T>>>;
    /// The caller leaves: what has not started is taken out of the queue and dropped here.
    fn forsake(&self, ticket: Option<u64>);
    fn pool(&self) -> &Pool;
}

pub(super) struct Job<F, T> {
    pool: Pool,
    slot: Mutex<Slot<F, T>>,
}

struct Slot<F, T> {
    phase: Phase<F, T>,
    waker: Option<Waker>,
}

enum Phase<F, T> {
    /// Not in the queue.
    Held(F),
    Queued(F, Luggage),
    /// The shield is the caller's, from the start of the closure until it has the value or leaves.
    Running(Option<Shield>),
    /// It runs, and the caller has left.
    Forsaken,
    /// With a panic there is what its report needs, should the caller leave.
    Done(thread::Result<T>, Option<Shield>, Option<Luggage>),
    /// The result was taken, or nobody waits for it.
    Gone,
}

impl<F, T> Job<F, T> {
    pub(super) fn new(pool: Pool, work: F) -> Self {
        Self {
            pool,
            slot: Mutex::new(Slot {
                phase: Phase::Held(work),
                waker: None,
            }),
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot<F, T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F, T> Job<F, T> {
    /// Takes the closure out, unless it may not start; then says who is to be woken.
    fn begin(&self) -> Result<(F, Luggage), Option<Waker>> {
        let mut slot = self.slot();
        let (work, luggage) = match slot.advance(Phase::Gone) {
            Phase::Queued(work, luggage) => (work, luggage),
            _ => return Err(None),
        };
        let cleared = luggage.clear();
        let (begun, surplus) = match cleared {
            Ok(shield) => {
                let (kept, surplus) = if luggage.abandons() {
                    (None, Some(shield))
                } else {
                    (Some(shield), None)
                };
                slot.phase = Phase::Running(kept);
                (Ok((work, luggage)), surplus)
            }
            Err(shield) => {
                // The caller is dropped at this wake, or it has a shield by then and asks again.
                slot.phase = Phase::Held(work);
                (Err(slot.waker.take()), Some(shield))
            }
        };
        drop(slot);
        drop(surplus);
        begun
    }

    /// Leaves the result for the caller; says who is to be woken.
    fn end(&self, result: thread::Result<T>, luggage: Luggage) -> Option<Waker> {
        // What travelled is back before the caller is, except for what a report would need.
        let luggage = result.is_err().then_some(luggage);
        let mut slot = self.slot();
        if let Phase::Running(shield) = slot.advance(Phase::Gone) {
            slot.phase = Phase::Done(result, shield, luggage);
            let waker = slot.waker.take();
            drop(slot);
            return waker;
        }
        drop(slot);
        if let (Err(payload), Some(luggage)) = (result, luggage) {
            luggage.report(payload);
        }
        None
    }
}

impl<F, T> Slot<F, T> {
    fn advance(&mut self, phase: Phase<F, T>) -> Phase<F, T> {
        std::mem::replace(&mut self.phase, phase)
    }
}

impl<F, T> Run for Job<F, T>
where
    F: FnOnce(&mut Local) -> T + Send + 'static,
    T: Send + 'static,
{
    fn run(self: Arc<Self>, local: &mut Local) -> Ran {
        let (work, mut luggage) = match self.begin() {
            Ok(begun) => begun,
            Err(waker) => return Ran { ran: false, waker },
        };
        let job: Arc<dyn Holder> = self.clone();
        let result = catch_unwind(AssertUnwindSafe(|| luggage.enter(job, || work(local))));
        let waker = self.end(result, luggage);
        Ran { ran: true, waker }
    }

    fn refuse(&self, error: &io::Error) -> Option<Waker> {
        let message = format!("no thread for blocking work: {error}");
        let mut slot = self.slot();
        let old = slot.advance(Phase::Gone);
        if matches!(old, Phase::Queued(..)) {
            let payload: Box<dyn Any + Send> = Box::new(message);
            slot.phase = Phase::Done(Err(payload), None, None);
        }
        let waker = slot.waker.take();
        drop(slot);
        drop(old);
        waker
    }
}

impl<F, T> Holder for Job<F, T>
where
    F: Send + 'static,
    T: Send + 'static,
{
    fn class(&self) -> &Arc<Class> {
        self.pool.crew().class()
    }

    fn holds(&self) -> bool {
        matches!(self.slot().phase, Phase::Running(_) | Phase::Forsaken)
    }

    fn is_forsaken(&self) -> bool {
        matches!(self.slot().phase, Phase::Forsaken)
    }
}

impl<F, T> Outcome<T> for Job<F, T>
where
    F: FnOnce(&mut Local) -> T + Send + 'static,
    T: Send + 'static,
{
    fn submit(self: Arc<Self>, luggage: Luggage, waker: &Waker) -> u64 {
        {
            let mut slot = self.slot();
            slot.phase = match slot.advance(Phase::Gone) {
                Phase::Held(work) => Phase::Queued(work, luggage),
                other => other,
            };
            slot.waker = Some(waker.clone());
        }
        let crew = self.pool.crew().clone();
        crew.submit(self)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Option<Poll<thread::Result<T>>> {
        let mut slot = self.slot();
        match slot.advance(Phase::Gone) {
            Phase::Done(result, shield, luggage) => {
                drop(slot);
                drop((shield, luggage));
                return Some(Poll::Ready(result));
            }
            Phase::Gone | Phase::Forsaken => {
                drop(slot);
                panic!("a finished call was polled again");
            }
            Phase::Held(work) => {
                slot.phase = Phase::Held(work);
                return None;
            }
            pending => slot.phase = pending,
        }
        let old = match &mut slot.waker {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            waker => waker.replace(cx.waker().clone()),
        };
        // A waker's drop can run foreign code, so it never happens under the lock.
        drop(slot);
        drop(old);
        Some(Poll::Pending)
    }

    fn forsake(&self, ticket: Option<u64>) {
        let (old, waker) = {
            let mut slot = self.slot();
            let old = slot.advance(Phase::Gone);
            if matches!(old, Phase::Running(_)) {
                slot.phase = Phase::Forsaken;
            }
            (old, slot.waker.take())
        };
        drop(waker);
        match old {
            Phase::Queued(..) => ticket.map_or((), |ticket| self.pool.crew().remove(ticket)),
            Phase::Done(Err(payload), _, Some(luggage)) => luggage.report(payload),
            _ => {}
        }
    }

    fn pool(&self) -> &Pool {
        &self.pool
    }
}
