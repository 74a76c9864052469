//! The fuzzer against futures with known faults: each must be found, and by the right name.

use super::*;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::yield_now;

#[tokio::test(start_paused = true)]
async fn every_await_is_visited_waiting_and_woken() {
    let seen = RefCell::new(Vec::new());
    let three = || async {
        yield_now().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        "end"
    };
    let polls = fuzz_cancel(three, async |outcome| seen.borrow_mut().push(outcome)).await;
    let dropped = |polls, woken| Outcome::Dropped { polls, woken };
    let expected = [
        dropped(0, false),
        dropped(1, false),
        dropped(1, true),
        dropped(2, false),
        dropped(2, true),
        Outcome::Completed("end"),
        Outcome::Completed("end"),
    ];
    assert_eq!(polls, 3);
    assert_eq!(seen.into_inner(), expected);
}

#[tokio::test(start_paused = true)]
async fn every_place_is_visited_in_every_interleaving() {
    let report = Fuzz::new().seeds(0..10).run(yield_now, async |_| {}).await;
    assert_eq!(report.polls, 2);
    // Before the first poll, and after it waiting and woken.
    assert_eq!(report.places, 10 * 3);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "lost at Dropped { polls: 1, woken: true }")]
async fn what_a_woken_future_loses_is_found() {
    // Takes the item out when it is offered, and keeps it only if it gets to run again.
    let item = Cell::new(true);
    let loses = || async {
        item.set(true);
        poll_fn(|context| {
            let offered = item.replace(false);
            if offered {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(())
        })
        .await;
        item.set(true);
    };
    fuzz_cancel(loses, async |outcome| {
        let waiting = matches!(outcome, Outcome::Dropped { woken: false, .. });
        assert!(waiting || item.get(), "lost at {outcome:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the future did not complete within 50 polls")]
async fn a_future_that_never_ends_is_reported() {
    let endless = || async {
        loop {
            yield_now().await;
        }
    };
    let fuzz = Fuzz::new().polls_max(50);
    fuzz.run(endless, async |_| {}).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the future was left waiting for 60s")]
async fn a_future_that_nobody_wakes_is_reported() {
    fuzz_cancel(std::future::pending::<()>, async |_| {}).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the future was left waiting")]
async fn a_future_that_remembers_an_old_waker_is_reported() {
    let stale = || {
        let (mut first, mut polls) = (None::<Waker>, 0);
        async move {
            poll_fn(|context| {
                let waker = first.get_or_insert_with(|| context.waker().clone());
                waker.wake_by_ref();
                polls += 1;
                if polls > 2 {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    };
    fuzz_cancel(stale, async |_| {}).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the check was left waiting")]
async fn a_check_that_never_ends_is_reported() {
    fuzz_cancel(yield_now, async |_| std::future::pending().await).await;
}

/// One permit, handed to the next in line; whoever is dropped with it in hand may forget it.
#[derive(Clone, Default)]
struct Baton(Rc<RefCell<Line>>);

#[derive(Default)]
struct Line {
    taken: bool,
    waiting: VecDeque<Rc<Cell<Promise>>>,
}

#[derive(Clone, Default)]
enum Promise {
    #[default]
    Unknown,
    Waits(Waker),
    Given,
}

impl Baton {
    fn give(&self) {
        let next = self.0.borrow_mut().waiting.pop_front();
        match next {
            None => self.0.borrow_mut().taken = false,
            Some(next) => {
                if let Promise::Waits(waker) = next.replace(Promise::Given) {
                    waker.wake();
                }
            }
        }
    }

    async fn acquire(&self, forgets: bool) {
        if !std::mem::replace(&mut self.0.borrow_mut().taken, true) {
            return;
        }
        struct Waiter(Baton, Rc<Cell<Promise>>, bool);
        impl Drop for Waiter {
            fn drop(&mut self) {
                let mine = |other: &Rc<Cell<Promise>>| Rc::ptr_eq(other, &self.1);
                self.0.0.borrow_mut().waiting.retain(|other| !mine(other));
                if !self.2 && matches!(self.1.take(), Promise::Given) {
                    self.0.give();
                }
            }
        }
        let place = Rc::new(Cell::new(Promise::Unknown));
        self.0.borrow_mut().waiting.push_back(Rc::clone(&place));
        let mut waiter = Waiter(self.clone(), place, forgets);
        poll_fn(|context| match waiter.1.take() {
            Promise::Given => Poll::Ready(()),
            _ => {
                waiter.1.set(Promise::Waits(context.waker().clone()));
                Poll::Pending
            }
        })
        .await;
        waiter.2 = true;
    }
}

async fn visit_baton(forgets: bool) -> Report {
    let baton = RefCell::new(Baton::default());
    let make = || {
        let baton = baton.borrow().clone();
        async move {
            baton.acquire(forgets).await;
            struct Held(Baton);
            impl Drop for Held {
                fn drop(&mut self) {
                    self.0.give();
                }
            }
            let _held = Held(baton);
            yield_now().await;
        }
    };
    let check = async |_| {
        assert!(
            forgets || !baton.borrow().0.borrow().taken,
            "the baton is gone"
        );
        *baton.borrow_mut() = Baton::default();
    };
    let fuzz = Fuzz::new().rivals(2).seeds(0..20);
    fuzz.run(make, check).await
}

#[tokio::test(start_paused = true)]
async fn rivals_get_their_turn_wherever_one_is_dropped() {
    let report = visit_baton(false).await;
    assert!(report.polls >= 3);
}

#[tokio::test(start_paused = true)]
async fn seeds_poll_a_future_that_was_not_woken_and_order_does_not() {
    let polls = async |seeds: std::ops::Range<u64>| {
        let fuzz = Fuzz::new().rivals(2).seeds(seeds);
        let sleep = || tokio::time::sleep(Duration::from_secs(1));
        fuzz.run(sleep, async |_| {}).await.polls
    };
    assert_eq!(polls(0..1).await, 2);
    assert!(polls(1..100).await > 2);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "a rival was left waiting")]
async fn a_rival_that_is_forgotten_is_reported() {
    visit_baton(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_future_is_polled_to_its_end() {
    let semaphore = Semaphore::new(1);
    let seen = RefCell::new(Vec::new());
    let make = || {
        let (stop, stopped) = oneshot::channel::<()>();
        let work = async {
            let _permit = semaphore.acquire().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        let work = async {
            tokio::select! {
                biased;
                () = work => "done",
                _ = stopped => "cancelled",
            }
        };
        (work, move || stop.send(()).unwrap_or(()))
    };
    let check = async |outcome| seen.borrow_mut().push(outcome);
    let report = Fuzz::new().run_cancelling(make, check).await;
    let cancelled = |polls, woken, value| Outcome::Cancelled {
        polls,
        woken,
        value,
    };
    let expected = [
        cancelled(0, false, "cancelled"),
        cancelled(1, false, "cancelled"),
        cancelled(1, true, "done"),
        Outcome::Completed("done"),
        Outcome::Completed("done"),
    ];
    assert_eq!(seen.into_inner(), expected);
    assert_eq!(
        report,
        Report {
            polls: 2,
            places: 3
        }
    );
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the cancelled future was left waiting")]
async fn a_future_that_does_not_mind_being_cancelled_is_reported() {
    let make = || (std::future::pending::<()>(), || ());
    Fuzz::new().run_cancelling(make, async |_| {}).await;
}

#[tokio::test(start_paused = true)]
async fn a_woken_future_is_left_lying_while_rivals_go_on() {
    let linger = Duration::from_millis(50);
    let left = RefCell::new(Vec::new());
    let make = || async {
        struct Left<'a>(tokio::time::Instant, &'a RefCell<Vec<Duration>>);
        impl Drop for Left<'_> {
            fn drop(&mut self) {
                self.1.borrow_mut().push(self.0.elapsed());
            }
        }
        let _left = Left(tokio::time::Instant::now(), &left);
        yield_now().await;
    };
    let check = async |outcome| {
        let lain = left.borrow_mut().drain(..).any(|time| time >= linger);
        let woken = matches!(outcome, Outcome::Dropped { woken: true, .. });
        assert_eq!(lain, woken, "{outcome:?}");
    };
    let fuzz = Fuzz::new().linger(linger).rivals(1);
    fuzz.run(make, check).await;
}
