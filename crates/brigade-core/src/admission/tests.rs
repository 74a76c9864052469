//! The admission against tables; `model.rs` holds it against a naive model.

mod continued;
mod model;
mod preferred;
mod promises;

use std::time::Duration;

use super::{Admission, Candidate, Id, Limits, Next};
use crate::gcra::Rate;
use crate::time::Moment;

fn at(millis: u64) -> Moment {
    Moment::from_nanos(1 << 60) + Duration::from_millis(millis)
}

/// Polls until nothing more is granted: the keys of the grants, and the last answer.
fn drain<T>(admission: &mut Admission<u8, T>, now: Moment) -> (Vec<u8>, Next<u8, T>) {
    let mut keys = Vec::new();
    loop {
        match admission.poll(now) {
            Next::Granted { key, .. } => keys.push(key),
            other => return (keys, other),
        }
    }
}

#[test]
fn l4a_every_limit_is_set_by_its_name_and_the_others_stay() {
    let (rate, key_rate) = (Rate::per_second(5), Rate::per_second(1));
    let all = Limits::default()
        .concurrency(3)
        .key_concurrency(2)
        .rate(rate)
        .key_rate(rate);
    let expected = Limits {
        concurrency: Some(3),
        rate: Some(rate),
        key_concurrency: Some(2),
        key_rate: Some(key_rate),
    };
    assert_eq!(all.key_rate(key_rate), expected);
    assert_eq!(Limits::default().rate(rate).key_rate, None);
}

#[test]
fn l4c_keys_take_turns_and_each_is_first_come_first_served() {
    let mut admission = Admission::new(Limits::default());
    for (key, item) in [(1, 10), (1, 11), (1, 12), (2, 20), (2, 21), (3, 30)] {
        admission.enqueue(key, item);
    }
    let mut items = Vec::new();
    while let Next::Granted { item, .. } = admission.poll(at(0)) {
        items.push(item);
    }
    assert_eq!(items, [10, 20, 30, 11, 21, 12]);
}

#[test]
fn l4b_a_blocked_key_holds_nothing_that_another_could_use() {
    let mut admission = Admission::new(Limits::default().concurrency(2).key_concurrency(1));
    for key in [1, 1, 1, 2] {
        admission.enqueue(key, ());
    }
    assert_eq!(drain(&mut admission, at(0)), (vec![1, 2], Next::Blocked));
    admission.release(&2, at(0));
    assert_eq!(drain(&mut admission, at(0)), (vec![], Next::Blocked));
    assert_eq!((admission.active(), admission.active_of(&2)), (1, 0));
}

#[test]
fn l4a_the_common_rate_and_the_rate_of_a_key_are_taken_together() {
    let mut admission = Admission::new(
        Limits::default()
            .rate(Rate::per_second(100))
            .key_rate(Rate::per_second(10)),
    );
    for key in [1, 1, 2] {
        admission.enqueue(key, ());
    }
    assert_eq!(drain(&mut admission, at(0)), (vec![1], Next::At(at(10))));
    assert_eq!(drain(&mut admission, at(10)), (vec![2], Next::At(at(100))));
    assert_eq!(drain(&mut admission, at(100)), (vec![1], Next::Empty));
}

#[test]
fn l4f_a_paused_key_waits_for_its_instant_and_the_longest_pause_counts() {
    let mut admission = Admission::new(Limits::default());
    admission.pause_until(&1, at(500));
    admission.pause_until(&1, at(200));
    admission.enqueue(1, ());
    admission.enqueue(2, ());
    assert_eq!(drain(&mut admission, at(0)), (vec![2], Next::At(at(500))));
    assert_eq!(admission.paused(at(0)).collect::<Vec<_>>(), [(&1, at(500))]);
    assert_eq!(drain(&mut admission, at(500)), (vec![1], Next::Empty));
    assert_eq!(admission.paused(at(500)).count(), 0);
}

#[test]
fn l4f_a_pause_can_be_ended_early() {
    let mut admission = Admission::new(Limits::default());
    admission.pause_until(&1, at(500));
    admission.enqueue(1, ());
    assert_eq!(drain(&mut admission, at(0)).1, Next::At(at(500)));
    admission.resume(&1);
    assert_eq!(drain(&mut admission, at(0)), (vec![1], Next::Empty));
}

#[test]
fn l4d_keys_without_work_pause_or_debt_are_forgotten() {
    let mut admission = Admission::new(Limits::default().key_rate(Rate::per_second(10)));
    for key in 0..100 {
        admission.enqueue(key, ());
    }
    admission.pause_until(&200, at(1_000));
    assert_eq!(drain(&mut admission, at(0)).0.len(), 100);
    for key in 0..100 {
        admission.release(&key, at(0));
    }
    assert_eq!(admission.keys(), 101, "their buckets are not full yet");
    assert_eq!(admission.poll(at(100)), Next::Empty);
    assert_eq!(admission.keys(), 1, "the pause is remembered");
    assert_eq!(admission.poll(at(1_000)), Next::Empty);
    assert_eq!(admission.keys(), 0);
}

#[test]
fn l4d_a_key_whose_items_were_taken_back_is_forgotten() {
    let mut admission = Admission::new(Limits::default());
    let ids: Vec<Id> = (0..50).map(|key| admission.enqueue(key, ())).collect();
    for id in ids {
        assert_eq!(admission.cancel(id), Some(()));
        assert_eq!(admission.cancel(id), None);
    }
    assert_eq!(admission.poll(at(0)), Next::Empty);
    assert_eq!((admission.keys(), admission.waiting()), (0, 0));
}

#[test]
fn l4e_limits_change_while_items_wait_and_run() {
    let mut admission = Admission::new(
        Limits::default()
            .key_concurrency(1)
            .key_rate(Rate::per_second(1)),
    );
    for _ in 0..5 {
        admission.enqueue(1, ());
    }
    assert_eq!(drain(&mut admission, at(0)), (vec![1], Next::Blocked));
    let wide = Limits::default()
        .key_concurrency(3)
        .key_rate(Rate::per_second(10));
    admission.set_limits(wide, at(0));
    assert_eq!(drain(&mut admission, at(0)).1, Next::At(at(100)));
    assert_eq!(drain(&mut admission, at(100)).0, [1]);
    assert_eq!(drain(&mut admission, at(200)), (vec![1], Next::Blocked));
    admission.set_limits(Limits::default(), at(200));
    assert_eq!(drain(&mut admission, at(200)), (vec![1, 1], Next::Empty));
}

#[test]
fn l4e_a_smaller_concurrency_lets_the_active_finish_first() {
    let mut admission = Admission::new(Limits::default());
    for _ in 0..4 {
        admission.enqueue(1, ());
    }
    admission.poll(at(0));
    admission.poll(at(0));
    let narrow = Limits::default().concurrency(1);
    admission.set_limits(narrow, at(0));
    admission.release(&1, at(0));
    assert_eq!(admission.poll(at(0)), Next::Blocked);
    admission.release(&1, at(0));
    assert_eq!(drain(&mut admission, at(0)).0, [1]);
}

#[test]
fn l1b_an_item_that_does_not_collect_is_overtaken_and_keeps_its_place() {
    let mut admission = Admission::new(Limits::default().concurrency(1));
    let first = admission.enqueue(1, 1);
    let second = admission.enqueue(1, 2);
    let third = admission.enqueue(1, 3);
    assert_eq!(admission.promise(at(0)), Candidate::Ready(first));
    assert_eq!(admission.promise(at(0)), Candidate::Blocked);
    assert_eq!(admission.collect(second, at(0)), None);
    admission.withdraw(first);
    assert_eq!(admission.promise(at(0)), Candidate::Ready(second));
    assert_eq!(admission.collect(second, at(0)), Some((1, 2)));
    admission.step_back(first);
    admission.release(&1, at(0));
    assert_eq!(admission.promise(at(0)), Candidate::Ready(first));
    assert_eq!(admission.cancel(first), Some(1));
    assert_eq!(admission.promise(at(0)), Candidate::Ready(third));
}

#[test]
fn l3a_no_more_turns_are_promised_than_the_buckets_hold() {
    let mut admission = Admission::new(Limits::default().key_rate(Rate::per_second(10).burst(2)));
    let ids: Vec<Id> = (0..4).map(|_| admission.enqueue(1, ())).collect();
    assert_eq!(admission.promise(at(0)), Candidate::Ready(ids[0]));
    assert_eq!(admission.promise(at(0)), Candidate::Ready(ids[1]));
    assert_eq!(admission.promise(at(9_000)), Candidate::Blocked);
    assert!(admission.collect(ids[0], at(9_000)).is_some());
    assert!(admission.collect(ids[1], at(9_000)).is_some());
    assert_eq!(admission.promise(at(9_000)), Candidate::At(at(9_100)));
}

#[test]
fn the_newest_item_of_a_key_can_be_taken_back() {
    let mut admission = Admission::new(Limits::default());
    for item in 0..3 {
        admission.enqueue(7, item);
    }
    assert_eq!(admission.take_last(&7), Some(2));
    assert_eq!(admission.waiting_of(&7), 2);
    assert_eq!(admission.take_last(&8), None);
}

#[test]
fn what_cannot_wait_goes_before_the_others_of_its_key_in_the_order_in_which_it_came() {
    let mut admission = Admission::new(Limits::default());
    let next = |admission: &mut Admission<_, _>| match admission.poll(at(0)) {
        Next::Granted { item, .. } => item,
        other => panic!("{other:?}"),
    };
    admission.enqueue(7, 10);
    admission.enqueue(7, 11);
    for item in 0..3 {
        admission.enqueue_first(7, item);
    }
    assert_eq!(admission.take_last(&7), Some(11));
    assert_eq!([(); 3].map(|()| next(&mut admission)), [0, 1, 2]);
    admission.enqueue_first(7, 3);
    assert_eq!([(); 2].map(|()| next(&mut admission)), [3, 10]);
    // The latest that came first may be gone, or may be all that is left.
    let id = admission.enqueue_first(7, 4);
    assert_eq!(admission.cancel(id), Some(4));
    admission.enqueue_first(7, 5);
    admission.enqueue(7, 12);
    assert_eq!([(); 2].map(|()| next(&mut admission)), [5, 12]);
    assert_eq!(admission.poll(at(0)), Next::Empty);
}

#[test]
fn l4g_ten_thousand_blocked_keys_are_not_looked_at_again() {
    let mut admission = Admission::new(Limits::default().key_concurrency(1));
    for key in 0..10_000u32 {
        admission.enqueue(key, 0);
        admission.enqueue(key, 1);
        if key % 2 == 0 {
            admission.pause_until(&key, at(1_000_000));
        }
    }
    while let Next::Granted { .. } = admission.poll(at(0)) {}
    assert!(admission.ring.is_empty(), "no blocked key is in the ring");
    admission.release(&1, at(0));
    assert_eq!(admission.ring.len(), 1);
}

#[test]
fn l4e_what_was_promised_at_another_rate_is_granted_and_missing() {
    let limits = |rate: Rate| Limits::default().rate(rate);
    let now = Moment::from_nanos(1 << 60);
    let mut admission = Admission::new(limits(Rate::per_second(10).burst(3)));
    let ids = [1, 2, 3, 4].map(|item| admission.enqueue("a", item));
    for id in &ids[..3] {
        assert_eq!(admission.promise(now), Candidate::Ready(*id));
    }
    admission.set_limits(limits(Rate::per_second(1)), now);
    for id in &ids[..3] {
        assert!(admission.collect(*id, now).is_some());
    }
    let next = now + Duration::from_secs(3);
    assert_eq!(admission.promise(now), Candidate::At(next));
}

#[test]
fn l4d_keys_that_a_new_rate_leaves_nothing_to_remember_of_are_forgotten() {
    let slow = Rate::new(1, Duration::MAX).unwrap();
    let limits = Limits::default().key_rate(slow);
    let mut admission = Admission::new(limits);
    for key in 0..3 {
        admission.enqueue(key, ());
    }
    assert_eq!(drain(&mut admission, at(0)).0, [0, 1, 2]);
    (0..3).for_each(|key| admission.release(&key, at(0)));
    admission.pause_until(&2, at(500));
    admission.forget(at(0));
    assert_eq!(admission.keys(), 3);
    admission.set_limits(Limits::default(), at(0));
    admission.forget(at(0));
    assert_eq!(admission.keys(), 1, "one is paused");
    admission.forget(at(500));
    assert_eq!(admission.keys(), 0);
}

#[test]
fn l4g_many_keys_cost_what_few_cost() {
    // Anything that looked at all keys for each of them would take hours.
    const KEYS: u32 = 100_000;
    let limits = Limits::default()
        .key_concurrency(1)
        .key_rate(Rate::per_second(1));
    let mut admission = Admission::new(limits);
    for key in 0..2 * KEYS {
        admission.enqueue(key % KEYS, ());
    }
    for key in 0..KEYS / 2 {
        admission.pause_until(&key, at(2000));
    }
    let mut granted = [0; 4];
    for (second, granted) in granted.iter_mut().enumerate() {
        let now = at(1000 * second as u64);
        while let Next::Granted { key, .. } = admission.poll(now) {
            admission.release(&key, now);
            *granted += 1;
        }
    }
    assert_eq!(granted, [KEYS / 2, KEYS / 2, KEYS / 2, KEYS / 2]);
    admission.forget(at(5000));
    assert_eq!((admission.keys(), admission.active()), (0, 0));
}
