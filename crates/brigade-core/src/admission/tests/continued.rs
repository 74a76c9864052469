//! Admissions that continue what another process did and was killed at: rates hold over all of
//! them.

use proptest::prelude::*;

use super::at;
use super::model::check_windows;
use crate::admission::{Admission, Limits, Next};
use crate::gcra::Rate;
use crate::time::Moment;

/// A process writes down at least this often that it is alive.
const COMMIT: u64 = 100;

/// Milliseconds from a start to a commit, then to the kill, then to the next start; and how often
/// somebody polls in between.
type Life = (u64, u64, u64, u64);

fn life() -> impl Strategy<Value = Life> {
    (0..2 * COMMIT, 0..=COMMIT, 0u64..300, 1u64..40)
}

fn rate() -> impl Strategy<Value = Option<Rate>> {
    let rate = (1u32..100, 1u32..8).prop_map(|(n, burst)| Rate::per_second(n).burst(burst));
    proptest::option::of(rate)
}

/// What an admission that was started at `start` grants until `end`.
fn live(mut admission: Admission<u8, ()>, start: u64, end: u64, every: u64) -> Vec<(u8, Moment)> {
    for _ in 0..2 * (end - start) / every + 50 {
        (0..3).for_each(|key| _ = admission.enqueue(key, ()));
    }
    let mut grants = Vec::new();
    for moment in (start..=end).step_by(every as usize).map(at) {
        while let Next::Granted { key, .. } = admission.poll(moment) {
            admission.release(&key, moment);
            grants.push((key, moment));
            if grants.len() > 5_000 {
                return grants;
            }
        }
    }
    grants
}

proptest! {
    #[test]
    fn f3j_rates_hold_over_any_number_of_processes_that_are_killed(
        rate in rate(),
        key_rate in (1u32..100, 1u32..8)
            .prop_map(|(n, burst)| Rate::per_second(n).burst(burst)),
        lives in proptest::collection::vec(life(), 1..12),
    ) {
        let limits = Limits { rate, ..Limits::default() }.key_rate(key_rate);
        let (mut start, mut emptied, mut grants) = (1_000, None, Vec::new());
        for (commit, kill, pause, every) in lives {
            let mut admission = Admission::new(limits);
            if let Some(moment) = emptied {
                admission.empty_since(at(moment));
            }
            let end = start + commit + kill;
            grants.extend(live(admission, start, end, every));
            emptied = Some(start + commit + COMMIT);
            start = end + pause;
        }
        let all: Vec<_> = grants.iter().map(|grant| grant.1).collect();
        check_windows(&all, rate)?;
        for key in 0..3 {
            let own = grants.iter().filter(|grant| grant.0 == key);
            check_windows(&own.map(|grant| grant.1).collect::<Vec<_>>(), Some(key_rate))?;
        }
    }
}

#[test]
fn f3j_what_was_emptied_long_ago_is_full_again() {
    let limits = Limits::default()
        .rate(Rate::per_second(10).burst(3))
        .key_rate(Rate::per_second(10).burst(2));
    for (emptied, granted) in [(700, 3), (900, 1), (1_000, 0), (1_050, 0)] {
        let mut admission = Admission::new(limits);
        admission.empty_since(at(emptied));
        (0..4).for_each(|item| _ = admission.enqueue(item % 2, item));
        let mut count = 0;
        let next = loop {
            match admission.poll(at(1_000)) {
                Next::Granted { .. } => count += 1,
                next => break next,
            }
        };
        assert_eq!(count, granted, "emptied at {emptied}");
        let due = emptied + 100 * (granted + 1);
        assert_eq!(next, Next::At(at(due)), "emptied at {emptied}");
        admission.forget(at(5_000));
        assert_eq!(admission.keys(), 2, "what waits is remembered");
    }
    let mut admission: Admission<u8, ()> = Admission::new(limits);
    admission.empty_since(at(1_000));
    admission.pause_until(&7, at(1_010));
    admission.forget(at(1_150));
    assert!(admission.remembers(&7), "its bucket is not full yet");
    admission.forget(at(1_200));
    assert!(!admission.remembers(&7));
}

#[test]
fn f3j_a_pause_and_an_emptied_bucket_both_hold() {
    let mut admission = Admission::new(Limits::default().key_rate(Rate::per_second(10)));
    admission.empty_since(at(1_000));
    admission.pause_until(&1, at(1_500));
    admission.enqueue(1, ());
    admission.enqueue(2, ());
    assert_eq!(admission.poll(at(1_000)), Next::At(at(1_100)));
    let first = admission.poll(at(1_100));
    assert!(matches!(first, Next::Granted { key: 2, .. }), "{first:?}");
    admission.release(&2, at(1_100));
    assert_eq!(admission.poll(at(1_100)), Next::At(at(1_500)));
}
