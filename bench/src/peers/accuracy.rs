//! How exactly a rate is kept when 50 tasks wait for it, on the real clock.
//!
//! Grants are counted when `acquire` returns. The share of the rate that was used and the most
//! grants in any window of 100 ms are what a server at the other end sees.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brigade::limit::{Rate, RateLimit};
use governor::{Quota, RateLimiter};
use tokio::task::JoinSet;

use crate::Result;
use crate::report::Report;

const SECONDS: u64 = 5;
const WAITERS: usize = 50;

/// Prints a row for each limiter and rate, and the goal of 99.5 % of the rate.
pub fn run(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    report.line(format!(
        "\n### Rate limits with {WAITERS} waiters for {SECONDS} s on the real clock\n"
    ));
    report.line(
        "| limiter | rate | grants | share of burst + rate x time | most in 100 ms (allowed) |",
    );
    report.line("|---|---|---|---|---|");
    for (rate, burst) in [(1000, 20), (1000, 1), (100, 1)] {
        let ours = Arc::new(RateLimit::new(Rate::per_second(rate).burst(burst)));
        let grants = runtime.block_on(count(move || {
            let limit = ours.clone();
            async move { limit.acquire().await }
        }));
        let share = row(report, "brigade", &grants, rate, burst);
        // The goal is a least share, and goal lines are "at most": so the loss is what they say.
        let what = format!("share of {rate}/s burst {burst} that 50 waiters lose");
        report.goal_value(&what, 100.0 * (1.0 - share), " %", 0.5);
        let number = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let theirs = Arc::new(RateLimiter::direct(
            Quota::per_second(number(rate)).allow_burst(number(burst)),
        ));
        let grants = runtime.block_on(count(move || {
            let limit = theirs.clone();
            async move { limit.until_ready().await }
        }));
        row(report, "governor", &grants, rate, burst);
    }
    Ok(())
}

fn row(report: &mut Report, name: &str, grants: &[Duration], rate: u32, burst: u32) -> f64 {
    let ideal = f64::from(burst) + f64::from(rate) * SECONDS as f64;
    let window = Duration::from_millis(100);
    let most = (0..grants.len())
        .map(|start| {
            grants[start..]
                .iter()
                .take_while(|at| **at <= grants[start] + window)
                .count()
        })
        .max()
        .unwrap_or(0);
    let allowed = burst + rate / 10 + 1;
    let share = grants.len() as f64 / ideal;
    let (count, percent) = (grants.len(), 100.0 * share);
    report.line(format!(
        "| {name} | {rate}/s burst {burst} | {count} | {percent:.2} % | {most} ({allowed}) |"
    ));
    share
}

/// The times at which a grant was returned, in order.
async fn count<F, G>(acquire: F) -> Vec<Duration>
where
    F: Fn() -> G + Clone + Send + 'static,
    G: Future<Output = ()> + Send,
{
    let grants = Arc::new(Mutex::new(Vec::new()));
    let start = Instant::now();
    let end = Duration::from_secs(SECONDS);
    let mut tasks = JoinSet::new();
    for _ in 0..WAITERS {
        let (acquire, grants) = (acquire.clone(), grants.clone());
        tasks.spawn(async move {
            loop {
                acquire().await;
                let at = start.elapsed();
                if at > end {
                    return;
                }
                if let Ok(mut grants) = grants.lock() {
                    grants.push(at);
                }
            }
        });
    }
    tokio::time::sleep_until((start + end + Duration::from_millis(1)).into()).await;
    tasks.shutdown().await;
    let mut grants = grants
        .lock()
        .map(|grants| grants.clone())
        .unwrap_or_default();
    grants.sort();
    grants
}
