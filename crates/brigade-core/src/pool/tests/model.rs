//! The pool against a model that counts by itself, after every step of random lives.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::pool::{Effects, Limits, Opened, Phase, Pool, Sharing, Slot, Stats, Ticket};
use crate::time::Moment;

const HOSTS: [&str; 4] = ["http://a", "http://b", "https://b", "http://c:8080"];

/// One event; the numbers choose among what is possible at the time.
#[derive(Clone, Copy, Debug)]
enum Event {
    Acquire { host: usize },
    Dialed { nth: usize, opened: Opened },
    DialFailed { nth: usize },
    Finish { nth: usize, keep: Option<u64> },
    SetRoom { nth: usize, room: u32 },
    Break { nth: usize },
    Withdraw { nth: usize },
    Drain { nth: usize },
    Closed { nth: usize },
    Beside { nth: usize },
    Cancel { nth: usize },
    Expire { nth: usize },
    Pass { seconds: u64 },
}

fn opened() -> impl Strategy<Value = Opened> {
    let shared = (1..4_u32, any::<bool>(), prop::option::of(1..60_u64));
    let shared = shared.prop_map(|(room, is_settled, until)| Opened {
        room: if is_settled { room } else { 1 },
        is_shared: true,
        is_settled,
        until: until.map_or(Moment::MAX, |until| {
            Moment::from_nanos(until * 1_000_000_000)
        }),
    });
    prop_oneof![2 => Just(Opened::EXCLUSIVE), 1 => shared]
}

fn event() -> impl Strategy<Value = Event> {
    let nth = any::<usize>();
    prop_oneof![
        8 => (0..HOSTS.len()).prop_map(|host| Event::Acquire { host }),
        5 => (nth, opened()).prop_map(|(nth, opened)| Event::Dialed { nth, opened }),
        1 => nth.prop_map(|nth| Event::DialFailed { nth }),
        6 => (nth, prop::option::of(0..20_u64)).prop_map(|(nth, keep)| Event::Finish { nth, keep }),
        2 => (nth, 0..5_u32).prop_map(|(nth, room)| Event::SetRoom { nth, room }),
        1 => nth.prop_map(|nth| Event::Break { nth }),
        1 => nth.prop_map(|nth| Event::Withdraw { nth }),
        1 => nth.prop_map(|nth| Event::Drain { nth }),
        3 => nth.prop_map(|nth| Event::Closed { nth }),
        1 => nth.prop_map(|nth| Event::Beside { nth }),
        2 => nth.prop_map(|nth| Event::Cancel { nth }),
        1 => nth.prop_map(|nth| Event::Expire { nth }),
        1 => (0..20_u64).prop_map(|seconds| Event::Pass { seconds }),
    ]
}

/// What the test knows of a slot, from the events alone.
#[derive(Clone, Copy, Debug)]
struct Known {
    host: usize,
    /// Dialing, open or closing.
    stage: Stage,
    /// The waiter that it is dialed for.
    dialed_for: Option<u32>,
    is_settled: bool,
    is_shared: bool,
    leases: u32,
    room: u32,
    until: Moment,
    expires: Moment,
    /// Closing, with requests that go on.
    drains: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Dialing,
    Open,
    Closing,
}

impl Known {
    fn phase(&self) -> Phase {
        match self.stage {
            Stage::Dialing => Phase::Dialing,
            Stage::Open if self.leases == 0 => Phase::Idle,
            Stage::Open => Phase::Active,
            Stage::Closing => Phase::Closing,
        }
    }

    fn is_fresh(&self, now: Moment) -> bool {
        self.until > now && (self.leases > 0 || self.expires > now)
    }
}

#[derive(Clone, Copy, Debug)]
struct Waiter {
    number: u32,
    host: usize,
    ticket: Option<Ticket>,
}

struct Model {
    pool: Pool<u32, u32>,
    limits: Limits,
    now: Moment,
    slots: BTreeMap<Slot, Known>,
    /// Connection numbers, which the pool hands out as its `C`.
    connections: BTreeMap<u32, Slot>,
    next: u32,
    /// In the order in which they came.
    waiting: Vec<Waiter>,
    /// What is known of each host's sharing, as long as the host is in use.
    shared: [Option<bool>; HOSTS.len()],
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
            shared: [None; HOSTS.len()],
        }
    }

    /// The nth of the slots in question.
    fn nth(&self, nth: usize, wanted: impl Fn(&Known) -> bool) -> Option<Slot> {
        let slots = self.slots.iter().filter(|(_, known)| wanted(known));
        let slots: Vec<Slot> = slots.map(|(slot, _)| *slot).collect();
        (!slots.is_empty()).then(|| slots[nth % slots.len()])
    }

    fn dialing(&self, nth: usize) -> Option<Slot> {
        let own = |known: &Known| known.stage == Stage::Dialing && known.dialed_for.is_some();
        self.nth(nth, own)
    }

    fn count(&self, wanted: impl Fn(&Known) -> bool) -> usize {
        self.slots.values().filter(|known| wanted(known)).count()
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn known(&mut self, slot: Slot) -> &mut Known {
        self.slots.get_mut(&slot).expect("a slot that is in use")
    }

    fn apply(&mut self, event: Event) {
        let mut effects = Effects::none();
        self.happen(event, &mut effects);
        self.settle(effects);
        for host in 0..HOSTS.len() {
            let used = self.count(|known| known.host == host) > 0;
            if !used && self.waiting.iter().all(|waiter| waiter.host != host) {
                self.shared[host] = None;
            }
        }
        self.check();
    }

    /// Nothing happens where nothing is there that it could happen to.
    fn happen(&mut self, event: Event, effects: &mut Effects<u32, u32>) -> Option<()> {
        let open = |known: &Known| known.stage == Stage::Open;
        match event {
            Event::Acquire { host } => self.acquire(host, effects),
            Event::Dialed { nth, opened } => {
                let slot = self.dialing(nth)?;
                self.dialed(slot, opened, effects);
            }
            Event::DialFailed { nth } => {
                let slot = self.dialing(nth)?;
                self.fail(slot, effects);
            }
            Event::Finish { nth, keep } => {
                let slot = self.nth(nth, |known| known.leases > 0)?;
                self.finish(slot, keep.map(Duration::from_secs), effects);
            }
            Event::SetRoom { nth, room } => {
                let shared = |known: &Known| known.stage == Stage::Open && known.is_shared;
                let slot = self.nth(nth, shared)?;
                let known = self.known(slot);
                (known.room, known.is_settled) = (room, true);
                if room == 0 && known.leases > 0 {
                    (known.stage, known.drains) = (Stage::Closing, true);
                }
                self.pool.set_room(slot, room, self.now, effects);
            }
            Event::Break { nth } => {
                let slot = self.nth(nth, |known| known.stage != Stage::Dialing)?;
                self.close(slot, effects);
            }
            Event::Withdraw { nth } | Event::Drain { nth } => {
                let slot = self.nth(nth, open)?;
                let drains = matches!(event, Event::Drain { .. });
                let known = self.known(slot);
                known.drains = drains && known.leases > 0;
                match drains {
                    true if known.drains => known.stage = Stage::Closing,
                    true => {}
                    false => known.stage = Stage::Closing,
                }
                match drains {
                    true => self.pool.drain(slot, self.now, effects),
                    false => self.pool.withdraw(slot, self.now, effects),
                }
            }
            Event::Closed { nth } => {
                let gone = |known: &Known| known.stage == Stage::Closing && !known.drains;
                let slot = self.nth(nth, gone)?;
                self.close(slot, effects);
            }
            Event::Beside { nth } => {
                let slot = self.dialing(nth)?;
                let host = self.known(slot).host;
                if let Some(beside) = self.pool.try_open_beside(slot) {
                    self.open(beside, host, None);
                }
            }
            Event::Cancel { nth } => {
                let index = nth.checked_rem(self.waiting.len())?;
                let waiter = self.waiting.remove(index);
                let ticket = waiter.ticket.expect("only those that wait are in the list");
                let left = self.pool.cancel(ticket, self.now, effects);
                assert_eq!(left, Some(waiter.number));
                assert_eq!(self.pool.cancel(ticket, self.now, effects), None);
            }
            Event::Expire { nth } => {
                let slot = self.nth(nth, |known| known.phase() == Phase::Idle)?;
                let known = *self.known(slot);
                let due = known.until.min(known.expires) <= self.now;
                assert_eq!(self.pool.expire(slot, self.now), due);
                if due {
                    self.known(slot).stage = Stage::Closing;
                }
            }
            Event::Pass { seconds } => self.now = self.now + Duration::from_secs(seconds),
        }
        Some(())
    }

    fn acquire(&mut self, host: usize, effects: &mut Effects<u32, u32>) {
        let key = HOSTS[host];
        let number = self.number();
        if let Some(grant) = self.pool.try_acquire(key, self.now, effects) {
            self.lease(grant.slot, grant.connection, host);
            return;
        }
        self.waiting.push(Waiter {
            number,
            host,
            ticket: None,
        });
        let sharing = match host % 2 {
            0 => Sharing::Never,
            _ => Sharing::Expected,
        };
        self.shared[host].get_or_insert(sharing == Sharing::Expected);
        let ticket = self.pool.wait(key, sharing, number, self.now, effects);
        if let Some(waiter) = self.waiting.last_mut() {
            waiter.ticket = ticket;
        }
    }

    fn open(&mut self, slot: Slot, host: usize, dialed_for: Option<u32>) {
        let known = Known {
            host,
            stage: Stage::Dialing,
            dialed_for,
            is_settled: false,
            is_shared: false,
            leases: 0,
            room: 0,
            until: Moment::MAX,
            expires: Moment::MAX,
            drains: false,
        };
        assert!(
            self.slots.insert(slot, known).is_none(),
            "one slot, one connection"
        );
    }

    fn dialed(&mut self, slot: Slot, opened: Opened, effects: &mut Effects<u32, u32>) {
        let number = self.number();
        let expires = self.now + self.limits.idle_timeout;
        let known = self.known(slot);
        *known = Known {
            stage: Stage::Open,
            dialed_for: None,
            is_settled: opened.is_settled,
            is_shared: opened.is_shared,
            room: opened.room,
            until: opened.until,
            expires,
            ..*known
        };
        let host = known.host;
        self.shared[host] = Some(opened.is_shared);
        self.connections.insert(number, slot);
        assert!(self.pool.dialed(slot, number, opened, self.now, effects));
    }

    fn fail(&mut self, slot: Slot, effects: &mut Effects<u32, u32>) {
        let Known {
            host, dialed_for, ..
        } = *self.known(slot);
        let told = self.pool.failed(slot);
        let waits = self
            .waiting
            .iter()
            .any(|waiter| Some(waiter.number) == dialed_for);
        assert_eq!(
            told,
            dialed_for.filter(|_| waits),
            "who needed it is told, if it waits"
        );
        self.waiting.retain(|waiter| Some(waiter.number) != told);
        self.shared[host] = Some(false);
        self.close(slot, effects);
    }

    fn finish(&mut self, slot: Slot, keep: Option<Duration>, effects: &mut Effects<u32, u32>) {
        let now = self.now;
        let kept = keep.map_or(self.limits.idle_timeout, |keep| {
            keep.min(self.limits.idle_timeout)
        });
        let known = self.known(slot);
        known.leases -= 1;
        known.expires = now + kept;
        self.pool.finish(slot, keep, self.now, effects);
    }

    fn close(&mut self, slot: Slot, effects: &mut Effects<u32, u32>) {
        self.slots.remove(&slot);
        self.pool.closed(slot, self.now, effects);
        // A slot that is used after its end does no harm.
        self.pool.closed(slot, self.now, effects);
        self.pool.finish(slot, None, self.now, effects);
        self.pool.set_room(slot, 9, self.now, effects);
        assert_eq!(self.pool.failed(slot), None);
        assert!(
            !self
                .pool
                .dialed(slot, 0, Opened::EXCLUSIVE, self.now, effects)
        );
    }

    fn settle(&mut self, effects: Effects<u32, u32>) {
        assert!(effects.refused.is_empty());
        let has_evicted = effects.closes.iter().any(|close| close.urgent);
        for (number, grant) in effects.grants {
            let waiter = self.leave_queue(number);
            self.lease(grant.slot, grant.connection, waiter.host);
        }
        for close in effects.closes {
            let slot = self.connections[&close.connection];
            let known = self.known(slot);
            assert_eq!(known.leases, 0, "a request is on it");
            assert!(known.stage == Stage::Open || known.drains);
            (known.stage, known.drains) = (Stage::Closing, false);
        }
        for dial in effects.abandons {
            let waits = self
                .waiting
                .iter()
                .any(|waiter| waiter.number == dial.waiter);
            assert!(!waits, "somebody needs the dial that was given up");
            let known = self.known(dial.slot);
            assert_eq!(known.dialed_for, Some(dial.waiter), "it was being dialed");
            (known.stage, known.dialed_for) = (Stage::Closing, None);
        }
        self.note_draining();
        for dial in effects.dials {
            let waiter = self
                .waiting
                .iter()
                .find(|waiter| waiter.number == dial.waiter);
            // Who was given a connection in the same step needs its dial no more.
            let host = waiter.map(|waiter| waiter.host);
            let host = host.unwrap_or_else(|| unreachable!("a dial is for one who waits"));
            self.in_order(host, dial.waiter);
            self.open(dial.slot, host, Some(dial.waiter));
        }
        let is_useful = self.leaving() <= self.needed_by_all();
        assert!(!has_evicted || is_useful, "something is evicted for nobody");
    }

    /// What drains without having been told to must be too old, or in the way of somebody who
    /// waits for its slot and can have no other.
    fn note_draining(&mut self) {
        let leaving = self.pool.connections();
        let leaving = leaving.filter(|entry| entry.phase == Phase::Closing && entry.leases > 0);
        let leaving: Vec<u32> = leaving
            .filter_map(|entry| entry.connection.copied())
            .collect();
        let is_busy = |known: &Known| known.is_shared && known.stage == Stage::Open;
        let all_shared = self.count(|known| !is_busy(known) && known.stage != Stage::Closing) == 0;
        let in_the_way = all_shared && self.slots.len() >= self.limits.total;
        for number in leaving {
            let slot = self.connections[&number];
            let (now, waits) = (self.now, !self.waiting.is_empty());
            let known = self.known(slot);
            if known.stage == Stage::Open {
                let why = known.until <= now || known.is_shared && in_the_way && waits;
                assert!(why, "a connection was given up without a reason: {known:?}");
                (known.stage, known.drains) = (Stage::Closing, true);
            }
        }
    }

    /// A slot passes over nobody who could have used it.
    fn in_order(&self, host: usize, number: u32) {
        let before = self
            .waiting
            .iter()
            .take_while(|waiter| waiter.number != number);
        for other in before.filter(|waiter| waiter.host != host) {
            assert!(
                !self.is_in_need(other.number, other.host),
                "{other:?} was passed over"
            );
        }
    }

    /// Whether a slot would be of use to a waiter.
    fn is_in_need(&self, number: u32, host: usize) -> bool {
        let has_own = self
            .slots
            .values()
            .any(|known| known.dialed_for == Some(number));
        !has_own && self.needed(host) > 0
    }

    /// How many more connections would be of use to those who wait for a host.
    fn needed(&self, host: usize) -> usize {
        let of_host = |known: &Known| known.host == host;
        let dialing = |known: &Known| known.stage == Stage::Dialing && known.dialed_for.is_some();
        let dials = self.count(|known| of_host(known) && dialing(known));
        let pending = self.count(|known| {
            of_host(known) && (dialing(known) || known.stage == Stage::Open && !known.is_settled)
        });
        let of_host = |waiter: &&Waiter| waiter.host == host;
        let waits = self.waiting.iter().filter(of_host).count();
        let useful = match self.shared[host] {
            Some(true) => usize::from(pending == 0 && waits > 0),
            _ => waits.saturating_sub(dials),
        };
        let count = self.count(|known| known.host == host);
        useful.min(self.limits.per_host - count)
    }

    fn needed_by_all(&self) -> usize {
        (0..HOSTS.len()).map(|host| self.needed(host)).sum()
    }

    /// Connections whose slot is about to be free.
    fn leaving(&self) -> usize {
        self.count(|known| known.stage == Stage::Closing && !known.drains)
    }

    fn leave_queue(&mut self, number: u32) -> Waiter {
        let index = self
            .waiting
            .iter()
            .position(|waiter| waiter.number == number);
        let waiter = self.waiting.remove(index.expect("nobody is served twice"));
        let first = self.waiting.iter().take(index.unwrap_or(0));
        for other in first {
            assert_ne!(
                other.host, waiter.host,
                "the queue of a host is first in, first out"
            );
        }
        waiter
    }

    fn lease(&mut self, slot: Slot, connection: u32, host: usize) {
        assert_eq!(self.connections[&connection], slot);
        let now = self.now;
        let known = self.known(slot);
        assert_eq!((known.host, known.stage), (host, Stage::Open));
        assert!(known.is_fresh(now), "it is past its time: {known:?}");
        known.leases += 1;
        assert!(known.leases <= known.room, "there was no room: {known:?}");
    }

    fn check(&self) {
        let of = |phase| self.count(|known| known.phase() == phase);
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
            let count = self.count(|known| known.host == host);
            assert!(count <= self.limits.per_host, "host {host} exceeded");
        }
        let mut sum = 0;
        for host in self.pool.hosts() {
            let used = host.stats.connections() + host.stats.waiting;
            assert!(used > 0, "an unused host costs memory");
            sum += used;
        }
        assert_eq!(sum, counted.connections() + counted.waiting);
        self.check_waiting(counted);
    }

    /// Whoever waits has a reason: there is no room, and another dial is under way, not allowed, or
    /// of no use.
    fn check_waiting(&self, counted: Stats) {
        let lacks = self.needed_by_all() > self.leaving();
        assert!(counted.idle == 0 || !lacks, "nothing is evicted for some");
        let full = counted.connections() >= self.limits.total;
        for waiter in &self.waiting {
            let room = self.count(|known| {
                known.host == waiter.host && known.stage == Stage::Open && known.leases < known.room
            });
            assert_eq!(room, 0, "{waiter:?} waits beside a connection with room");
            let in_need = self.is_in_need(waiter.number, waiter.host);
            assert!(full || !in_need, "{waiter:?} waits for nothing");
        }
    }

    /// Lets every request come to its end.
    fn drain(&mut self) {
        for _ in 0..10_000 {
            if self.waiting.is_empty() && self.slots.is_empty() {
                return;
            }
            let opened = Opened::EXCLUSIVE;
            self.apply(Event::Dialed { nth: 0, opened });
            self.apply(Event::Finish { nth: 0, keep: None });
            self.apply(Event::Closed { nth: 0 });
            self.apply(Event::SetRoom { nth: 0, room: 1 });
            let beside =
                |known: &Known| known.stage == Stage::Dialing && known.dialed_for.is_none();
            if let Some(beside) = self.nth(0, beside) {
                let mut effects = Effects::none();
                self.close(beside, &mut effects);
                self.settle(effects);
            }
            if self.waiting.is_empty() {
                self.apply(Event::Break { nth: 0 });
            }
        }
        panic!(
            "{} still wait, {:?} still open",
            self.waiting.len(),
            self.slots
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

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
