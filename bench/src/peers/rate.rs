//! A rate limit with many waiters on the real clock, as a process of its own.
//!
//! Grants are counted when `acquire` returns: that is what a server at the other end sees. Polls
//! are counted too, because every wake-up that ends without a grant is work for nothing.

use std::cell::{Cell, RefCell};
use std::num::NonZeroU32;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use brigade::limit::{Rate, RateLimit};
use governor::{Quota, RateLimiter};
use tokio::task::LocalSet;

use crate::Result;

/// What a run is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub rate: u32,
    pub burst: u32,
    pub waiters: usize,
    pub seconds: u64,
}

impl Plan {
    pub fn parse(words: &[&str]) -> Result<Self> {
        let [rate, burst, waiters, seconds] = words else {
            return Err("a rate needs RATE BURST WAITERS SECONDS".into());
        };
        Ok(Self {
            rate: rate.parse()?,
            burst: burst.parse()?,
            waiters: waiters.parse()?,
            seconds: seconds.parse()?,
        })
    }

    pub fn words(&self) -> [String; 4] {
        let Self { rate, burst, .. } = self;
        let (waiters, seconds) = (self.waiters, self.seconds);
        [
            rate.to_string(),
            burst.to_string(),
            waiters.to_string(),
            seconds.to_string(),
        ]
    }
}

#[derive(Default)]
struct Seen {
    polls: Cell<u64>,
    /// When each grant was returned.
    grants: RefCell<Vec<Duration>>,
    /// Grants of each waiter.
    each: RefCell<Vec<u64>>,
}

/// Prints `grants polls fewest most window`: the fewest and the most grants of one waiter, and the
/// most in any 100 ms.
pub async fn run(side: &str, plan: Plan) -> Result<()> {
    let seen = match side {
        "brigade" => {
            let limit = RateLimit::new(Rate::per_second(plan.rate).burst(plan.burst));
            count(plan, move || {
                let limit = limit.clone();
                async move { limit.acquire().await }
            })
            .await
        }
        "governor" => {
            let number = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_second(number(plan.rate)).allow_burst(number(plan.burst));
            let limiter = Rc::new(RateLimiter::direct(quota));
            count(plan, move || {
                let limiter = limiter.clone();
                async move { limiter.until_ready().await }
            })
            .await
        }
        _ => return Err(format!("no such limiter: {side}").into()),
    };
    let (grants, each) = (seen.grants.borrow(), seen.each.borrow());
    let (fewest, most) = (each.iter().min(), each.iter().max());
    println!(
        "{} {} {} {} {}",
        grants.len(),
        seen.polls.get(),
        fewest.unwrap_or(&0),
        most.unwrap_or(&0),
        most_within(&grants, Duration::from_millis(100)),
    );
    Ok(())
}

async fn count<F, G>(plan: Plan, acquire: F) -> Rc<Seen>
where
    F: Fn() -> G + Clone + 'static,
    G: Future<Output = ()>,
{
    let seen = Rc::new(Seen::default());
    seen.each.borrow_mut().resize(plan.waiters, 0);
    let start = Instant::now();
    let end = Duration::from_secs(plan.seconds);
    let tasks = LocalSet::new();
    for waiter in 0..plan.waiters {
        let (seen, acquire) = (seen.clone(), acquire.clone());
        tasks.spawn_local(async move {
            loop {
                counting_polls(&seen.polls, acquire()).await;
                let at = start.elapsed();
                if at > end {
                    return;
                }
                seen.grants.borrow_mut().push(at);
                seen.each.borrow_mut()[waiter] += 1;
            }
        });
    }
    let over = (start + end + Duration::from_millis(1)).into();
    tasks.run_until(tokio::time::sleep_until(over)).await;
    seen
}

async fn counting_polls<F: Future>(polls: &Cell<u64>, future: F) -> F::Output {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

fn most_within(grants: &[Duration], window: Duration) -> usize {
    let from = |start: usize| {
        let inside = |at: &&Duration| **at <= grants[start] + window;
        grants[start..].iter().take_while(inside).count()
    };
    (0..grants.len()).map(from).max().unwrap_or(0)
}
