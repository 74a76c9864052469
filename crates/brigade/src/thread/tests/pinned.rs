//! One thread, one state.

use std::rc::Rc;
use std::thread::{ThreadId, current};

use super::*;

/// A state that cannot leave its thread, and logs where it was made, used and dropped.
struct Homebody(Log<(&'static str, ThreadId)>, Rc<()>);

impl Homebody {
    fn new(log: Log<(&'static str, ThreadId)>) -> Self {
        log.push(("made", current().id()));
        Self(log, Rc::new(()))
    }

    fn work(&mut self) {
        let _kept = self.1.clone();
        self.0.push(("used", current().id()));
    }
}

impl Drop for Homebody {
    fn drop(&mut self) {
        self.0.push(("dropped", current().id()));
    }
}

fn check(log: &Log<(&'static str, ThreadId)>, expected: &[&str]) {
    let (what, threads): (Vec<_>, Vec<_>) = log.entries().into_iter().unzip();
    assert_eq!(what, expected);
    assert!(
        threads
            .iter()
            .all(|id| *id == threads[0] && *id != current().id())
    );
}

#[tokio::test]
async fn t1f_a_pinned_state_stays_on_its_thread() {
    let log = Log::new();
    let there = log.clone();
    let pinned = Pinned::new("pinned", move || Homebody::new(there)).await;
    for _ in 0..3 {
        pinned.call(Homebody::work).await;
    }
    pinned.close().await;
    check(&log, &["made", "used", "used", "used", "dropped"]);
}

#[tokio::test]
async fn t1f_a_dropped_handle_drops_the_state_on_its_thread() {
    let log = Log::new();
    let there = log.clone();
    let pinned = Pinned::new("pinned", move || Homebody::new(there)).await;
    drop(pinned);
    until("the state is gone", || log.entries().len() == 2).await;
    check(&log, &["made", "dropped"]);
}

#[tokio::test]
async fn t1f_a_state_that_cannot_be_made_is_an_error() {
    let made = Pinned::<Rc<()>>::try_new("pinned", || Err("no such database")).await;
    assert_eq!(made.unwrap_err(), "no such database");
}

#[tokio::test]
async fn t1f_pinned_calls_run_one_at_a_time_in_order() {
    let pinned = Pinned::new("pinned", || Rc::new(())).await;
    let order = Log::new();
    let mut calls: Vec<_> = (0..20)
        .map(|number| {
            let order = order.clone();
            pinned.call(move |_| order.push(number))
        })
        .collect();
    for call in &mut calls {
        assert!(poll_once(call).is_none());
    }
    for call in calls {
        call.await;
    }
    assert!(order.entries().into_iter().eq(0..20));
    assert_eq!(pinned.stats().threads_max, 1);
}
