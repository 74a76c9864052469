//! The decision of a token bucket that is never empty, asked by one task.
//!
//! `clock-tokio` only reads the clock that ours follows, so that paused time works; `governor`
//! reads the processor's counter. Ours takes up to 64 permits of a large bucket between two looks
//! at the clock, and looks at each one of a bucket of less than 1024: that is `brigade-small`.

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
        // 1000 permits come back in a quarter of a microsecond, so it is never empty either.
        "brigade-small" => {
            let limit = RateLimit::new(Rate::per_second(u32::MAX).burst(1000));
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
