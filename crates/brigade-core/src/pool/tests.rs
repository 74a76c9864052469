//! The pool against a model that counts by itself, after every step of random lives.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{Effects, Grant, Limits, Phase, Pool, Slot, Stats, Ticket};
use crate::time::Moment;

const HOSTS: [&str; 4] = ["http://a", "http://b", "https://b", "http://c:8080"];

/// One event; the numbers choose among what is possible at the time.
#[derive(Clone, Copy, Debug)]
enum Event {
    Acquire { host: usize },
    Dialed { nth: usize },
    DialFailed { nth: usize },
    Finish { nth: usize, keep: Option<u64> },
    Break { nth: usize },
    Withdraw { nth: usize },
    Closed { nth: usize },
    Cancel { nth: usize },
    Expire { nth: usize },
    Pass { seconds: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    let nth = any::<usize>();
    prop_oneof![
        8 => (0..HOSTS.len()).prop_map(|host| Event::Acquire { host }),
        4 => nth.prop_map(|nth| Event::Dialed { nth }),
        1 => nth.prop_map(|nth| Event::DialFailed { nth }),
        5 => (nth, prop::option::of(0..20_u64)).prop_map(|(nth, keep)| Event::Finish { nth, keep }),
        1 => nth.prop_map(|nth| Event::Break { nth }),
        1 => nth.prop_map(|nth| Event::Withdraw { nth }),
        3 => nth.prop_map(|nth| Event::Closed { nth }),
        2 => nth.prop_map(|nth| Event::Cancel { nth }),
        1 => nth.prop_map(|nth| Event::Expire { nth }),
        1 => (0..20_u64).prop_map(|seconds| Event::Pass { seconds }),
    ]
}

/// What the test knows of a slot, from the events alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    host: usize,
    phase: Phase,
}

struct Model {
    pool: Pool<u32, u32>,
    limits: Limits,
    now: Moment,
    slots: BTreeMap<Slot, Known>,
    /// Connection numbers, which the pool hands out as its `C`.
    connections: BTreeMap<u32, Slot>,
    next: u32,
    /// Waiters in the order in which they came.
    waiting: Vec<(u32, usize, Option<Ticket>)>,
}

impl Model {
    fn new(limits: Limits) -> Self {
        Self {
            pool: Pool::new(limits),
            limits,
            now: Moment::from_nanos(1),
            slots: BTreeMap::new(),
            connections: BTreeMap::new(),
            next: 0,
            waiting: Vec::new(),
        }
    }

    fn in_phase(&self, phase: Phase, nth: usize) -> Option<Slot> {
        let slots = self.slots.iter().filter(|(_, known)| known.phase == phase);
        let slots: Vec<Slot> = slots.map(|(slot, _)| *slot).collect();
        (!slots.is_empty()).then(|| slots[nth % slots.len()])
    }

    fn count(&self, host: usize) -> usize {
        self.slots
            .values()
            .filter(|known| known.host == host)
            .count()
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn set(&mut self, slot: Slot, phase: Phase) {
        if let Some(known) = self.slots.get_mut(&slot) {
            known.phase = phase;
        }
    }

    fn apply(&mut self, event: Event) {
        let mut effects = Effects::none();
        match event {
            Event::Acquire { host } => self.acquire(host, &mut effects),
            Event::Dialed { nth } => {
                let Some(slot) = self.in_phase(Phase::Dialing, nth) else {
                    return;
                };
                let number = self.number();
                assert!(self.pool.dialed(slot, number));
                self.connections.insert(number, slot);
                self.set(slot, Phase::Active);
            }
            Event::DialFailed { nth } => {
                let Some(slot) = self.in_phase(Phase::Dialing, nth) else {
                    return;
                };
                self.slots.remove(&slot);
                self.pool.closed(slot, self.now, &mut effects);
            }
            Event::Finish { nth, keep } => {
                let Some(slot) = self.in_phase(Phase::Active, nth) else {
                    return;
                };
                self.set(slot, Phase::Idle);
                let keep = keep.map(Duration::from_secs);
                self.pool.finish(slot, keep, self.now, &mut effects);
            }
            Event::Break { nth } => {
                let Some(slot) = self.in_phase(Phase::Active, nth) else {
                    return;
                };
                self.slots.remove(&slot);
                self.pool.closed(slot, self.now, &mut effects);
            }
            Event::Withdraw { nth } => {
                let phase = if nth % 2 == 0 {
                    Phase::Active
                } else {
                    Phase::Idle
                };
                let Some(slot) = self.in_phase(phase, nth) else {
                    return;
                };
                self.set(slot, Phase::Closing);
                self.pool.withdraw(slot);
            }
            Event::Closed { nth } => {
                let Some(slot) = self.in_phase(Phase::Closing, nth) else {
                    return;
                };
                self.slots.remove(&slot);
                self.pool.closed(slot, self.now, &mut effects);
                // A slot that is used after its end does no harm.
                self.pool.closed(slot, self.now, &mut effects);
                self.pool.finish(slot, None, self.now, &mut effects);
                assert!(!self.pool.dialed(slot, 0));
            }
            Event::Cancel { nth } => {
                if self.waiting.is_empty() {
                    return;
                }
                let (waiter, _, ticket) = self.waiting.remove(nth % self.waiting.len());
                let ticket = ticket.expect("only those that wait are in the list");
                assert_eq!(self.pool.cancel(ticket), Some(waiter));
                assert_eq!(self.pool.cancel(ticket), None);
            }
            Event::Expire { nth } => {
                let Some(slot) = self.in_phase(Phase::Idle, nth) else {
                    return;
                };
                let due = self.pool.expires(slot).is_some_and(|at| at <= self.now);
                assert_eq!(self.pool.expire(slot, self.now), due);
                if due {
                    self.set(slot, Phase::Closing);
                }
            }
            Event::Pass { seconds } => self.now = self.now + Duration::from_secs(seconds),
        }
        self.settle(effects);
        self.check();
    }

    fn acquire(&mut self, host: usize, effects: &mut Effects<u32, u32>) {
        let key = HOSTS[host];
        let waiter = self.number();
        if let Some(grant) = self.pool.try_acquire(key, self.now, effects) {
            let ahead = self.waiting.iter().filter(|(_, other, _)| *other != host);
            let ahead: Vec<usize> = ahead.map(|(_, other, _)| *other).collect();
            for other in ahead {
                assert!(
                    self.count(other) >= self.limits.per_host,
                    "it jumped the queue"
                );
            }
            self.take(host, grant);
            return;
        }
        self.waiting.push((waiter, host, None));
        let ticket = self.pool.wait(key, waiter, self.now, effects);
        if let Some(entry) = self.waiting.iter_mut().find(|(other, ..)| *other == waiter) {
            entry.2 = ticket;
        }
    }

    fn settle(&mut self, effects: Effects<u32, u32>) {
        assert!(effects.refused.is_empty());
        for close in effects.closes {
            let slot = self.connections[&close.connection];
            assert_eq!(
                self.slots[&slot].phase,
                Phase::Idle,
                "only idle connections are closed"
            );
            self.set(slot, Phase::Closing);
        }
        for (waiter, grant) in effects.grants {
            let position = self.waiting.iter().position(|(other, ..)| *other == waiter);
            let position = position.expect("nobody is served twice");
            let (_, host, _) = self.waiting[position];
            for (_, other, _) in &self.waiting[..position] {
                assert_ne!(*other, host, "the queue of a host is first in, first out");
                if matches!(grant, Grant::Dial { .. }) {
                    let full = self.count(*other) >= self.limits.per_host;
                    assert!(full, "a slot passed somebody over who could have used it");
                }
            }
            self.waiting.remove(position);
            self.take(host, grant);
        }
    }

    fn take(&mut self, host: usize, grant: Grant<u32>) {
        match grant {
            Grant::Dial { slot } => {
                let phase = Phase::Dialing;
                let before = self.slots.insert(slot, Known { host, phase });
                assert_eq!(before, None, "one slot, one connection");
            }
            Grant::Reuse { slot, connection } => {
                assert_eq!(self.connections[&connection], slot);
                let phase = Phase::Idle;
                assert_eq!(
                    self.slots[&slot],
                    Known { host, phase },
                    "one user, one host"
                );
                self.set(slot, Phase::Active);
            }
        }
    }

    fn check(&self) {
        let of = |phase| {
            self.slots
                .values()
                .filter(|known| known.phase == phase)
                .count()
        };
        let counted = Stats {
            dialing: of(Phase::Dialing),
            active: of(Phase::Active),
            idle: of(Phase::Idle),
            closing: of(Phase::Closing),
            waiting: self.waiting.len(),
        };
        assert_eq!(self.pool.stats(), counted);
        assert!(
            counted.connections() <= self.limits.total,
            "total exceeded: {counted:?}"
        );
        assert!(
            counted.idle <= self.limits.idle,
            "idle exceeded: {counted:?}"
        );
        for host in 0..HOSTS.len() {
            assert!(
                self.count(host) <= self.limits.per_host,
                "host {host} exceeded"
            );
        }
        let mut sum = 0;
        for host in self.pool.hosts() {
            let stats = host.stats;
            assert!(
                stats.connections() + stats.waiting > 0,
                "an unused host costs memory"
            );
            sum += stats.connections() + stats.waiting;
        }
        assert_eq!(sum, counted.connections() + counted.waiting);
        // Whoever waits has a reason: its host is full, or the total is and nothing can be evicted.
        for (waiter, host, _) in &self.waiting {
            let host_full = self.count(*host) >= self.limits.per_host;
            let total_full = counted.connections() >= self.limits.total;
            let evictable = counted.idle > 0 && counted.closing == 0;
            assert!(
                host_full || total_full && !evictable,
                "waiter {waiter} waits for nothing"
            );
        }
    }

    /// Lets every request come to its end.
    fn drain(&mut self) {
        for _ in 0..10_000 {
            if self.waiting.is_empty() && self.slots.is_empty() {
                return;
            }
            self.apply(Event::Dialed { nth: 0 });
            self.apply(Event::Finish { nth: 0, keep: None });
            self.apply(Event::Closed { nth: 0 });
            if self.waiting.is_empty() {
                self.apply(Event::Break { nth: 0 });
                self.apply(Event::Withdraw { nth: 1 });
            }
        }
        panic!(
            "{} still wait, {} still open",
            self.waiting.len(),
            self.slots.len()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn h1a_no_sequence_of_events_exceeds_a_limit_or_strands_a_waiter(
        total in 1..6_usize, per_host in 1..5_usize, idle in 0..6_usize,
        events in prop::collection::vec(event(), 1..150),
    ) {
        let idle_timeout = Duration::from_secs(10);
        let mut model = Model::new(Limits { total, per_host, idle, idle_timeout });
        for event in events {
            model.apply(event);
        }
        model.drain();
        prop_assert!(model.pool.hosts().is_empty());
    }
}

fn pool(total: usize, per_host: usize, idle: usize) -> Pool<u32, u32> {
    let idle_timeout = Duration::from_secs(10);
    Pool::new(Limits {
        total,
        per_host,
        idle,
        idle_timeout,
    })
}

/// A connection `number` to `key`, in use.
fn open(pool: &mut Pool<u32, u32>, key: &str, number: u32) -> Slot {
    let mut effects = Effects::none();
    match pool.try_acquire(key, Moment::ZERO, &mut effects) {
        Some(Grant::Dial { slot }) => {
            assert!(pool.dialed(slot, number));
            slot
        }
        other => panic!("expected a slot to dial with, got {other:?}"),
    }
}

#[test]
fn h1b_a_full_pool_evicts_the_least_recently_used_idle_connection_of_another_host() {
    let mut pool = pool(2, 2, 2);
    let mut effects = Effects::none();
    let older = open(&mut pool, "a", 1);
    let newer = open(&mut pool, "b", 2);
    pool.finish(older, None, Moment::ZERO, &mut effects);
    pool.finish(newer, None, Moment::ZERO, &mut effects);
    assert!(pool.try_acquire("c", Moment::ZERO, &mut effects).is_none());
    pool.wait("c", 7, Moment::ZERO, &mut effects);
    let evicted: Vec<_> = effects
        .closes
        .iter()
        .map(|c| (c.connection, c.urgent))
        .collect();
    assert_eq!(evicted, [(1, true)]);
    assert!(effects.grants.is_empty(), "its socket is still open");
    pool.closed(older, Moment::ZERO, &mut effects);
    assert!(matches!(effects.grants[..], [(7, Grant::Dial { .. })]));
    assert_eq!(pool.stats().connections(), 2);
}

#[test]
fn h1c_one_eviction_serves_one_waiter_however_often_the_pool_is_asked() {
    let mut pool = pool(3, 3, 3);
    let mut effects = Effects::none();
    let slots = [1, 2, 3].map(|number| open(&mut pool, "a", number));
    for slot in slots {
        pool.finish(slot, None, Moment::ZERO, &mut effects);
    }
    pool.wait("b", 7, Moment::ZERO, &mut effects);
    assert_eq!(effects.closes.len(), 1);
    let ticket = pool.wait("c", 8, Moment::ZERO, &mut effects);
    assert_eq!(effects.closes.len(), 2);
    pool.cancel(ticket.expect("it waits"));
    pool.wait("d", 9, Moment::ZERO, &mut effects);
    assert_eq!(
        effects.closes.len(),
        2,
        "what was evicted for the one that left serves the next"
    );
}

#[test]
fn h1d_waiters_are_served_in_order_and_only_those_of_a_full_host_are_passed_over() {
    let mut pool = pool(3, 1, 3);
    let mut effects = Effects::none();
    let a = open(&mut pool, "a", 1);
    let b = open(&mut pool, "b", 2);
    open(&mut pool, "c", 3);
    pool.wait("a", 10, Moment::ZERO, &mut effects);
    pool.wait("d", 11, Moment::ZERO, &mut effects);
    pool.wait("e", 12, Moment::ZERO, &mut effects);
    pool.closed(b, Moment::ZERO, &mut effects);
    assert!(
        matches!(effects.grants[..], [(11, Grant::Dial { .. })]),
        "{effects:?}"
    );
    effects = Effects::none();
    pool.finish(a, None, Moment::ZERO, &mut effects);
    let [(10, Grant::Reuse { connection: 1, .. })] = effects.grants[..] else {
        panic!("the first in the queue uses its own host's connection: {effects:?}");
    };
}

#[test]
fn h1e_a_connection_is_handed_over_reserved() {
    let mut pool = pool(1, 1, 1);
    let mut effects = Effects::none();
    let slot = open(&mut pool, "a", 1);
    pool.wait("a", 10, Moment::ZERO, &mut effects);
    pool.wait("a", 11, Moment::ZERO, &mut effects);
    pool.finish(slot, None, Moment::ZERO, &mut effects);
    assert_eq!(
        effects.grants,
        [(
            10,
            Grant::Reuse {
                slot,
                connection: 1
            }
        )]
    );
    assert_eq!((pool.stats().active, pool.stats().idle), (1, 0));
    assert!(pool.try_acquire("a", Moment::ZERO, &mut effects).is_none());
}

#[test]
fn h1m_who_returns_what_it_was_given_keeps_its_place() {
    let mut pool = pool(1, 1, 1);
    let mut effects = Effects::none();
    let slot = open(&mut pool, "a", 1);
    let ticket = pool.wait("a", 10, Moment::ZERO, &mut effects);
    pool.wait("b", 11, Moment::ZERO, &mut effects);
    pool.wait("a", 12, Moment::ZERO, &mut effects);
    pool.closed(slot, Moment::ZERO, &mut effects);
    let Some((10, Grant::Dial { slot })) = effects.grants.pop() else {
        panic!("the first in the queue is served: {effects:?}");
    };
    pool.closed(slot, Moment::ZERO, &mut effects);
    let Some((11, Grant::Dial { slot })) = effects.grants.pop() else {
        panic!("what was returned goes to the next: {effects:?}");
    };
    pool.wait_again(
        "a",
        ticket.expect("it waited"),
        10,
        Moment::ZERO,
        &mut effects,
    );
    pool.closed(slot, Moment::ZERO, &mut effects);
    assert!(
        matches!(effects.grants[..], [(10, Grant::Dial { .. })]),
        "{effects:?}"
    );
}

#[test]
fn h4l_a_connection_past_its_time_is_closed_instead_of_used() {
    let mut pool = pool(2, 2, 2);
    let mut effects = Effects::none();
    let slot = open(&mut pool, "a", 1);
    let hinted = open(&mut pool, "a", 2);
    pool.finish(slot, None, Moment::ZERO, &mut effects);
    pool.finish(hinted, None, Moment::ZERO, &mut effects);
    pool.keep(hinted, Moment::ZERO + Duration::from_secs(3));
    let later = Moment::ZERO + Duration::from_secs(3);
    let grant = pool.try_acquire("a", later, &mut effects);
    assert_eq!(
        grant,
        Some(Grant::Reuse {
            slot,
            connection: 1
        })
    );
    assert_eq!(effects.closes.len(), 1);
    pool.finish(slot, Some(Duration::from_secs(60)), later, &mut effects);
    assert_eq!(pool.expires(slot), Some(later + Duration::from_secs(10)));
    assert!(!pool.expire(slot, later));
    assert!(pool.expire(slot, later + Duration::from_secs(10)));
}

#[test]
fn h7a_a_closed_pool_refuses_waiters_and_grants_nothing() {
    let mut pool = pool(2, 2, 2);
    let mut effects = Effects::none();
    let idle = open(&mut pool, "a", 1);
    let active = open(&mut pool, "a", 2);
    pool.wait("b", 7, Moment::ZERO, &mut effects);
    pool.finish(idle, None, Moment::ZERO, &mut effects);
    effects = Effects::none();
    pool.close(&mut effects);
    assert_eq!(effects.refused, [7]);
    assert!(pool.try_acquire("a", Moment::ZERO, &mut effects).is_none());
    assert!(pool.wait("a", 8, Moment::ZERO, &mut effects).is_none());
    assert_eq!(effects.refused, [7, 8]);
    pool.finish(active, None, Moment::ZERO, &mut effects);
    let last = effects.closes.last().map(|close| close.connection);
    assert_eq!(last, Some(2), "what finishes afterwards is closed");
}
