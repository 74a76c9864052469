//! The turns against tables and against a naive model.

use proptest::prelude::*;

use super::{Collected, Permits, Promise, Stock, Turns};
use crate::gcra::{Gcra, Rate};
use crate::line::Place;
use crate::time::Moment;

const NOW: Moment = Moment::from_nanos(1 << 60);

fn taken(capacity: u32) -> Turns<Permits, ()> {
    let mut turns = Turns::new(Permits::new(capacity));
    assert!(turns.take_now(capacity, NOW));
    turns
}

#[test]
fn l1a_a_large_want_at_the_front_is_not_overtaken_by_small_ones() {
    let mut turns = taken(3);
    let large = turns.enqueue(3, ());
    let small = turns.enqueue(1, ());
    turns.stock_mut().give(2);
    assert_eq!(turns.promise(NOW), Promise::Nothing);
    turns.stock_mut().give(1);
    assert_eq!(turns.promise(NOW), Promise::To(large));
    assert_eq!(turns.collect(small, NOW), Collected::NotYet);
}

#[test]
fn l1b_a_withdrawn_waiter_is_overtaken_and_then_first_again() {
    let mut turns = taken(1);
    let first = turns.enqueue(1, ());
    let second = turns.enqueue(1, ());
    turns.stock_mut().give(1);
    assert_eq!(turns.promise(NOW), Promise::To(first));
    turns.withdraw(first);
    assert_eq!(turns.promise(NOW), Promise::To(second));
    turns.step_back(first);
    assert_eq!(turns.collect(first, NOW), Collected::NotYet);
    assert_eq!(turns.collect(second, NOW), Collected::Yes);
    turns.stock_mut().give(1);
    assert_eq!(turns.promise(NOW), Promise::To(first));
}

#[test]
fn l2a_a_waiter_that_leaves_gives_its_promise_back() {
    let mut turns = taken(2);
    let first = turns.enqueue(2, ());
    let second = turns.enqueue(1, ());
    turns.stock_mut().give(2);
    assert_eq!(turns.promise(NOW), Promise::To(first));
    assert_eq!(turns.promise(NOW), Promise::Nothing);
    assert_eq!(turns.leave(first), Some(()));
    assert_eq!(turns.promise(NOW), Promise::To(second));
}

#[test]
fn l2b_a_waiter_that_a_smaller_capacity_leaves_without_hope_is_told() {
    let mut turns = taken(4);
    let large = turns.enqueue(4, ());
    turns.stock_mut().set_capacity(2);
    assert_eq!(turns.promise(NOW), Promise::To(large));
    assert_eq!(turns.collect(large, NOW), Collected::Never);
    assert_eq!(turns.waiting(), 0);
}

#[test]
fn l3a_promises_are_never_more_than_the_bucket_holds() {
    let mut turns = Turns::new(Gcra::new(Rate::per_second(10).burst(2)));
    assert!(turns.take_now(2, NOW));
    let places: Vec<Place> = (0..5).map(|_| turns.enqueue(1, ())).collect();
    let late = NOW + std::time::Duration::from_secs(9);
    assert_eq!(turns.promise(late), Promise::To(places[0]));
    assert_eq!(turns.promise(late), Promise::To(places[1]));
    assert_eq!(
        turns.promise(late),
        Promise::Nothing,
        "nine seconds are not a burst"
    );
    let later = late + std::time::Duration::from_secs(9);
    assert_eq!(turns.collect(places[0], later), Collected::Yes);
    assert_eq!(turns.collect(places[1], later), Collected::Yes);
    assert!(matches!(turns.promise(later), Promise::At(_)));
}

#[derive(Clone, Debug)]
enum Act {
    Come(u32),
    Promise,
    Collect(usize),
    Withdraw(usize),
    Back(usize),
    Leave(usize),
    Give(usize),
    Dismiss,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (1u32..4).prop_map(Act::Come),
        8 => Just(Act::Promise),
        6 => any::<usize>().prop_map(Act::Collect),
        1 => any::<usize>().prop_map(Act::Withdraw),
        2 => any::<usize>().prop_map(Act::Back),
        1 => any::<usize>().prop_map(Act::Leave),
        4 => any::<usize>().prop_map(Act::Give),
        1 => Just(Act::Dismiss),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Line,
    Promised,
    Aside,
}

proptest! {
    #[test]
    fn l1a_permits_are_promised_in_order_and_never_twice(
        capacity in 3u32..8,
        acts in proptest::collection::vec(act(), 1..200),
    ) {
        let mut turns = Turns::new(Permits::new(capacity));
        let mut waiters: Vec<(Place, u32, State)> = Vec::new();
        let mut held: Vec<u32> = Vec::new();
        for act in acts {
            let pick = |index: usize| (!waiters.is_empty()).then(|| index % waiters.len());
            match act {
                Act::Come(want) => {
                    let alone = waiters.iter().all(|waiter| waiter.2 != State::Line);
                    if turns.take_now(want, NOW) {
                        prop_assert!(alone, "a newcomer overtook the line");
                        held.push(want);
                    } else {
                        waiters.push((turns.enqueue(want, ()), want, State::Line));
                    }
                }
                Act::Promise => {
                    let used: u32 = held.iter().sum::<u32>() + waiters.iter()
                        .filter(|waiter| waiter.2 == State::Promised).map(|w| w.1).sum::<u32>();
                    let first = waiters.iter_mut().find(|waiter| waiter.2 == State::Line);
                    let fits = first.filter(|waiter| used + waiter.1 <= capacity);
                    let expected = fits.map_or(Promise::Nothing, |waiter| {
                        waiter.2 = State::Promised;
                        Promise::To(waiter.0)
                    });
                    prop_assert_eq!(turns.may_promise(), expected != Promise::Nothing);
                    prop_assert_eq!(turns.promise(NOW), expected);
                }
                Act::Collect(index) => if let Some(index) = pick(index) {
                    let promised = waiters[index].2 == State::Promised;
                    let got = turns.collect(waiters[index].0, NOW) == Collected::Yes;
                    prop_assert_eq!(got, promised);
                    if got { held.push(waiters.remove(index).1); }
                },
                Act::Withdraw(index) => if let Some(index) = pick(index) {
                    turns.withdraw(waiters[index].0);
                    if waiters[index].2 == State::Promised { waiters[index].2 = State::Aside; }
                },
                Act::Back(index) => if let Some(index) = pick(index) {
                    turns.step_back(waiters[index].0);
                    if waiters[index].2 == State::Aside { waiters[index].2 = State::Line; }
                },
                Act::Leave(index) => if let Some(index) = pick(index) {
                    prop_assert!(turns.leave(waiters.remove(index).0).is_some());
                },
                Act::Give(index) => if !held.is_empty() {
                    turns.stock_mut().give(held.swap_remove(index % held.len()));
                },
                Act::Dismiss => {
                    let first = waiters.iter_mut().find(|waiter| waiter.2 == State::Line);
                    let dismissed = first.map(|waiter| {
                        (waiter.1, waiter.2) = (0, State::Promised);
                        waiter.0
                    });
                    prop_assert_eq!(turns.dismiss(), dismissed);
                }
            }
            let standing = || waiters.iter().filter(|waiter| waiter.2 == State::Line);
            prop_assert_eq!(turns.in_line(), standing().count());
            prop_assert_eq!(turns.first(), standing().next().map(|waiter| waiter.0));
            for waiter in &waiters {
                prop_assert_eq!(turns.is_promised(waiter.0), waiter.2 == State::Promised);
            }
            let wanted: u32 = waiters.iter().map(|waiter| waiter.1).sum();
            for more in 1..4 {
                let fits = held.iter().sum::<u32>() + wanted + more <= capacity;
                let due = if fits { Moment::ZERO } else { Moment::MAX };
                prop_assert_eq!(turns.due_behind(more, NOW), due, "all who wait are ahead");
            }
            prop_assert_eq!(turns.stock().taken(), held.iter().sum::<u32>());
            prop_assert!(turns.stock().taken() <= turns.stock().capacity());
            prop_assert_eq!(turns.waiting(), waiters.len());
        }
    }
}

#[test]
fn l2b_a_capacity_that_is_lowered_and_raised_again_grants_nothing_twice() {
    let mut turns = taken(5);
    let large = turns.enqueue(3, ());
    turns.stock_mut().set_capacity(2);
    assert_eq!(turns.promise(NOW), Promise::To(large), "to be refused");
    turns.stock_mut().set_capacity(5);
    assert_eq!(turns.collect(large, NOW), Collected::Never);
    assert_eq!(turns.stock().taken(), 5);
}

#[test]
fn l2b_waiters_to_be_refused_have_nothing_set_aside_for_them() {
    let mut turns = taken(u32::MAX);
    let waiters = [0; 3].map(|_| turns.enqueue(u32::MAX, ()));
    let small = turns.enqueue(1, ());
    turns.stock_mut().set_capacity(2);
    turns.stock_mut().give(u32::MAX);
    for waiter in waiters {
        assert_eq!(turns.promise(NOW), Promise::To(waiter));
    }
    assert_eq!(turns.promise(NOW), Promise::To(small));
}

#[test]
fn l4e_what_was_promised_at_another_rate_is_granted_and_missing() {
    let per_second = |permits| Rate::per_second(permits);
    let mut turns = Turns::new(Gcra::new(per_second(10).burst(3)));
    let waiters = [0; 3].map(|_| turns.enqueue(1, ()));
    for waiter in waiters {
        assert_eq!(turns.promise(NOW), Promise::To(waiter));
    }
    turns.stock_mut().set_rate(per_second(1), NOW);
    for waiter in waiters {
        assert_eq!(turns.collect(waiter, NOW), Collected::Yes);
    }
    let next = NOW + std::time::Duration::from_secs(3);
    assert_eq!(turns.stock().due(1), next);
}

#[test]
fn l1d_the_largest_wants_are_not_promised_beside_others() {
    let mut turns: Turns<Permits, ()> = Turns::new(Permits::new(u32::MAX));
    assert!(turns.take_now(1, NOW));
    let all = turns.enqueue(u32::MAX, ());
    let one = turns.enqueue(1, ());
    turns.stock_mut().give(1);
    assert_eq!(turns.promise(NOW), Promise::To(all));
    assert_eq!(turns.promise(NOW), Promise::Nothing);
    assert_eq!(turns.leave(one), Some(()));
    assert!(!turns.take_now(1, NOW), "all of it is promised");
    assert_eq!(turns.collect(all, NOW), Collected::Yes);
    assert_eq!(turns.stock().taken(), u32::MAX);
}
