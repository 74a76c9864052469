//! The bucket against tables, and against its contract over every window.

use std::time::Duration;

use proptest::prelude::*;

use super::{Arrival, Gcra, LATENESS_MAX, Rate};
use crate::time::Moment;

fn at(micros: u64) -> Moment {
    Moment::from_nanos(1 << 60) + Duration::from_micros(micros)
}

/// The largest excess over `burst + rate x window` in any window that begins and ends at a grant,
/// in permits.
fn excess_max(grants: &[Moment], rate: Rate) -> f64 {
    let per_nano = f64::from(rate.permits()) / rate.per().as_nanos() as f64;
    let mut excess = f64::MIN;
    for (first, from) in grants.iter().enumerate() {
        for (last, until) in grants.iter().enumerate().skip(first) {
            let window = until.since(*from).as_nanos() as f64;
            let allowed = f64::from(rate.burst_max()) + window * per_nano;
            excess = excess.max((last - first + 1) as f64 - allowed);
        }
    }
    excess
}

#[test]
fn l3a_rate_ten_burst_one_is_one_grant_every_hundred_milliseconds() {
    let mut bucket = Gcra::new(Rate::per_second(10));
    let mut grants = Vec::new();
    for milli in 0..=5_000 {
        let arrival = if milli == 0 {
            Arrival::Now
        } else {
            Arrival::Waited
        };
        while bucket.take(1, at(milli * 1_000), arrival).is_ok() {
            grants.push(milli);
        }
    }
    assert_eq!(grants, (0..=50).map(|n| n * 100).collect::<Vec<_>>());
}

#[test]
fn l3a_rate_of_a_minute_and_of_an_hour_is_spread_over_it() {
    for (rate, interval) in [
        (Rate::per_minute(30), Duration::from_secs(2)),
        (Rate::per_hour(120), Duration::from_secs(30)),
    ] {
        let mut bucket = Gcra::new(rate);
        bucket.take(1, at(0), Arrival::Now).unwrap();
        assert_eq!(bucket.due(1), at(0) + interval, "{rate}");
    }
}

#[test]
#[should_panic(expected = "a rate of zero permits")]
fn a_rate_of_zero_permits_an_hour_panics() {
    let _ = Rate::per_hour(0);
}

#[test]
fn l3b_lateness_up_to_two_milliseconds_is_made_up_and_more_is_forfeited() {
    let mut bucket = Gcra::new(Rate::per_second(10));
    bucket.take(1, at(0), Arrival::Now).unwrap();
    bucket.take(1, at(102_000), Arrival::Waited).unwrap();
    assert_eq!(bucket.due(1), at(200_000), "2 ms late: the next is on time");
    bucket.take(1, at(250_000), Arrival::Waited).unwrap();
    assert_eq!(bucket.due(1), at(348_000), "50 ms late: 48 ms are lost");
}

#[test]
fn l3b_an_idle_bucket_earns_no_lateness() {
    let mut bucket = Gcra::new(Rate::per_second(10));
    bucket.take(1, at(0), Arrival::Now).unwrap();
    bucket.take(1, at(900_000), Arrival::Now).unwrap();
    assert_eq!(bucket.due(1), at(1_000_000));
}

#[test]
fn l3b_lateness_is_never_worth_more_than_one_permit() {
    let mut bucket = Gcra::new(Rate::per_second(10_000));
    bucket.take(1, at(0), Arrival::Now).unwrap();
    let stalled = at(50_000);
    let mut together = 0;
    while bucket.take(1, stalled, Arrival::Waited).is_ok() {
        together += 1;
    }
    assert_eq!(together, 2);
}

#[test]
fn permits_beyond_the_burst_are_never_due() {
    let bucket = Gcra::new(Rate::per_second(10).burst(3));
    assert_eq!(bucket.due(4), Moment::MAX);
    assert!(bucket.due(3) <= at(0));
}

#[test]
fn a_new_rate_keeps_the_permits_that_are_missing() {
    let mut bucket = Gcra::new(Rate::per_second(10).burst(4));
    bucket.take(3, at(0), Arrival::Now).unwrap();
    assert_eq!(bucket.available(at(0)), 1);
    bucket.set_rate(Rate::per_second(1).burst(4), at(0));
    assert_eq!(bucket.available(at(0)), 1);
    assert_eq!(bucket.due(2), at(1_000_000));
    assert_eq!(bucket.full_at(), at(3_000_000));
}

#[test]
fn an_interval_that_is_no_whole_nanosecond_does_not_drift() {
    let rate = Rate::per_second(3_000_000);
    let mut bucket = Gcra::new(rate.burst(30_000_000));
    bucket.take(30_000_000, at(0), Arrival::Now).unwrap();
    let full = bucket.full_at().since(at(0));
    assert!(full >= Duration::from_secs(10), "{full:?}");
    assert!(
        full < Duration::from_secs(10) + Duration::from_micros(1),
        "{full:?}"
    );
}

proptest! {
    #[test]
    fn l3a_no_window_exceeds_its_rate_by_more_than_one(
        permits in 1u32..5_000,
        burst in 1u32..6,
        steps in proptest::collection::vec((0u64..20_000, any::<bool>()), 1..120),
    ) {
        let rate = Rate::per_second(permits).burst(burst);
        let mut bucket = Gcra::new(rate);
        let (mut now, mut grants) = (0, Vec::new());
        for (step, waited) in steps {
            now += step;
            let arrival = if waited { Arrival::Waited } else { Arrival::Now };
            while bucket.take(1, at(now), arrival).is_ok() {
                grants.push(at(now));
            }
        }
        prop_assert!(excess_max(&grants, rate) <= 1.0 + 1e-6);
    }

    #[test]
    fn l3a_without_lateness_the_bound_is_exact(
        permits in 1u32..5_000,
        burst in 1u32..6,
        steps in proptest::collection::vec(0u64..20_000, 1..120),
    ) {
        let rate = Rate::per_second(permits).burst(burst);
        let mut bucket = Gcra::new(rate);
        let (mut now, mut grants) = (0, Vec::new());
        for step in steps {
            now += step;
            while bucket.take(1, at(now), Arrival::Now).is_ok() {
                grants.push(at(now));
            }
        }
        prop_assert!(excess_max(&grants, rate) <= 1e-6);
    }

    #[test]
    fn l3c_takers_that_are_always_late_within_the_limit_get_the_whole_rate(
        permits in 1u32..500,
        late in proptest::collection::vec(0u64..2_000, 200),
    ) {
        let rate = Rate::per_second(permits);
        let mut bucket = Gcra::new(rate);
        bucket.take(1, at(0), Arrival::Now).unwrap();
        let first = bucket.due(1);
        for micros in &late {
            let now = bucket.due(1) + Duration::from_micros(*micros).min(LATENESS_MAX);
            bucket.take(1, now, Arrival::Waited).unwrap();
        }
        let ideal = rate.per() * u32::try_from(late.len()).unwrap() / permits;
        let took = bucket.due(1).since(first);
        prop_assert!(took <= ideal + Duration::from_micros(1), "{took:?} {ideal:?}");
    }

    #[test]
    fn l3e_a_bucket_whose_permits_are_taken_on_credit_holds_never_more_and_hardly_less(
        permits in 1_000u32..1_000_000,
        burst in 500u32..200_000,
        taken in 0u32..200_000,
        steps in proptest::collection::vec((0u64..5_000, 0u32..150), 1..60),
    ) {
        let mut cautious = Gcra::new(Rate::per_second(permits).burst(burst));
        let _ = cautious.take(taken.min(burst), at(0), Arrival::Now);
        let mut exact = cautious.clone();
        let (mut now, mut credit, mut owed) = (0, 0, 0);
        for (step, takes) in steps {
            now += step;
            for _ in 0..takes {
                if credit > 0 {
                    (credit, owed) = (credit - 1, owed + 1);
                } else {
                    cautious.book(std::mem::take(&mut owed), at(now), Arrival::Now);
                    let less = exact.available(at(now)) - cautious.available(at(now));
                    prop_assert!(less <= (burst / 1024).min(64), "{less}");
                    if cautious.take(1, at(now), Arrival::Now).is_err() {
                        break;
                    }
                    credit = cautious.credit(at(now));
                }
                prop_assert_eq!(exact.take(1, at(now), Arrival::Now), Ok(()));
            }
        }
    }

    #[test]
    fn l5b_the_moment_behind_others_is_that_at_which_they_have_taken_theirs(
        permits in 1u32..5_000,
        burst in 1u32..6,
        taken in 0u32..6,
        ahead in proptest::collection::vec(1u32..6, 0..20),
        want in 1u32..6,
        passed in 0u64..5_000,
    ) {
        let rate = Rate::per_second(permits).burst(burst);
        let mut bucket = Gcra::new(rate);
        let _ = bucket.take(taken.min(burst), at(0), Arrival::Now);
        let now = at(passed);
        let want = want.min(burst);
        let wants = ahead.iter().map(|permits| (*permits).min(burst));
        let all = wants.clone().map(u64::from).sum();
        let told = bucket.due_behind(all, want, now);
        let mut last = now;
        for permits in wants {
            // They wait, so time that has passed since they were due is made up for, if short.
            last = last.max(bucket.due(permits));
            bucket.take(permits, last, Arrival::Waited).unwrap();
        }
        prop_assert_eq!(told, bucket.due(want));
        prop_assert_eq!(bucket.due_behind(0, want, now), bucket.due(want));
        prop_assert_eq!(bucket.due_behind(all, burst + 1, now), Moment::MAX);
    }

    #[test]
    fn the_bucket_is_the_plain_one_with_fractions(
        permits in 1u32..100_000,
        burst in 1u32..50,
        steps in proptest::collection::vec((0u64..50_000, 1u32..8), 1..150),
    ) {
        // Tokens counted as on paper, in fractions of the time between two permits.
        let per_second = 1_000_000u128;
        let full = u128::from(burst) * per_second;
        let mut tokens = full;
        let mut bucket = Gcra::new(Rate::per_second(permits).burst(burst));
        let mut now = 0;
        for (step, want) in steps {
            now += step;
            tokens = full.min(tokens + u128::from(step) * u128::from(permits));
            let has = u128::from(want) * per_second <= tokens;
            let got = bucket.take(want, at(now), Arrival::Now);
            // The real one rounds against the taker, by less than a microsecond's worth.
            let close = (u128::from(want) * per_second).abs_diff(tokens) <= u128::from(permits);
            prop_assert!(got.is_ok() == has || close, "{got:?} {tokens}");
            if got.is_ok() {
                tokens = tokens.saturating_sub(u128::from(want) * per_second);
            }
            let free = u32::try_from(tokens / per_second).unwrap();
            prop_assert!(bucket.available(at(now)).abs_diff(free) <= 1);
            prop_assert_eq!(bucket.available(bucket.full_at()), burst);
        }
    }
}
