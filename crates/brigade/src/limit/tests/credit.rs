//! What is taken on credit, against a bucket that knows the time of every permit.
//!
//! A large bucket mixes three ways of taking: on credit, under the lock, and in line. Whichever
//! comes when, the promises of the plain bucket hold. Nothing here looks into the credit itself.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use tokio::time::{Instant, sleep};

use super::poll_once;
use crate::limit::{Rate, RateLimit};

#[tokio::test(start_paused = true)]
async fn l1b_credit_overtakes_nobody_who_came_back_to_its_place() {
    let limit = RateLimit::new(Rate::per_second(1_000).burst(2_048));
    assert_eq!(limit.acquire_many(2_000).await, Ok(()));
    let mut away = Box::pin(limit.acquire_many(2_048));
    assert!(!poll_once(away.as_mut()));
    let mut second = Box::pin(limit.acquire());
    assert!(!poll_once(second.as_mut()));
    // The first was called after two seconds, did not come, and is overtaken by the second.
    sleep(Duration::from_secs(3)).await;
    assert!(poll_once(second.as_mut()));
    assert!(limit.try_acquire().is_ok(), "it may be overtaken");
    assert!(!poll_once(away.as_mut()), "it is back in its place");
    assert!(limit.try_acquire().is_err(), "it is before everybody");
    sleep(Duration::from_millis(5)).await;
    assert!(poll_once(away.as_mut()));
}

/// One step of a program that uses a limit.
#[derive(Clone, Copy, Debug)]
enum Step {
    Sleep(u64),
    TryTake(u32),
    Take(u32),
    Wait(u32),
    Come,
    Leave,
    Look,
    Change(u32, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let rate = (1u32..20_000, 900u32..100_000);
    let step = prop_oneof![
        4 => prop_oneof![0u64..20, 0u64..3_000].prop_map(Step::Sleep),
        6 => (1u32..200).prop_map(Step::TryTake),
        3 => prop_oneof![0u32..70, 0u32..3_000].prop_map(Step::Take),
        1 => (1u32..3_000).prop_map(Step::Wait),
        2 => Just(Step::Come),
        1 => Just(Step::Leave),
        2 => Just(Step::Look),
        1 => rate.prop_map(|(permits, burst)| Step::Change(permits, burst)),
    ];
    proptest::collection::vec(step, 1..80)
}

/// The bucket as on paper: what is missing, in permits.
struct Paper {
    rate: Rate,
    missing: f64,
    at: Instant,
}

/// What the credit may have cost at most.
const CAUTION: f64 = 64.0;
/// A permit that was waited for may be booked by one earlier (L3a).
const LATE: f64 = 1.0;

impl Paper {
    fn refill(&mut self) {
        let passed = self.at.elapsed().as_secs_f64();
        self.at = Instant::now();
        let came = passed * f64::from(self.rate.permits());
        self.missing = (self.missing - came).max(0.0);
    }

    fn left(&self) -> f64 {
        f64::from(self.rate.burst_max()) - self.missing
    }

    fn granted(&mut self, permits: u32) -> Result<(), TestCaseError> {
        self.refill();
        let left = self.left();
        self.missing += f64::from(permits);
        prop_assert!(f64::from(permits) <= left + LATE + 1e-3, "{left}");
        Ok(())
    }

    /// Nobody waits, and so many were refused.
    fn refused(&mut self, permits: u32) -> Result<(), TestCaseError> {
        self.refill();
        let left = self.left();
        prop_assert!(f64::from(permits) > left - CAUTION - 1e-3, "{left}");
        Ok(())
    }
}

/// Who waits, and for how many.
type Waiting<'a> = (u32, Pin<Box<dyn Future<Output = bool> + 'a>>);

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let rate = Rate::per_second(1_000).burst(10_240);
    let limit = RateLimit::new(rate);
    let (missing, at) = (0.0, Instant::now());
    let mut paper = Paper { rate, missing, at };
    let mut waiting: Option<Waiting<'_>> = None;
    for step in steps {
        match step {
            Step::Sleep(millis) => sleep(Duration::from_millis(millis)).await,
            Step::TryTake(times) => {
                for _ in 0..times {
                    match limit.try_acquire() {
                        Ok(()) => paper.granted(1)?,
                        Err(_) if waiting.is_some() => {}
                        Err(_) => paper.refused(1)?,
                    }
                }
            }
            Step::Take(permits) if permits <= paper.rate.burst_max() => {
                match poll_once(pin!(limit.acquire_many(permits))) {
                    true => paper.granted(permits)?,
                    false if waiting.is_some() => {}
                    false => paper.refused(permits)?,
                }
            }
            Step::Wait(permits) if waiting.is_none() => {
                let limit = &limit;
                let taken = async move { limit.acquire_many(permits).await.is_ok() };
                waiting = Some((permits, Box::pin(taken)));
            }
            Step::Wait(_) | Step::Take(_) => {}
            Step::Come => {
                let mut context = Context::from_waker(Waker::noop());
                if let Some((permits, mut future)) = waiting.take() {
                    match future.as_mut().poll(&mut context) {
                        Poll::Ready(true) => paper.granted(permits)?,
                        Poll::Ready(false) => {}
                        Poll::Pending => waiting = Some((permits, future)),
                    }
                }
            }
            Step::Leave => waiting = None,
            Step::Look => {
                paper.refill();
                let (told, left) = (f64::from(limit.stats().available), paper.left());
                prop_assert!(told <= left.max(0.0) + LATE + 1e-3, "{told} of {left}");
                prop_assert!(told > left - CAUTION - 1.0 - 1e-3, "{told} of {left}");
            }
            Step::Change(permits, burst) => {
                paper.refill();
                paper.rate = Rate::per_second(permits).burst(burst);
                limit.set_rate(paper.rate);
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn l3e_whoever_takes_or_waits_or_changes_the_rate_no_permit_is_had_twice(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        runtime.block_on(play(steps))?;
    }
}
