//! The threads of one class: how they start, work, rest and end.
//!
//! Threads are started when work waits and none is free, and end after resting for the keep-alive.
//! They are never joined: the end of the process does not wait for them, `run` does, until its
//! deadline. No panic of a closure, of what it returned or of a waker ends a thread.

use std::any::Any;
use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;
use std::time::Duration;

use super::job::Run;
use super::roster::{Look, Rest, Roster, Seat, Step};
use super::stats::Stats;
use crate::nesting::Class;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError, hint, thread};

/// How often a thread without work looks again before it rests: to rest and to be woken costs more
/// than many small closures. It spins in between and does not give way, because on a busy machine
/// that would put it, and the job that comes next, behind everybody else's time slices.
const SEARCHES: usize = 16;
const SPINS: usize = 32;

/// What a thread keeps between closures: the state of a pinned thread, nothing elsewhere.
pub(super) type Local = Option<Box<dyn Any>>;

type Jobs = Roster<Arc<dyn Run>>;
type Found = Look<Arc<dyn Run>>;

/// What a crew's threads are to be like.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) name: Cow<'static, str>,
    pub(super) limit: usize,
    /// `None` is for ever.
    pub(super) keep_alive: Option<Duration>,
    pub(super) stack_size: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Crew {
    plan: Plan,
    class: Arc<Class>,
    searches: usize,
    hired: AtomicU64,
    roster: Mutex<Jobs>,
}

impl Crew {
    pub(super) fn new(plan: Plan) -> Arc<Self> {
        let roster = Mutex::new(Roster::new(plan.limit));
        let several_cores = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
        let class = Arc::new(Class {
            name: plan.name.clone(),
            limit: plan.limit,
        });
        Arc::new(Self {
            plan,
            class,
            // With one core nobody can bring a job while this thread spins.
            searches: if several_cores { SEARCHES } else { 0 },
            hired: AtomicU64::new(0),
            roster,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.plan.name
    }

    pub(super) fn class(&self) -> &Arc<Class> {
        &self.class
    }

    fn roster(&self) -> MutexGuard<'_, Jobs> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> Stats {
        self.roster().stats()
    }

    /// Queues a job; the ticket takes it out again while no thread has it.
    pub(super) fn submit(self: &Arc<Self>, job: Arc<dyn Run>) -> u64 {
        let (ticket, step) = self.roster().push(job);
        self.perform(step);
        ticket
    }

    pub(super) fn remove(&self, ticket: u64) {
        let job = self.roster().remove(ticket);
        drop(job);
    }

    /// Lets the threads end when the queue is empty.
    pub(super) fn close(&self) {
        let seats = self.roster().close();
        for seat in seats {
            seat.bell.notify_one();
        }
    }

    fn perform(self: &Arc<Self>, step: Step) {
        match step {
            Step::Nothing => {}
            Step::Wake(seat) => seat.bell.notify_one(),
            Step::Hire => {
                if let Err(error) = self.hire() {
                    let (refused, step) = self.roster().refuse();
                    // It never asks for another thread.
                    self.perform(step);
                    for waker in refused.values().filter_map(|job| job.refuse(&error)) {
                        waker.wake();
                    }
                }
            }
        }
    }

    /// The one place where this crate starts threads for closures.
    fn hire(self: &Arc<Self>) -> io::Result<()> {
        let number = self.hired.fetch_add(1, Ordering::Relaxed);
        let crew = self.clone();
        let thread = thread::Builder::new().name(format!("{}-{number}", self.name()));
        let thread = match self.plan.stack_size {
            Some(bytes) => thread.stack_size(bytes),
            None => thread,
        };
        thread.spawn(move || crew.work()).map(drop)
    }

    fn work(self: Arc<Self>) {
        let seat = Arc::new(Seat::default());
        let mut local: Local = None;
        let mut found = self.roster().arrive();
        while let Some((job, step)) = self.wait(found, &seat) {
            self.perform(step);
            let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut local))).unwrap_or_default();
            found = self.roster().finish(ran.ran);
            // By now the books are closed and this thread has its next job or searches for one, so
            // what the caller does next need not wake another thread.
            let _ = catch_unwind(AssertUnwindSafe(|| ran.waker.map(Waker::wake)));
        }
        let _ = catch_unwind(AssertUnwindSafe(|| drop(local)));
    }

    /// Searches and rests until there is a job; `None` if the thread is to end.
    fn wait(&self, mut found: Found, seat: &Arc<Seat>) -> Option<(Arc<dyn Run>, Step)> {
        loop {
            found = match found {
                Look::Job(job, step) => return Some((job, step)),
                Look::Search => self.search(),
                Look::Nothing => self.rest(seat)?,
            }
        }
    }

    fn search(&self) -> Found {
        for _ in 0..self.searches {
            for _ in 0..SPINS {
                hint::spin_loop();
            }
            if self.roster().has_news() {
                break;
            }
        }
        self.roster().end_search()
    }

    /// Rests until the seat is called; `None` if it was not within the keep-alive, or if the crew
    /// is closed.
    fn rest(&self, seat: &Arc<Seat>) -> Option<Found> {
        let mut roster = self.roster();
        match roster.rest(seat) {
            Rest::Seated => {}
            Rest::Job(job, step) => return Some(Look::Job(job, step)),
            Rest::Leave => return None,
        }
        loop {
            let timed_out;
            (roster, timed_out) = match self.plan.keep_alive {
                None => {
                    let woken = seat.bell.wait(roster);
                    (woken.unwrap_or_else(PoisonError::into_inner), false)
                }
                Some(limit) => {
                    let woken = seat.bell.wait_timeout(roster, limit);
                    let (roster, result) = woken.unwrap_or_else(PoisonError::into_inner);
                    (roster, result.timed_out())
                }
            };
            if seat.answer() {
                return Some(roster.arrive());
            }
            if timed_out {
                roster.retire(seat);
                return None;
            }
        }
    }
}
