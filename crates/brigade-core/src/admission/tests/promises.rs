//! Turns that are promised, collected, withdrawn and given back, against a naive model; and what
//! their booking makes up for.

use std::time::Duration;

use proptest::prelude::*;

use super::at;
use crate::admission::{Admission, Candidate, Id, Limits};
use crate::gcra::{LATENESS_MAX, Rate};
use crate::time::Moment;

#[derive(Clone, Debug)]
enum Act {
    Enqueue(u8),
    Promise,
    Collect(usize),
    Withdraw(usize),
    Back(usize),
    Cancel(usize),
    Release(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0u8..3).prop_map(Act::Enqueue),
        12 => Just(Act::Promise),
        6 => any::<usize>().prop_map(Act::Collect),
        3 => any::<usize>().prop_map(Act::Withdraw),
        4 => any::<usize>().prop_map(Act::Back),
        1 => any::<usize>().prop_map(Act::Cancel),
        4 => any::<usize>().prop_map(Act::Release),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Line,
    Promised,
    Aside,
}

struct Waiter {
    id: Id,
    key: u8,
    item: u32,
    state: State,
}

#[derive(Default)]
struct Model {
    waiters: Vec<Waiter>,
    held: Vec<u8>,
    count: u32,
}

impl Model {
    fn active(&self, key: Option<u8>) -> usize {
        let of = |other: u8| key.is_none_or(|key| key == other);
        let promised = |w: &&Waiter| w.state == State::Promised && of(w.key);
        let held = self.held.iter().filter(|held| of(**held)).count();
        self.waiters.iter().filter(promised).count() + held
    }

    fn standing(&self, key: u8) -> Option<&Waiter> {
        let mut waiters = self.waiters.iter();
        waiters.find(|w| w.key == key && w.state == State::Line)
    }

    fn check(&self, real: &mut Admission<u8, u32>) -> Result<(), TestCaseError> {
        let count = |state| self.waiters.iter().filter(|w| w.state == state).count();
        let line = count(State::Line);
        prop_assert_eq!(real.in_line(), line);
        prop_assert_eq!(real.waiting(), line + count(State::Aside));
        prop_assert_eq!(real.active(), self.active(None));
        for key in 0..3 {
            prop_assert_eq!(real.active_of(&key), self.active(Some(key)));
            let waiting = |w: &&Waiter| w.key == key && w.state != State::Promised;
            let waiting = self.waiters.iter().filter(waiting).count();
            prop_assert_eq!(real.waiting_of(&key), waiting);
            let known = waiting + self.active(Some(key)) > 0;
            prop_assert!(real.remembers(&key) || !known);
        }
        for waiter in &self.waiters {
            let promised = waiter.state == State::Promised;
            prop_assert_eq!(real.is_promised(waiter.id), promised);
            prop_assert_eq!(real.get_mut(waiter.id).copied(), Some(waiter.item));
        }
        let first = real.first();
        prop_assert_eq!(first.is_some(), line > 0);
        if let Some(first) = first {
            let fronts = (0..3).filter_map(|key| self.standing(key));
            prop_assert!(fronts.map(|waiter| waiter.id).any(|id| id == first));
        }
        Ok(())
    }

    fn promise(
        &mut self,
        real: &mut Admission<u8, u32>,
        limits: Limits,
    ) -> Result<(), TestCaseError> {
        let room = |all: usize, own: usize| {
            limits.concurrency.is_none_or(|n| all < n)
                && limits.key_concurrency.is_none_or(|n| own < n)
        };
        let may_go = |key: u8| {
            self.standing(key).is_some() && room(self.active(None), self.active(Some(key)))
        };
        let answer = real.promise(at(0));
        let Candidate::Ready(id) = answer else {
            prop_assert!(!(0..3).any(may_go), "somebody may go, but: {answer:?}");
            let empty = !(0..3).any(|key| self.standing(key).is_some());
            prop_assert_eq!(empty, answer == Candidate::Empty);
            return Ok(());
        };
        let called = self.waiters.iter().position(|w| w.id == id);
        let called = called.expect("a stranger was called");
        let key = self.waiters[called].key;
        prop_assert!(may_go(key));
        prop_assert_eq!(self.standing(key).map(|w| w.id), Some(id), "not its first");
        self.waiters[called].state = State::Promised;
        Ok(())
    }

    fn step(&mut self, real: &mut Admission<u8, u32>, act: Act) -> Result<(), TestCaseError> {
        let pick = |index: usize| index.checked_rem(self.waiters.len());
        match act {
            Act::Enqueue(key) => {
                let (item, state) = (self.count, State::Line);
                self.count += 1;
                let id = real.enqueue(key, item);
                self.waiters.push(Waiter {
                    id,
                    key,
                    item,
                    state,
                });
            }
            Act::Promise => {}
            Act::Collect(index) => {
                if let Some(index) = pick(index) {
                    let Waiter {
                        id,
                        key,
                        item,
                        state,
                    } = self.waiters[index];
                    let got = (state == State::Promised).then_some((key, item));
                    prop_assert_eq!(real.collect(id, at(0)), got);
                    if got.is_some() {
                        self.waiters.remove(index);
                        self.held.push(key);
                    }
                }
            }
            Act::Withdraw(index) => {
                if let Some(index) = pick(index) {
                    real.withdraw(self.waiters[index].id);
                    if self.waiters[index].state == State::Promised {
                        self.waiters[index].state = State::Aside;
                    }
                }
            }
            Act::Back(index) => {
                if let Some(index) = pick(index) {
                    real.step_back(self.waiters[index].id);
                    if self.waiters[index].state == State::Aside {
                        self.waiters[index].state = State::Line;
                    }
                }
            }
            Act::Cancel(index) => {
                if let Some(index) = pick(index) {
                    let waiter = self.waiters.remove(index);
                    prop_assert_eq!(real.cancel(waiter.id), Some(waiter.item));
                }
            }
            Act::Release(index) => {
                if let Some(index) = index.checked_rem(self.held.len()) {
                    real.release(&self.held.swap_remove(index), at(0));
                }
            }
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn l4a_promises_keep_every_rule_of_the_naive_model(
        concurrency in proptest::option::of(1usize..5),
        key_concurrency in proptest::option::of(1usize..3),
        acts in proptest::collection::vec(act(), 1..200),
    ) {
        let limits = Limits { concurrency, key_concurrency, ..Limits::default() };
        let (mut model, mut real) = (Model::default(), Admission::new(limits));
        prop_assert_eq!(real.limits(), limits);
        for act in acts {
            match act {
                Act::Promise => model.promise(&mut real, limits)?,
                act => model.step(&mut real, act)?,
            }
            model.check(&mut real)?;
        }
    }
}

fn rated(rate: Option<Rate>, key_rate: Option<Rate>) -> Admission<u8, ()> {
    Admission::new(Limits {
        rate,
        key_rate,
        ..Limits::default()
    })
}

fn collect(admission: &mut Admission<u8, ()>, id: Id, now: Moment) {
    assert_eq!(admission.promise(now), Candidate::Ready(id));
    assert!(admission.collect(id, now).is_some());
}

/// Of the common rate, and of that of a key.
#[test]
fn l3b_a_turn_that_was_waited_for_is_booked_as_on_time_and_an_idle_one_is_not() {
    let rate = Some(Rate::per_second(10));
    for (rate, key_rate) in [(rate, None), (None, rate)] {
        let mut admission = rated(rate, key_rate);
        let waiters = [0; 3].map(|_| admission.enqueue(1, ()));
        collect(&mut admission, waiters[0], at(0));
        assert_eq!(admission.promise(at(0)), Candidate::At(at(100)));
        collect(&mut admission, waiters[1], at(101));
        assert_eq!(
            admission.promise(at(101)),
            Candidate::At(at(200)),
            "made up"
        );
        collect(&mut admission, waiters[2], at(201));
        // Nobody waits now, so what passes is nobody's lateness.
        assert_eq!(admission.promise(at(201)), Candidate::Empty);
        let late = admission.enqueue(1, ());
        collect(&mut admission, late, at(301));
        let next = admission.enqueue(1, ());
        assert_eq!(admission.promise(at(301)), Candidate::At(at(401)));
        // The line has moved by a cancellation; who comes then has not waited either.
        assert!(admission.cancel(next).is_some());
        assert_eq!(admission.promise(at(350)), Candidate::Empty);
        let newcomer = admission.enqueue(1, ());
        collect(&mut admission, newcomer, at(402));
        admission.enqueue(1, ());
        assert_eq!(admission.promise(at(402)), Candidate::At(at(502)));
    }
}

#[test]
fn l5c_the_time_told_is_behind_all_of_the_key_its_pause_and_what_is_promised() {
    let (common, own) = (Rate::per_second(100), Rate::per_second(10).burst(2));
    let mut admission = rated(Some(common), Some(own));
    assert_eq!(admission.due_behind(&1, at(0)), at(0), "an unknown key");
    let first = admission.enqueue(1, ());
    let second = admission.enqueue(1, ());
    assert_eq!(admission.waiting_beside(first), 2);
    assert_eq!(
        admission.due_behind(&2, at(0)),
        at(0),
        "others need not have their turn before it"
    );
    // Who was promised a turn may still come in time, and be booked as that.
    let told = |admission: &Admission<u8, ()>, key, due: Moment| {
        let told = admission.due_behind(&key, at(0));
        assert!(
            told <= due && told + LATENESS_MAX >= due,
            "{told:?} {due:?}"
        );
    };
    assert_eq!(admission.promise(at(0)), Candidate::Ready(first));
    told(&admission, 2, at(10));
    told(&admission, 1, at(100));
    assert!(admission.collect(first, at(0)).is_some());
    assert_eq!(admission.due_behind(&2, at(0)), at(10));
    assert_eq!(admission.due_behind(&1, at(0)), at(100), "one is taken");
    admission.pause_until(&1, at(1_000));
    let after_pause = admission.due_behind(&1, at(0));
    assert!(
        after_pause >= at(1_000) && after_pause <= at(1_010),
        "{after_pause:?}"
    );
    assert!(admission.cancel(second).is_some());
    assert_eq!(admission.due_behind(&1, at(0)), at(1_000), "alone");
    assert_eq!(admission.waiting_beside(second), 0);
}

#[test]
fn l4h_the_names_of_forgotten_keys_are_handed_out_if_wanted() {
    let mut admission: Admission<u8, ()> = Admission::new(Limits::default()).keep_forgotten();
    let id = admission.enqueue(7, ());
    assert!(admission.take_forgotten().is_empty());
    admission.cancel(id);
    admission.forget(at(0));
    assert_eq!(admission.keys(), 0);
    assert_eq!(admission.take_forgotten(), [7, 7]);
    assert!(admission.take_forgotten().is_empty());
}

#[test]
fn l4f_a_pause_of_a_key_without_items_is_forgotten_when_it_is_over_and_a_release_of_nothing_is_none()
 {
    let mut admission = rated(None, None);
    admission.pause_until(&1, at(10));
    admission.pause_until(&1, at(10));
    assert!(admission.remembers(&1) && !admission.remembers(&2));
    admission.release(&1, at(0));
    assert_eq!((admission.active(), admission.active_of(&1)), (0, 0));
    admission.forget(at(9));
    assert!(admission.remembers(&1));
    admission.forget(at(10));
    assert!(!admission.remembers(&1));
    assert_eq!(admission.paused(at(0) - Duration::from_secs(1)).count(), 0);
}

/// Nobody asks between the last grant and the next newcomer.
#[test]
fn l3b_a_newcomer_right_behind_the_last_waiter_has_not_waited() {
    let rate = Some(Rate::per_second(10));
    for (rate, key_rate) in [(rate, None), (None, rate)] {
        let mut admission = rated(rate, key_rate);
        let waiters = [0; 2].map(|_| admission.enqueue(1, ()));
        collect(&mut admission, waiters[0], at(0));
        assert_eq!(admission.promise(at(0)), Candidate::At(at(100)));
        collect(&mut admission, waiters[1], at(100));
        let newcomer = admission.enqueue(1, ());
        collect(&mut admission, newcomer, at(250));
        admission.enqueue(1, ());
        assert_eq!(admission.promise(at(250)), Candidate::At(at(350)));
    }
}

#[test]
fn l2a_a_withdrawn_turn_is_back_in_every_bucket() {
    let rate = Some(Rate::per_second(10).burst(2));
    let mut admission = rated(rate, rate);
    let first = admission.enqueue(1, ());
    let second = admission.enqueue(1, ());
    assert_eq!(admission.promise(at(0)), Candidate::Ready(first));
    admission.withdraw(first);
    collect(&mut admission, second, at(0));
    admission.step_back(first);
    collect(&mut admission, first, at(0));
    let (mine, other) = (admission.enqueue(1, ()), admission.enqueue(2, ()));
    assert_eq!(admission.promise(at(200)), Candidate::Ready(mine));
    assert_eq!(admission.promise(at(200)), Candidate::Ready(other));
    let told = admission.due_behind(&1, at(200));
    assert!(
        told <= at(300) && told + LATENESS_MAX >= at(300),
        "{told:?}"
    );
}
