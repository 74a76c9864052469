//! Keys that go before the others: within all limits, and without starving anybody.

use proptest::prelude::*;

use super::at;
use crate::admission::{Admission, Limits, Next};

const KEYS: u8 = 5;

#[derive(Clone, Debug)]
enum Act {
    Enqueue(u8),
    Poll,
    Release(usize),
    Prefer(u8),
    Pause(u8),
    Pass,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        10 => (0..KEYS).prop_map(Act::Enqueue),
        10 => Just(Act::Poll),
        7 => any::<usize>().prop_map(Act::Release),
        1 => any::<u8>().prop_map(Act::Prefer),
        1 => (0..KEYS).prop_map(Act::Pause),
        1 => Just(Act::Pass),
    ]
}

fn next(admission: &mut Admission<u8, u32>) -> u8 {
    match admission.poll(at(0)) {
        Next::Granted { key, .. } => key,
        other => panic!("{other:?}"),
    }
}

#[test]
fn f3k_preferred_keys_go_first_and_leave_one_turn_in_eight() {
    let mut admission = Admission::new(Limits::default());
    for item in 0..40 {
        admission.enqueue(1, item);
        admission.enqueue(2, item);
    }
    admission.enqueue(3, 0);
    assert_eq!([(); 4].map(|()| next(&mut admission)), [1, 2, 3, 1]);
    admission.prefer(&[2, 9]);
    let turns = [(); 17].map(|()| next(&mut admission));
    assert_eq!(turns, [2, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 2, 1, 2]);
    admission.prefer(&[]);
    assert_eq!([(); 4].map(|()| next(&mut admission)), [2, 1, 2, 1]);
}

#[test]
fn f3k_a_preferred_key_that_may_not_go_holds_up_nobody() {
    let mut admission = Admission::new(Limits::default().key_concurrency(1));
    for item in 0..3 {
        (1..=3).for_each(|key| _ = admission.enqueue(key, item));
    }
    admission.pause_until(&2, at(50));
    admission.prefer(&[1, 2]);
    assert_eq!([(); 2].map(|()| next(&mut admission)), [1, 3]);
    assert_eq!(admission.poll(at(0)), Next::At(at(50)));
    assert!(!admission.is_any_ready(at(0)));
    assert!(admission.is_any_ready(at(50)));
    admission.release(&3, at(50));
    let paused = admission.poll(at(50));
    assert!(matches!(paused, Next::Granted { key: 2, .. }), "{paused:?}");
}

proptest! {
    #[test]
    fn f3k_preferences_keep_the_limits_and_starve_nobody(
        concurrency in 1usize..6,
        key_concurrency in 1usize..4,
        acts in proptest::collection::vec(act(), 1..300),
    ) {
        let mut admission = Admission::new(Limits::default().concurrency(concurrency).key_concurrency(key_concurrency));
        let mut waiting = [0u32; KEYS as usize];
        let mut active: Vec<u8> = Vec::new();
        let mut paused = [0u64; KEYS as usize];
        let (mut preferred, mut now, mut passed_over) = (0u8, 0, 0);
        for act in acts {
            let may_go = |key: u8, active: &[u8], waiting: &[u32]| {
                let own = active.iter().filter(|other| **other == key).count();
                waiting[key as usize] > 0
                    && active.len() < concurrency
                    && own < key_concurrency
                    && paused[key as usize] <= now
            };
            let is_preferred = |key: u8| preferred & (1 << key) != 0;
            match act {
                Act::Enqueue(key) => {
                    admission.enqueue(key, 0);
                    waiting[key as usize] += 1;
                }
                Act::Poll => match admission.poll(at(now)) {
                    Next::Granted { key, .. } => {
                        prop_assert!(may_go(key, &active, &waiting));
                        let other = |key: &u8| !is_preferred(*key) && may_go(*key, &active, &waiting);
                        let is_passed_over = is_preferred(key) && (0..KEYS).any(|key| other(&key));
                        passed_over = if is_passed_over { passed_over + 1 } else { 0 };
                        prop_assert!(passed_over <= 7);
                        waiting[key as usize] -= 1;
                        active.push(key);
                    }
                    answer => {
                        let all = (0..KEYS).all(|key| !may_go(key, &active, &waiting));
                        prop_assert!(all, "{:?}", answer);
                    }
                },
                Act::Release(index) if !active.is_empty() => {
                    let key = active.swap_remove(index % active.len());
                    admission.release(&key, at(now));
                }
                Act::Release(_) => {}
                Act::Prefer(set) => {
                    let keys: Vec<u8> = (0..KEYS).filter(|key| set & (1 << key) != 0).collect();
                    // What is not remembered now is not preferred later.
                    preferred = keys.iter().filter(|key| admission.remembers(key))
                        .fold(0, |all, key| all | 1 << key);
                    admission.prefer(&keys);
                }
                Act::Pause(key) => {
                    admission.pause_until(&key, at(now + 100));
                    paused[key as usize] = now + 100;
                }
                Act::Pass => now += 60,
            }
            // A key that was forgotten comes back as any other.
            for key in 0..KEYS {
                if !admission.remembers(&key) {
                    preferred &= !(1 << key);
                }
            }
            let ready = admission.is_any_ready(at(now));
            let room = |key: u8| {
                let own = active.iter().filter(|other| **other == key).count();
                waiting[key as usize] > 0 && own < key_concurrency && paused[key as usize] <= now
            };
            prop_assert_eq!(ready, (0..KEYS).any(room));
        }
    }
}
