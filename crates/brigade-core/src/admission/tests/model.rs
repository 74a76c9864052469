//! The admission against a naive model, under random histories.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::at;
use crate::admission::{Admission, Id, Limits, Next};
use crate::gcra::{Arrival, Gcra, Rate};
use crate::time::Moment;

#[derive(Clone, Debug)]
enum Act {
    Enqueue(u8),
    Cancel(usize),
    TakeLast(u8),
    Aside(usize),
    Back(usize),
    Poll,
    Release(usize),
    Pause(u8, u64),
    Resume(u8),
    Pass(u64),
    Concurrency(usize, usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0u8..4).prop_map(Act::Enqueue),
        10 => Just(Act::Poll),
        5 => any::<usize>().prop_map(Act::Release),
        4 => (0u64..150).prop_map(Act::Pass),
        1 => any::<usize>().prop_map(Act::Cancel),
        1 => (0u8..4).prop_map(Act::TakeLast),
        1 => any::<usize>().prop_map(Act::Aside),
        2 => any::<usize>().prop_map(Act::Back),
        1 => (0u8..4, 0u64..300).prop_map(|(key, millis)| Act::Pause(key, millis)),
        1 => (0u8..4).prop_map(Act::Resume),
        1 => (1usize..5, 1usize..3).prop_map(|(all, key)| Act::Concurrency(all, key)),
    ]
}

fn rate() -> impl Strategy<Value = Option<Rate>> {
    let rate = (1u32..200, 1u32..4).prop_map(|(n, burst)| Rate::per_second(n).burst(burst));
    proptest::option::of(rate)
}

struct Waiter {
    id: Id,
    key: u8,
    item: u64,
    stands: bool,
    /// What was said when it came: no earlier than this, unless somebody leaves or a pause ends.
    due: Moment,
}

/// The same rules as plainly as possible: lists that are searched, buckets that are never
/// forgotten and never make up for lateness (so they are due no earlier than the real ones).
struct Model {
    limits: Limits,
    now: Moment,
    waiters: Vec<Waiter>,
    active: Vec<u8>,
    paused: HashMap<u8, Moment>,
    common: Option<Gcra>,
    buckets: HashMap<u8, Gcra>,
    grants: Vec<(u8, Moment)>,
    passed_over: HashMap<(u8, u8), usize>,
}

impl Model {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            now: at(0),
            waiters: Vec::new(),
            active: Vec::new(),
            paused: HashMap::new(),
            common: limits.rate.map(Gcra::new),
            buckets: HashMap::new(),
            grants: Vec::new(),
            passed_over: HashMap::new(),
        }
    }

    fn active_of(&self, key: u8) -> usize {
        self.active.iter().filter(|active| **active == key).count()
    }

    fn has_room(&self, key: u8) -> bool {
        self.limits
            .concurrency
            .is_none_or(|n| self.active.len() < n)
            && self
                .limits
                .key_concurrency
                .is_none_or(|n| self.active_of(key) < n)
            && self.paused.get(&key).is_none_or(|until| *until <= self.now)
    }

    fn surely_may_go(&self, key: u8) -> bool {
        self.waiters
            .iter()
            .any(|waiter| waiter.key == key && waiter.stands)
            && self.has_room(key)
            && self
                .common
                .as_ref()
                .is_none_or(|bucket| bucket.due(1) <= self.now)
            && self
                .buckets
                .get(&key)
                .is_none_or(|bucket| bucket.due(1) <= self.now)
    }

    fn on_granted(&mut self, key: u8, id: Id, item: u64) -> Result<(), TestCaseError> {
        let first = self
            .waiters
            .iter()
            .position(|waiter| waiter.key == key && waiter.stands);
        let waiter = self
            .waiters
            .remove(first.expect("a key with nobody was granted"));
        prop_assert_eq!(
            (waiter.id, waiter.item),
            (id, item),
            "not the first of its key"
        );
        prop_assert!(self.has_room(key));
        prop_assert!(self.now >= waiter.due, "it was told {:?}", waiter.due);
        for other in 0..4 {
            if other == key || !self.surely_may_go(other) {
                self.passed_over.retain(|(who, _), _| *who != other);
            } else {
                let passed = self.passed_over.entry((other, key)).or_default();
                *passed += 1;
                prop_assert!(*passed <= 1, "{key} had two turns while {other} had none");
            }
        }
        self.active.push(key);
        self.grants.push((key, self.now));
        let rate = self.limits.key_rate;
        if let Some(bucket) = &mut self.common {
            let _ = bucket.take(1, self.now.max(bucket.due(1)), Arrival::Now);
        }
        if let Some(rate) = rate {
            let bucket = self.buckets.entry(key).or_insert_with(|| Gcra::new(rate));
            let _ = bucket.take(1, self.now.max(bucket.due(1)), Arrival::Now);
        }
        Ok(())
    }

    fn forget_what_was_told(&mut self) {
        for waiter in &mut self.waiters {
            waiter.due = Moment::ZERO;
        }
    }

    fn check_rates(&self) -> Result<(), TestCaseError> {
        let all: Vec<Moment> = self.grants.iter().map(|grant| grant.1).collect();
        check_windows(&all, self.limits.rate)?;
        for key in 0..4 {
            let own = self.grants.iter().filter(|grant| grant.0 == key);
            check_windows(
                &own.map(|grant| grant.1).collect::<Vec<_>>(),
                self.limits.key_rate,
            )?;
        }
        Ok(())
    }
}

pub(super) fn check_windows(grants: &[Moment], rate: Option<Rate>) -> Result<(), TestCaseError> {
    let Some(rate) = rate else { return Ok(()) };
    for (first, from) in grants.iter().enumerate() {
        for (last, until) in grants.iter().enumerate().skip(first) {
            let ideal = until.since(*from).as_secs_f64() * f64::from(rate.permits());
            let allowed = f64::from(rate.burst_max()) + ideal + 1.0 + 1e-6;
            prop_assert!(((last - first + 1) as f64) <= allowed, "{rate}: {grants:?}");
        }
    }
    Ok(())
}

fn step(model: &mut Model, real: &mut Admission<u8, u64>, act: Act) -> Result<(), TestCaseError> {
    let pick = |index: usize, length: usize| (length > 0).then(|| index % length);
    match act {
        Act::Enqueue(key) => {
            let item = model.grants.len() as u64 * 1_000 + model.waiters.len() as u64;
            // One that stands aside is counted, and may not come.
            let all_stand = model.waiters.iter().all(|waiter| waiter.stands);
            let told = real.due_behind(&key, model.now);
            let due = if all_stand { told } else { Moment::ZERO };
            let id = real.enqueue(key, item);
            model.waiters.push(Waiter {
                id,
                key,
                item,
                stands: true,
                due,
            });
            let beside = model.waiters.iter().filter(|waiter| waiter.key == key);
            prop_assert_eq!(real.waiting_beside(id), beside.count());
        }
        Act::Cancel(index) => {
            model.forget_what_was_told();
            if let Some(index) = pick(index, model.waiters.len()) {
                let waiter = model.waiters.remove(index);
                prop_assert_eq!(real.cancel(waiter.id), Some(waiter.item));
                model.passed_over.clear();
            }
        }
        Act::TakeLast(key) => {
            model.forget_what_was_told();
            let last = model.waiters.iter().rposition(|w| w.key == key && w.stands);
            let taken = last.map(|index| model.waiters.remove(index).item);
            prop_assert_eq!(real.take_last(&key), taken);
            model.passed_over.clear();
        }
        Act::Aside(index) => {
            model.forget_what_was_told();
            if let Some(index) = pick(index, model.waiters.len()) {
                model.waiters[index].stands = false;
                real.step_aside(model.waiters[index].id);
                model.passed_over.clear();
            }
        }
        Act::Back(index) => {
            if let Some(index) = pick(index, model.waiters.len()) {
                model.waiters[index].stands = true;
                real.step_back(model.waiters[index].id);
                model.passed_over.clear();
            }
        }
        Act::Release(index) => {
            if let Some(index) = pick(index, model.active.len()) {
                let key = model.active.swap_remove(index);
                real.release(&key, model.now);
            }
        }
        Act::Pause(key, millis) => {
            let until = model.now + Duration::from_millis(millis);
            let paused = model.paused.entry(key).or_insert(until);
            *paused = until.max(*paused);
            real.pause_until(&key, until);
            model.passed_over.clear();
        }
        Act::Resume(key) => {
            model.forget_what_was_told();
            model.paused.remove(&key);
            real.resume(&key);
            model.passed_over.clear();
        }
        Act::Pass(millis) => model.now = model.now + Duration::from_millis(millis),
        Act::Concurrency(all, key) => {
            model.limits.concurrency = Some(all);
            model.limits.key_concurrency = Some(key);
            real.set_limits(model.limits, model.now);
            model.passed_over.clear();
        }
        Act::Poll => poll(model, real)?,
    }
    prop_assert_eq!(real.waiting(), model.waiters.len());
    prop_assert_eq!(real.active(), model.active.len());
    Ok(())
}

fn poll(model: &mut Model, real: &mut Admission<u8, u64>) -> Result<(), TestCaseError> {
    let answer = real.poll(model.now);
    if let Next::Granted { key, id, item } = answer {
        return model.on_granted(key, id, item);
    }
    for key in 0..4 {
        prop_assert!(!model.surely_may_go(key), "{key} may go, but: {answer:?}");
    }
    match answer {
        Next::At(moment) => prop_assert!(moment > model.now),
        Next::Empty => prop_assert!(model.waiters.iter().all(|waiter| !waiter.stands)),
        _ => prop_assert!(
            !model.active.is_empty(),
            "blocked without anybody to release"
        ),
    }
    Ok(())
}

/// Lets everything finish, moved by nothing but the answers; then nothing may be remembered.
fn finish(model: &mut Model, real: &mut Admission<u8, u64>) -> Result<(), TestCaseError> {
    for waiter in &model.waiters {
        real.step_back(waiter.id);
    }
    let mut left = model.waiters.len();
    for _ in 0..10_000 {
        match real.poll(model.now) {
            Next::Granted { key, .. } => {
                real.release(&key, model.now);
                left -= 1;
            }
            Next::At(moment) => model.now = moment,
            Next::Blocked => {
                let key = model.active.pop().expect("blocked by nobody");
                real.release(&key, model.now);
            }
            Next::Empty => break,
        }
    }
    prop_assert_eq!(left, 0);
    for key in model.active.drain(..) {
        real.release(&key, model.now);
    }
    real.poll(model.now + Duration::from_secs(3_600));
    prop_assert_eq!(real.keys(), 0);
    Ok(())
}

proptest! {
    #[test]
    fn l4a_the_admission_keeps_every_rule_of_the_naive_model(
        concurrency in proptest::option::of(1usize..5),
        rate in rate(),
        key_concurrency in proptest::option::of(1usize..3),
        key_rate in rate(),
        acts in proptest::collection::vec(act(), 1..250),
    ) {
        let limits = Limits { concurrency, rate, key_concurrency, key_rate };
        let (mut model, mut real) = (Model::new(limits), Admission::new(limits));
        for act in acts {
            step(&mut model, &mut real, act)?;
        }
        model.check_rates()?;
        finish(&mut model, &mut real)?;
    }
}
