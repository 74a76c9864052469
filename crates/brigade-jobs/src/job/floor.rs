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
use crate::schedule::{HostId, Next, Schedule};

/// A full window is looked at for what blocks it at most this often.
const STUCK_EVERY: Duration = Duration::from_millis(50);

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
    window: usize,
    /// Tells the feeder that there may be room.
    pub(super) room: Notify,
    /// Tells the timer that there is an earlier moment.
    pub(super) timer: Notify,
    /// Tells the spill that there are orders.
    pub(super) orders: Notify,
}

impl Floor {
    pub(super) fn new(schedule: Schedule, workers: usize, window: usize) -> Self {
        Self {
            state: Mutex::new(State {
                schedule,
                wakers: vec![None; workers],
                idle: Vec::with_capacity(workers),
                wake_at: None,
                feeder_waits: false,
                stuck_checked: Moment::ZERO,
            }),
            window,
            room: Notify::new(),
            timer: Notify::new(),
            orders: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next line for `worker`; none when the job is finished.
    pub(super) async fn next(&self, worker: usize) -> Option<(HostId, Item)> {
        poll_fn(|context| self.poll_next(worker, context)).await
    }

    fn poll_next(&self, worker: usize, context: &mut Context<'_>) -> Poll<Option<(HostId, Item)>> {
        let now = brigade::clock::now();
        let mut state = self.lock();
        let next = state.schedule.next(now);
        if state.schedule.has_orders() {
            self.orders.notify_one();
        }
        match next {
            Next::Start(host, item) => {
                if !state.idle.is_empty() && state.schedule.is_ready(now) {
                    state.wake_one();
                }
                if state.feeder_waits && state.schedule.held() <= self.window / 4 * 3 {
                    state.feeder_waits = false;
                    self.room.notify_one();
                }
                return Poll::Ready(Some((host, item)));
            }
            Next::Finished => {
                while state.wake_one() {}
                return Poll::Ready(None);
            }
            Next::At(at) => {
                if state.wake_at.is_none_or(|known| at < known) {
                    state.wake_at = Some(at);
                    self.timer.notify_one();
                }
            }
            Next::Wait => {}
        }
        state.wait(worker, context.waker());
        if state.feeder_waits && now >= state.stuck_checked + STUCK_EVERY {
            state.stuck_checked = now;
            self.room.notify_one();
        }
        Poll::Pending
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

    fn make_room(&mut self) -> bool {
        if self.schedule.has_room() {
            return true;
        }
        // With every worker busy, reading further would help nobody.
        !self.idle.is_empty()
            && self.schedule.is_stuck(brigade::clock::now())
            && self.schedule.evict()
    }
}
