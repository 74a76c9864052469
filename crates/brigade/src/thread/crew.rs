//! The threads of one class: how they start, work, rest and end.
//!
//! Threads are started when work waits and none is free, and end after resting for the keep-alive.
//! They are never joined: the end of the process does not wait for them, `run` does, until its
//! deadline. No panic of a closure, of what it returned or of a waker ends a thread.

use std::any::Any;
use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use super::job::Run;
use super::roster::{Roster, Seat, Step};
use super::stats::Stats;

/// How often a thread without work looks again, giving way to others in between, before it rests.
/// To rest and to be woken costs more than many small closures.
const SEARCHES: usize = 32;

/// What a thread keeps between closures: the state of a pinned thread, nothing elsewhere.
pub(super) type Local = Option<Box<dyn Any>>;

type Jobs = Roster<Arc<dyn Run>>;

#[derive(Debug)]
pub(super) struct Crew {
    name: Cow<'static, str>,
    /// `None` is for ever.
    keep_alive: Option<Duration>,
    hired: AtomicU64,
    roster: Mutex<Jobs>,
}

impl Crew {
    pub(super) fn new(
        name: Cow<'static, str>,
        limit: usize,
        keep_alive: Option<Duration>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            keep_alive,
            hired: AtomicU64::new(0),
            roster: Mutex::new(Roster::new(limit)),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
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
                    let refused = self.roster().refuse();
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
        std::thread::Builder::new()
            .name(format!("{}-{number}", self.name))
            .spawn(move || crew.work())
            .map(drop)
    }

    fn work(self: Arc<Self>) {
        let seat = Arc::new(Seat::default());
        let mut local: Local = None;
        let mut next = {
            let mut roster = self.roster();
            roster.arrive();
            roster.take()
        };
        while let Some((job, step)) = next.or_else(|| self.wait(&seat)) {
            self.perform(step);
            let ran = catch_unwind(AssertUnwindSafe(|| job.run(&mut local))).unwrap_or_default();
            next = {
                let mut roster = self.roster();
                roster.finish(ran.ran);
                roster.take()
            };
            // The books are closed before the caller is told, and told before this thread rests.
            let _ = catch_unwind(AssertUnwindSafe(|| ran.waker.map(Waker::wake)));
        }
        let _ = catch_unwind(AssertUnwindSafe(|| drop(local)));
    }

    /// Searches, then rests, until there is a job; `None` if the thread is to end.
    fn wait(&self, seat: &Arc<Seat>) -> Option<(Arc<dyn Run>, Step)> {
        loop {
            let mut roster = self.search();
            if let Some(next) = roster.take() {
                return Some(next);
            }
            if roster.is_closed() {
                roster.leave();
                return None;
            }
            roster.rest(seat.clone());
            if !self.rest(roster, seat) {
                return None;
            }
        }
    }

    fn search(&self) -> MutexGuard<'_, Jobs> {
        let mut roster = self.roster();
        if roster.found() || !roster.begin_search() {
            return roster;
        }
        for _ in 0..SEARCHES {
            drop(roster);
            std::thread::yield_now();
            roster = self.roster();
            if roster.found() {
                break;
            }
        }
        roster.end_search();
        roster
    }

    /// Rests until the seat is called; false if it was not within the keep-alive.
    fn rest(&self, mut roster: MutexGuard<'_, Jobs>, seat: &Arc<Seat>) -> bool {
        loop {
            let timed_out;
            (roster, timed_out) = match self.keep_alive {
                None => {
                    let roster = seat.bell.wait(roster);
                    (roster.unwrap_or_else(PoisonError::into_inner), false)
                }
                Some(limit) => {
                    let (roster, result) = seat
                        .bell
                        .wait_timeout(roster, limit)
                        .unwrap_or_else(PoisonError::into_inner);
                    (roster, result.timed_out())
                }
            };
            if seat.answer() {
                roster.arrive();
                return true;
            }
            if timed_out {
                roster.retire(seat);
                return false;
            }
        }
    }
}
