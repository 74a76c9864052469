//! Runs a test under many schedules.
//!
//! Two environment variables steer it, and `cargo xtask shuttle` sets them from its options:
//! `BRIGADE_SHUTTLE_ITERATIONS`, and `BRIGADE_SHUTTLE_REPLAY`, a schedule that a failure printed.
//! `SHUTTLE_RANDOM_SEED` is shuttle's own. Without a seed all runs see the same schedules.

use std::env;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use shuttle::future::{block_on, yield_now};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

use crate::runtime::advance;
use crate::sync::Arc;

const ITERATIONS: usize = 250;
const SEED: u64 = 0x6272_6967_6164_65;
/// How many preemptions PCT places: most races need one or two.
const DEPTH: usize = 3;
/// Far beyond what a test takes, so that two that wait for each other in a loop are found.
const STEPS_MAX: usize = 100_000;
const STACK: usize = 256 * 1024;

/// Runs `test` under many schedules; it must leave nothing running.
pub(super) fn explore<F>(test: F)
where
    F: Fn() + Send + Sync + 'static,
{
    let test = Arc::new(test);
    if let Ok(schedule) = env::var("BRIGADE_SHUTTLE_REPLAY") {
        return run(
            "the replay",
            ReplayScheduler::new_from_encoded(&schedule),
            test,
        );
    }
    let iterations = env::var("BRIGADE_SHUTTLE_ITERATIONS").ok();
    let iterations = iterations
        .and_then(|number| number.parse().ok())
        .unwrap_or(ITERATIONS);
    let random = RandomScheduler::new_from_seed(SEED, iterations);
    run("a random schedule", random, test.clone());
    let pct = PctScheduler::new_from_seed(SEED, DEPTH, iterations);
    run("a schedule of PCT", pct, test);
}

/// The same for an asynchronous test.
pub(super) fn explore_async<F>(test: fn() -> F)
where
    F: Future<Output = ()> + 'static,
{
    explore(move || block_on(test()));
}

fn run<F>(what: &str, scheduler: impl Scheduler + 'static, test: Arc<F>)
where
    F: Fn() + Send + Sync + 'static,
{
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true;
    let runner = Runner::new(scheduler, config);
    let ran = catch_unwind(AssertUnwindSafe(|| runner.run(move || test())));
    if let Err(payload) = ran {
        let name = std::thread::current();
        let name = name.name().unwrap_or_default();
        eprintln!("{what} failed; again: cargo xtask shuttle --replay SCHEDULE {name}");
        resume_unwind(payload);
    }
}

/// Polls once, as a task does that then turns to something else.
pub(super) fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) {
    let _ = future.poll(&mut Context::from_waker(Waker::noop()));
}

/// Polls a future a few times and then drops it, as a `select!` does with a branch that loses.
pub(super) async fn lose<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx)));
        if let std::task::Poll::Ready(value) = polled.await {
            return Some(value);
        }
        yield_now().await;
    }
    None
}

/// Lets time pass, a step at a time, until the future is ready.
pub(super) async fn in_time<F: Future>(step: Duration, future: F) -> F::Output {
    let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = over.clone();
    let clock = shuttle::future::spawn(async move {
        while !stop.load(std::sync::atomic::Ordering::SeqCst) {
            advance(step);
            yield_now().await;
        }
    });
    let value = future.await;
    over.store(true, std::sync::atomic::Ordering::SeqCst);
    let _ = clock.await;
    value
}
