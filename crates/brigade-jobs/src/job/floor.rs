//! Where workers wait for the schedule.
//!
//! All workers share one schedule under one lock. A worker that finds nothing to do leaves its
//! waker; whoever makes something possible wakes one, and a worker that gets something wakes the
//! next if there is more. So nobody is woken for nothing, and no worker is skipped.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use brigade_core::time::Moment;
use tokio::sync::Notify;

use crate::input::Item;
use crate::schedule::{GivenUp, HostId, Next, Schedule};

/// A full window is looked at for what blocks it at most this often, or, where a look takes longer
/// because there are many hosts, so much less often that looking is a small part of the work.
const STUCK_EVERY: Duration = Duration::from_millis(50);
const STUCK_EVERY_OF_HOST: Duration = Duration::from_micros(5);

/// A worker that was told to wait until a moment is not woken within its own poll.
const NEVER_AT_ONCE: Duration = Duration::from_nanos(1);

/// What a worker is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Ask a host for a line.
    Ask(HostId, Item),
    /// Let a line fail whose host has asked for more patience than there is.
    GiveUp(Item, GivenUp),
}

/// The schedule and those who wait for it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) schedule: Schedule,
    wakers: Vec<Option<Waker>>,
    /// Workers that left a waker, the latest last.
    idle: Vec<usize>,
    /// When the timer is to wake a worker.
    pub(super) wake_at: Option<Moment>,
    /// Whether the feeder waits for room.
    feeder_waits: bool,
    stuck_checked: Moment,
}

/// The floor on which workers, feeder, timer and spill meet.
#[derive(Debug)]
pub(super) struct Floor {
    state: Mutex<State>,
    /// Tells the feeder that there may be room.
    pub(super) room: Notify,
    /// Tells the timer that there is an earlier moment.
    pub(super) timer: Notify,
    /// Tells the spill that there are orders.
    pub(super) orders: Notify,
    /// Tells that lines were read, or that the list has ended.
    pub(super) read: Notify,
}

impl Floor {
    pub(super) fn new(schedule: Schedule, workers: usize) -> Self {
        Self {
            state: Mutex::new(State {
                schedule,
                wakers: vec![None; workers],
                idle: Vec::with_capacity(workers),
                wake_at: None,
                feeder_waits: false,
                stuck_checked: Moment::ZERO,
            }),
            room: Notify::new(),
            timer: Notify::new(),
            orders: Notify::new(),
            read: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next line for `worker`; none when the job is finished.
    pub(super) async fn next(&self, worker: usize) -> Option<Turn> {
        poll_fn(|context| self.poll_next(worker, context)).await
    }

    fn poll_next(&self, worker: usize, context: &mut Context<'_>) -> Poll<Option<Turn>> {
        let now = brigade::clock::now();
        let mut state = self.lock();
        let next = state.schedule.next(now);
        if state.schedule.has_orders() {
            self.orders.notify_one();
        }
        if !matches!(next, Next::At(_) | Next::Wait) {
            state.leave(worker);
        }
        match next {
            Next::Start(host, item) => {
                self.pass_on(&mut state, now);
                return Poll::Ready(Some(Turn::Ask(host, item)));
            }
            Next::GiveUp(item, given_up) => {
                self.pass_on(&mut state, now);
                return Poll::Ready(Some(Turn::GiveUp(item, given_up)));
            }
            Next::Finished => {
                while state.wake_one() {}
                return Poll::Ready(None);
            }
            Next::At(at) => self.wake_at(&mut state, at.max(now + NEVER_AT_ONCE), now),
            Next::Wait => {}
        }
        state.wait(worker, context.waker());
        self.ask_for_room(&mut state, now);
        Poll::Pending
    }

    /// Has the others go on where a worker has something to do.
    fn pass_on(&self, state: &mut State, now: Moment) {
        if !state.idle.is_empty() {
            let next = state.schedule.next_at(now);
            if let Some(at) = next {
                self.wake_at(state, at, now);
            }
            if next.is_none_or(|at| at > now) {
                self.ask_for_room(state, now);
            }
        }
        if state.feeder_waits && state.schedule.has_much_room() {
            state.feeder_waits = false;
            self.room.notify_one();
        }
    }

    /// Has a waiting worker woken at `at`.
    fn wake_at(&self, state: &mut State, at: Moment, now: Moment) {
        if at <= now {
            state.wake_one();
        } else if state.wake_at.is_none_or(|known| at < known) {
            state.wake_at = Some(at);
            self.timer.notify_one();
        }
    }

    /// Has the feeder look whether a full window is full of hosts that may not be asked now, since
    /// somebody is idle. Too soon after the last look, the timer has somebody come back for it.
    fn ask_for_room(&self, state: &mut State, now: Moment) {
        if !state.feeder_waits {
            return;
        }
        let hosts = u32::try_from(state.schedule.hosts_known()).unwrap_or(u32::MAX);
        let due = state.stuck_checked + STUCK_EVERY.max(STUCK_EVERY_OF_HOST * hosts);
        if now >= due {
            state.stuck_checked = now;
            self.room.notify_one();
        } else {
            self.wake_at(state, due, now);
        }
    }

    /// Waits until the window has room, making some if only blocked hosts fill it.
    pub(super) async fn has_room(&self) {
        loop {
            let notified = self.room.notified();
            {
                let mut state = self.lock();
                if state.make_room() {
                    if state.schedule.has_orders() {
                        self.orders.notify_one();
                    }
                    state.feeder_waits = false;
                    return;
                }
                state.feeder_waits = true;
            }
            notified.await;
        }
    }

    /// Waits, where every line that was read has ended, until there is another or the list has ended
    /// too. One waits at a time.
    pub(super) async fn hears_of_list(&self) {
        loop {
            let notified = self.read.notified();
            if !self.lock().schedule.is_out_of_lines() {
                return;
            }
            notified.await;
        }
    }
}

impl State {
    /// Wakes a worker that waits. False if none does.
    pub(super) fn wake_one(&mut self) -> bool {
        let Some(worker) = self.idle.pop() else {
            return false;
        };
        if let Some(waker) = self.wakers[worker].take() {
            waker.wake();
        }
        true
    }

    fn wait(&mut self, worker: usize, waker: &Waker) {
        match &mut self.wakers[worker] {
            Some(known) => known.clone_from(waker),
            none => {
                *none = Some(waker.clone());
                self.idle.push(worker);
            }
        }
    }

    /// Takes a worker off the list of those that wait: it may have been polled without being woken,
    /// and a waker that it left there would be wasted on it later.
    fn leave(&mut self, worker: usize) {
        if self.wakers[worker].take().is_some() {
            self.idle.retain(|idle| *idle != worker);
        }
    }

    fn make_room(&mut self) -> bool {
        if self.schedule.has_room() {
            return true;
        }
        // With every worker busy, reading further would help nobody.
        let now = brigade::clock::now();
        !self.idle.is_empty() && self.schedule.is_stuck(now) && self.schedule.make_room(now)
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use brigade_core::admission::Limits;
    use brigade_core::backoff::HostRule;

    use super::*;
    use crate::schedule::Settings;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn floor() -> Floor {
        let limits = Limits::default().key_concurrency(1);
        let schedule = Schedule::new(Settings {
            limits,
            window: 100,
            host_rule: HostRule::default(),
        });
        Floor::new(schedule, 3)
    }

    fn item(index: u64, url: &str) -> Item {
        Item {
            index,
            offset: 0,
            length: 0,
            attempts: 0,
            url: url::Url::parse(url).unwrap(),
            written: None,
            journey: None,
            columns: None,
        }
    }

    /// What `worker` finds, and how often it is woken from then on.
    fn poll(floor: &Floor, worker: usize) -> (Option<(HostId, Item)>, Arc<Woken>) {
        let woken = Arc::new(Woken::default());
        let waker = woken.clone().into();
        let mut next = std::pin::pin!(floor.next(worker));
        match next.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(Turn::Ask(host, item))) => (Some((host, item)), woken),
            Poll::Ready(Some(Turn::GiveUp(..))) => panic!("no host is given up"),
            Poll::Ready(None) => (None, woken),
            Poll::Pending => (None, woken),
        }
    }

    #[test]
    fn each_worker_that_gets_something_wakes_the_next_if_there_is_more() {
        let floor = floor();
        let (first, second, third) = (poll(&floor, 0).1, poll(&floor, 1).1, poll(&floor, 2).1);
        let woken = || [&first, &second, &third].map(|each| each.0.load(Ordering::SeqCst));
        {
            let mut state = floor.lock();
            state.schedule.add(item(0, "http://a/"));
            state.schedule.add(item(1, "http://b/"));
            state.wake_one();
        }
        assert_eq!(woken(), [0, 0, 1]);
        assert!(poll(&floor, 2).0.is_some());
        assert_eq!(woken(), [0, 1, 1]);
        assert!(poll(&floor, 1).0.is_some());
        assert_eq!(woken(), [0, 1, 1], "nobody is woken for nothing");
    }

    #[test]
    fn the_timer_is_set_for_a_retry_also_when_its_worker_finds_something_else() {
        let floor = floor();
        let idle = poll(&floor, 0).1;
        {
            let mut state = floor.lock();
            state.schedule.add(item(0, "http://a/"));
            state.schedule.add(item(1, "http://a/"));
        }
        let (host, again) = poll(&floor, 1).0.unwrap();
        let now = brigade::clock::now();
        let at = now + Duration::from_secs(5);
        floor.lock().schedule.again(host, again, at, now);
        assert!(poll(&floor, 1).0.is_some());
        assert_eq!(floor.lock().wake_at, Some(at));
        assert_eq!(idle.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_worker_that_found_something_without_being_woken_is_not_woken_for_another() {
        let floor = floor();
        let other = poll(&floor, 1).1;
        let busy = poll(&floor, 0).1;
        floor.lock().schedule.add(item(0, "http://a/"));
        assert!(
            poll(&floor, 0).0.is_some(),
            "polled for a reason of its own"
        );
        {
            let mut state = floor.lock();
            state.schedule.add(item(1, "http://b/"));
            assert!(state.wake_one());
        }
        assert_eq!(busy.0.load(Ordering::SeqCst), 0);
        assert_eq!(other.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn f4h_whether_a_line_was_the_last_is_heard_of_by_another_or_by_the_end() {
        for is_last in [false, true] {
            let floor = floor();
            let woken = Arc::new(Woken::default());
            let waker = woken.clone().into();
            let mut context = Context::from_waker(&waker);
            let mut heard = std::pin::pin!(floor.hears_of_list());
            assert!(heard.as_mut().poll(&mut context).is_pending());
            // What holds no line says nothing.
            floor.read.notify_one();
            assert!(heard.as_mut().poll(&mut context).is_pending());
            match is_last {
                true => floor.lock().schedule.complete(),
                false => floor.lock().schedule.add(item(0, "http://a/")),
            }
            floor.read.notify_one();
            assert_eq!(woken.0.load(Ordering::SeqCst), 2);
            assert!(heard.as_mut().poll(&mut context).is_ready());
        }
    }

    #[test]
    fn all_workers_leave_when_the_job_is_finished() {
        let floor = floor();
        let (first, second) = (poll(&floor, 0).1, poll(&floor, 1).1);
        floor.lock().schedule.complete();
        assert_eq!(poll(&floor, 2).0, None);
        let woken = [&first, &second].map(|each| each.0.load(Ordering::SeqCst));
        assert_eq!(woken, [1, 1]);
    }
}
