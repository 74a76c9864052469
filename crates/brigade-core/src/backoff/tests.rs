//! The contract of the waits as properties, and the life of a refusing host as tables.

use std::time::Duration;

use proptest::prelude::*;

use super::{Backoff, HostBackoff, HostRule, Jitter};
use crate::time::Moment;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn second(n: u64) -> Moment {
    Moment::ZERO + Duration::from_secs(n)
}

fn any_backoff() -> impl Strategy<Value = Backoff> {
    (0_u64..100_000, 0_u64..10_000_000, any::<bool>()).prop_map(|(base, cap, full)| Backoff {
        base: millis(base),
        cap: millis(cap),
        jitter: if full { Jitter::Full } else { Jitter::Equal },
    })
}

proptest! {
    #[test]
    fn a_wait_lies_between_the_certain_part_and_the_full_wait(
        backoff in any_backoff(), attempt in 0_u32..100, random in 0.0..1.0_f64,
    ) {
        let exact = (backoff.base.as_millis() << attempt.min(64)).min(backoff.cap.as_millis());
        prop_assert_eq!(backoff.full(attempt).as_millis(), exact);
        let full = backoff.full(attempt);
        let least = match backoff.jitter {
            Jitter::Equal => full / 2,
            Jitter::Full => Duration::ZERO,
        };
        let delay = backoff.delay(attempt, random, None);
        prop_assert!(least <= delay && delay <= full, "{delay:?} is not in {least:?}..={full:?}");
    }

    #[test]
    fn a_wait_grows_with_the_attempts_and_with_the_random_number(
        backoff in any_backoff(), attempt in 0_u32..100, low in 0.0..1.0_f64, high in 0.0..1.0_f64,
    ) {
        let (low, high) = if low <= high { (low, high) } else { (high, low) };
        prop_assert!(backoff.delay(attempt, low, None) <= backoff.delay(attempt + 1, low, None));
        prop_assert!(backoff.delay(attempt, low, None) <= backoff.delay(attempt, high, None));
    }

    #[test]
    fn what_the_server_asks_for_is_a_minimum_spread_by_one_base(
        backoff in any_backoff(), attempt in 0_u32..100, random in 0.0..1.0_f64,
        asked in (0_u64..100_000_000).prop_map(millis),
    ) {
        let delay = backoff.delay(attempt, random, Some(asked));
        let own = backoff.delay(attempt, random, None);
        prop_assert!(delay >= asked && delay >= own);
        prop_assert!(delay <= own.max(asked + backoff.full(0)));
    }

    #[test]
    fn no_number_panics(
        base in any::<u64>(), cap in any::<u64>(), attempt in any::<u32>(), random in any::<f64>(),
        asked in proptest::option::of(any::<u64>().prop_map(Duration::from_secs)),
    ) {
        for jitter in [Jitter::Equal, Jitter::Full] {
            let (base, cap) = (Duration::from_secs(base), Duration::from_secs(cap));
            let delay = Backoff { base, cap, jitter }.delay(attempt, random, asked);
            prop_assert!(delay <= cap.max(asked.unwrap_or_default().saturating_add(base)));
        }
    }

    #[test]
    fn a_pause_is_never_shortened_and_never_shorter_than_asked(
        steps in proptest::collection::vec(
            (0_u64..400_000, 0_u64..400_000, 0.0..1.0_f64, proptest::option::of(0_u64..600_000)),
            1..40,
        ),
    ) {
        let mut host = HostBackoff::new(HostRule::default());
        let mut now = Moment::ZERO;
        for (wait, age, random, asked) in steps {
            now = now + millis(wait);
            let before = host.paused_until(now);
            let sent = now - millis(age);
            let asked = asked.map(millis);
            let until = host.refused(sent, now, random, asked);
            prop_assert!(until >= before.unwrap_or(Moment::ZERO));
            prop_assert!(asked.is_none_or(|asked| until >= now + asked));
            prop_assert!(host.strikes(host.forgiven_at()) == 0);
        }
    }
}

#[test]
fn the_waits_of_the_default_are_doubled_up_to_a_minute() {
    let full: Vec<_> = (0..9)
        .map(|n| Backoff::default().full(n).as_millis())
        .collect();
    assert_eq!(
        full,
        [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]
    );
}

#[test]
fn a_random_number_out_of_range_counts_as_the_nearer_end() {
    let backoff = Backoff::default();
    assert_eq!(backoff.delay(0, -3.0, None), millis(250));
    assert_eq!(backoff.delay(0, f64::NAN, None), millis(250));
    assert_eq!(backoff.delay(0, 7.0, None), millis(500));
    assert_eq!(backoff.delay(u32::MAX, f64::INFINITY, None), backoff.cap);
}

#[test]
fn pauses_double_while_a_host_goes_on_refusing() {
    let mut host = HostBackoff::new(HostRule::default());
    let mut now = second(0);
    let mut pauses = Vec::new();
    for _ in 0..11 {
        let sent = now + millis(1);
        let until = host.refused(sent, sent, 1.0, None);
        pauses.push(until.since(sent).as_secs());
        now = until;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
}

#[test]
fn refusals_of_one_overload_count_once() {
    let mut host = HostBackoff::new(HostRule::default());
    let until = host.refused(second(9), second(10), 1.0, None);
    for answer in 10..20 {
        // Late answers to what was sent before the pause began, some after it has ended.
        assert_eq!(host.refused(second(10), second(answer), 1.0, None), until);
    }
    assert_eq!(host.strikes(second(19)), 1);
    assert_eq!(host.refused(second(20), second(21), 1.0, None), second(23));
    assert_eq!(host.strikes(second(21)), 2);
}

#[test]
fn a_late_refusal_lengthens_the_pause_to_what_it_asks() {
    let mut host = HostBackoff::new(HostRule::default());
    host.refused(second(9), second(10), 1.0, None);
    let asked = Some(Duration::from_secs(30));
    assert_eq!(host.refused(second(9), second(12), 1.0, asked), second(42));
    let less = Some(Duration::from_secs(5));
    assert_eq!(host.refused(second(9), second(13), 1.0, less), second(42));
    assert_eq!(host.strikes(second(13)), 1);
}

#[test]
fn a_host_is_forgiven_after_a_quiet_time() {
    let mut host = HostBackoff::new(HostRule::default());
    assert_eq!(host.refused(second(1), second(1), 1.0, None), second(2));
    assert_eq!(host.refused(second(3), second(3), 1.0, None), second(5));
    assert_eq!(host.paused_until(second(4)), Some(second(5)));
    assert_eq!(host.paused_until(second(5)), None);
    assert_eq!(host.forgiven_at(), second(125));
    assert_eq!(host.strikes(second(124)), 2);
    assert_eq!(host.strikes(second(125)), 0);
    let until = host.refused(second(125), second(125), 1.0, None);
    assert_eq!(until, second(126));
}

#[test]
fn a_restored_host_goes_on_where_it_was() {
    let rule = HostRule::default();
    let mut host = HostBackoff::restore(rule, 3, second(10), second(14));
    assert_eq!(host.paused_until(second(10)), Some(second(14)));
    let until = host.refused(second(15), second(15), 1.0, None);
    assert_eq!(until, second(23));
}

#[test]
fn a_host_that_never_refused_is_not_paused() {
    let host = HostBackoff::new(HostRule::default());
    assert_eq!(host.paused_until(Moment::ZERO), None);
    assert_eq!(host.strikes(Moment::ZERO), 0);
    assert_eq!(host.forgiven_at(), Moment::ZERO);
}
