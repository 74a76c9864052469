//! Who works, who rests and what waits, in one class of threads.
//!
//! All state of a class is here, behind one lock, so that its rules can be read in one place and
//! tested without a thread. Nothing here blocks, starts a thread or reads a clock: each change
//! answers with the [`Step`] that its caller has to take once the lock is free.

use std::collections::BTreeMap;

use super::stats::Stats;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Condvar};

/// Where one thread rests. It is woken by name, because of many resting threads the last to lie
/// down should be the first to rise: the others then rest long enough to end.
#[derive(Debug, Default)]
pub(super) struct Seat {
    pub(super) bell: Condvar,
    /// Written and read only under the lock of the roster that the seat is in.
    called: AtomicBool,
}

impl Seat {
    fn call(&self) {
        self.called.store(true, Ordering::Relaxed);
    }

    /// Whether the seat was called since this was last asked.
    pub(super) fn answer(&self) -> bool {
        self.called.swap(false, Ordering::Relaxed)
    }
}

/// What is to be done once the lock is free.
#[derive(Debug)]
#[must_use]
pub(super) enum Step {
    Nothing,
    Wake(Arc<Seat>),
    Hire,
}

/// What a thread finds when it looks for work.
#[derive(Debug)]
pub(super) enum Look<J> {
    Job(J, Step),
    /// Nothing, and this thread is the one that searches.
    Search,
    Nothing,
}

/// What becomes of a thread that wants to rest.
#[derive(Debug)]
pub(super) enum Rest<J> {
    Seated,
    Job(J, Step),
    /// It is to end.
    Leave,
}

#[derive(Debug)]
pub(super) struct Roster<J> {
    limit: usize,
    /// By ticket: first in, first out, and one that gives up leaves no trace.
    queue: BTreeMap<u64, J>,
    tickets: u64,
    idle: Vec<Arc<Seat>>,
    threads: usize,
    running: usize,
    /// Threads that were woken or hired and have not looked at the queue yet.
    coming: usize,
    /// Whether a thread looks at the queue again and again before it rests.
    searching: bool,
    closed: bool,
    finished: u64,
    threads_max: usize,
}

impl<J> Roster<J> {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            queue: BTreeMap::new(),
            tickets: 0,
            idle: Vec::new(),
            threads: 0,
            running: 0,
            coming: 0,
            searching: false,
            closed: false,
            finished: 0,
            threads_max: 0,
        }
    }

    /// Puts a job behind all others.
    pub(super) fn push(&mut self, job: J) -> (u64, Step) {
        let ticket = self.tickets;
        self.tickets += 1;
        self.queue.insert(ticket, job);
        (ticket, self.rouse())
    }

    /// Takes a job out again; `None` if a thread has taken it.
    pub(super) fn remove(&mut self, ticket: u64) -> Option<J> {
        self.queue.remove(&ticket)
    }

    /// Gives the oldest job to the thread that looks, or makes it search if no other does.
    fn look(&mut self) -> Look<J> {
        match self.take() {
            Some((job, step)) => Look::Job(job, step),
            None if self.searching || self.closed => Look::Nothing,
            None => {
                self.searching = true;
                Look::Search
            }
        }
    }

    fn take(&mut self) -> Option<(J, Step)> {
        let (_, job) = self.queue.pop_first()?;
        self.running += 1;
        Some((job, self.rouse()))
    }

    /// A thread is done with its job and looks for the next one.
    pub(super) fn finish(&mut self, ran: bool) -> Look<J> {
        self.running -= 1;
        self.finished += u64::from(ran);
        self.look()
    }

    /// Brings one more thread to the queue, unless somebody is already on the way to it: whoever
    /// takes a job asks again, so a queue with a free thread never stands still, and a burst of
    /// small jobs wakes few threads.
    fn rouse(&mut self) -> Step {
        if self.queue.is_empty() || self.searching || self.coming > 0 {
            return Step::Nothing;
        }
        if let Some(wake) = self.wake() {
            return wake;
        }
        if self.threads == self.limit {
            return Step::Nothing;
        }
        self.threads += 1;
        self.threads_max = self.threads_max.max(self.threads);
        self.coming += 1;
        Step::Hire
    }

    fn wake(&mut self) -> Option<Step> {
        let seat = self.idle.pop()?;
        seat.call();
        self.coming += 1;
        Some(Step::Wake(seat))
    }

    /// A thread that was woken or hired looks for work.
    pub(super) fn arrive(&mut self) -> Look<J> {
        self.coming -= 1;
        self.look()
    }

    /// The system refused a thread. Without any thread the jobs would wait for ever, so they are
    /// handed back. One that rests may have been left alone because another was coming.
    pub(super) fn refuse(&mut self) -> (BTreeMap<u64, J>, Step) {
        self.coming -= 1;
        self.threads -= 1;
        if self.threads == 0 {
            return (std::mem::take(&mut self.queue), Step::Nothing);
        }
        let waits = !self.queue.is_empty() && self.coming == 0;
        let step = if waits { self.wake() } else { None };
        (BTreeMap::new(), step.unwrap_or(Step::Nothing))
    }

    /// Whether there is nothing to search for any longer.
    pub(super) fn has_news(&self) -> bool {
        self.closed || !self.queue.is_empty()
    }

    pub(super) fn end_search(&mut self) -> Look<J> {
        self.searching = false;
        match self.take() {
            Some((job, step)) => Look::Job(job, step),
            None => Look::Nothing,
        }
    }

    /// Seats a thread that found nothing, after a last look.
    pub(super) fn rest(&mut self, seat: &Arc<Seat>) -> Rest<J> {
        if let Some((job, step)) = self.take() {
            return Rest::Job(job, step);
        }
        if self.closed {
            self.threads -= 1;
            return Rest::Leave;
        }
        self.idle.push(seat.clone());
        Rest::Seated
    }

    /// A thread that has rested long enough ends.
    pub(super) fn retire(&mut self, seat: &Arc<Seat>) {
        self.idle.retain(|other| !Arc::ptr_eq(other, seat));
        self.threads -= 1;
    }

    /// Lets every thread end once the queue is empty; returns those to wake.
    pub(super) fn close(&mut self) -> Vec<Arc<Seat>> {
        self.closed = true;
        let seats = std::mem::take(&mut self.idle);
        self.coming += seats.len();
        seats.iter().for_each(|seat| seat.call());
        seats
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            limit: self.limit,
            threads: self.threads,
            threads_max: self.threads_max,
            running: self.running,
            waiting: self.queue.len(),
            finished: self.finished,
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t1g_a_refused_thread_leaves_its_job_to_one_that_rests() {
        let mut roster = Roster::new(2);
        let seat = Arc::new(Seat::default());
        assert!(matches!(roster.push(1), (_, Step::Hire)));
        assert!(matches!(roster.arrive(), Look::Job(1, _)));
        assert!(matches!(roster.push(2), (_, Step::Hire)));
        // While the second thread is being started, the first does its job and rests.
        assert!(matches!(roster.finish(true), Look::Job(2, _)));
        assert!(matches!(roster.finish(true), Look::Search));
        assert!(matches!(roster.end_search(), Look::Nothing));
        assert!(matches!(roster.rest(&seat), Rest::Seated));
        assert!(matches!(roster.push(3), (_, Step::Nothing)));
        let (refused, step) = roster.refuse();
        assert!(refused.is_empty());
        assert!(matches!(step, Step::Wake(_)));
        assert!(seat.answer());
        assert!(matches!(roster.arrive(), Look::Job(3, _)));
    }
}
