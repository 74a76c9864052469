//! The decision of a token bucket that is never empty, asked by one task.
//!
//! `clock-tokio` only reads the clock that ours follows, so that paused time works; `governor`
//! reads the processor's counter.

use brigade::limit::{Rate, RateLimit};

use crate::Result;

pub(super) async fn run(side: &str, count: usize) -> Result<()> {
    match side {
        "brigade" => {
            let limit = RateLimit::new(Rate::per_second(u32::MAX).burst(u32::MAX));
            for _ in 0..count {
                limit.acquire().await;
            }
        }
        "governor" => {
            let quota = governor::Quota::per_second(std::num::NonZeroU32::MAX);
            let limiter = governor::RateLimiter::direct(quota);
            for _ in 0..count {
                limiter.until_ready().await;
            }
        }
        "clock-tokio" => {
            for _ in 0..count {
                std::hint::black_box(tokio::time::Instant::now());
            }
        }
        _ => return super::unknown(side),
    }
    Ok(())
}
