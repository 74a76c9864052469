//! Each rule of the pool by itself; `model` holds all of them against random lives.

mod model;

use std::time::Duration;

use super::{Effects, Grant, Limits, Opened, Pool, Sharing, Slot, Ticket};
use crate::time::Moment;

fn pool(total: usize, per_host: usize, idle: usize) -> Pool<u32, u32> {
    let idle_timeout = Duration::from_secs(10);
    Pool::new(Limits {
        total,
        per_host,
        idle,
        idle_timeout,
    })
}

/// Lets `waiter` wait for an exclusive connection to `key`.
fn wait(
    pool: &mut Pool<u32, u32>,
    key: &str,
    waiter: u32,
    effects: &mut Effects<u32, u32>,
) -> Ticket {
    let ticket = pool.wait(key, Sharing::Never, waiter, Moment::ZERO, effects);
    ticket.expect("the pool is open")
}

/// A connection `number` to `key`, in use.
fn open(pool: &mut Pool<u32, u32>, key: &str, number: u32) -> Slot {
    open_as(pool, key, number, Opened::EXCLUSIVE)
}

fn open_as(pool: &mut Pool<u32, u32>, key: &str, number: u32, opened: Opened) -> Slot {
    let mut effects = Effects::none();
    wait(pool, key, 1000 + number, &mut effects);
    let slot = effects.dials.pop().expect("a slot to dial with").slot;
    assert!(pool.dialed(slot, number, opened, Moment::ZERO, &mut effects));
    assert_eq!(effects.grants.len(), 1, "who asked gets it");
    slot
}

fn dialed_for(effects: &Effects<u32, u32>) -> Vec<u32> {
    effects.dials.iter().map(|dial| dial.waiter).collect()
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
    wait(&mut pool, "c", 7, &mut effects);
    let evicted: Vec<_> = effects
        .closes
        .iter()
        .map(|c| (c.connection, c.urgent))
        .collect();
    assert_eq!(evicted, [(1, true)]);
    assert!(effects.dials.is_empty(), "its socket is still open");
    pool.closed(older, Moment::ZERO, &mut effects);
    assert_eq!(dialed_for(&effects), [7]);
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
    wait(&mut pool, "b", 7, &mut effects);
    assert_eq!(effects.closes.len(), 1);
    let ticket = wait(&mut pool, "c", 8, &mut effects);
    assert_eq!(effects.closes.len(), 2);
    pool.cancel(ticket, Moment::ZERO, &mut effects);
    wait(&mut pool, "d", 9, &mut effects);
    let what = "what was evicted for the one that left serves the next";
    assert_eq!(effects.closes.len(), 2, "{what}");
}

#[test]
fn h1b_each_waiter_of_one_host_has_a_connection_evicted_for_it_at_once() {
    let mut pool = pool(3, 2, 3);
    let mut effects = Effects::none();
    let slots = [("a", 1), ("b", 2), ("c", 3)].map(|(key, number)| open(&mut pool, key, number));
    for waiter in 10..13 {
        wait(&mut pool, "d", waiter, &mut effects);
    }
    for slot in slots {
        pool.finish(slot, None, Moment::ZERO, &mut effects);
    }
    let evicted = effects.closes.iter().map(|close| close.connection);
    let what = "its host may have two";
    assert_eq!(evicted.collect::<Vec<_>>(), [1, 2], "{what}");
    pool.finish(slots[0], None, Moment::ZERO, &mut effects);
    assert_eq!(effects.closes.len(), 2);
}

#[test]
fn h1b_one_eviction_serves_all_who_may_share_a_connection() {
    let mut pool = pool(3, 3, 3);
    let mut effects = Effects::none();
    let idle = ["b", "c", "d"].map(|key| open(&mut pool, key, 2));
    for slot in idle {
        pool.finish(slot, None, Moment::ZERO, &mut effects);
    }
    for waiter in 10..13 {
        wait_shared(&mut pool, waiter, &mut effects);
    }
    assert_eq!(effects.closes.len(), 1);
    pool.closed(idle[0], Moment::ZERO, &mut effects);
    let dial = effects.dials.pop().expect("its slot is free").slot;
    pool.failed(dial);
    pool.closed(dial, Moment::ZERO, &mut effects);
    let what = "each of the two who are left needs its own";
    assert_eq!(effects.closes.len(), 2, "{what}");
}

#[test]
fn h1c_nothing_is_evicted_for_who_gets_the_slot_of_a_connection_past_its_time() {
    let mut pool = pool(2, 2, 2);
    let mut effects = Effects::none();
    let old = open(&mut pool, "a", 1);
    let other = open(&mut pool, "b", 2);
    pool.finish(
        old,
        Some(Duration::from_secs(1)),
        Moment::ZERO,
        &mut effects,
    );
    pool.finish(other, None, Moment::ZERO, &mut effects);
    let later = Moment::ZERO + Duration::from_secs(2);
    pool.wait("a", Sharing::Never, 10, later, &mut effects);
    let closed = effects.closes.iter().map(|close| close.connection);
    assert_eq!(closed.collect::<Vec<_>>(), [1]);
}

#[test]
fn h1c_a_connection_that_drains_is_no_promise_to_a_waiter() {
    let mut pool = pool(2, 2, 2);
    let mut effects = Effects::none();
    let draining = open(&mut pool, "a", 1);
    let idle = open(&mut pool, "b", 2);
    pool.drain(draining, Moment::ZERO, &mut effects);
    pool.finish(idle, None, Moment::ZERO, &mut effects);
    wait(&mut pool, "c", 7, &mut effects);
    let closed = effects.closes.iter().map(|close| close.connection);
    assert_eq!(
        closed.collect::<Vec<_>>(),
        [2],
        "the other may take for ever"
    );
}

#[test]
fn h1d_waiters_are_served_in_order_and_only_those_of_a_full_host_are_passed_over() {
    let mut pool = pool(3, 1, 3);
    let mut effects = Effects::none();
    let a = open(&mut pool, "a", 1);
    let b = open(&mut pool, "b", 2);
    open(&mut pool, "c", 3);
    for (waiter, key) in [(10, "a"), (11, "d"), (12, "e")] {
        wait(&mut pool, key, waiter, &mut effects);
    }
    pool.closed(b, Moment::ZERO, &mut effects);
    assert_eq!(dialed_for(&effects), [11]);
    pool.finish(a, None, Moment::ZERO, &mut effects);
    let [(10, Grant { connection: 1, .. })] = effects.grants[..] else {
        panic!("the first in the queue uses its own host's connection: {effects:?}");
    };
}

#[test]
fn h1d_who_needs_another_connection_comes_before_who_joined_later_for_one_that_is_open() {
    let mut pool = pool(1, 1, 1);
    let mut effects = Effects::none();
    let busy = open(&mut pool, "a", 1);
    wait(&mut pool, "b", 10, &mut effects);
    wait(&mut pool, "a", 11, &mut effects);
    pool.finish(busy, None, Moment::ZERO, &mut effects);
    assert!(effects.grants.is_empty(), "{effects:?}");
    assert_eq!(effects.closes.len(), 1);
}

#[test]
fn h1d_who_gets_a_slot_that_is_about_to_be_free_takes_no_connection_from_the_next() {
    let mut pool = pool(2, 1, 2);
    let mut effects = Effects::none();
    let leaving = open(&mut pool, "a", 1);
    let busy = open(&mut pool, "b", 2);
    pool.withdraw(leaving, Moment::ZERO, &mut effects);
    for (waiter, key) in [(10, "c"), (11, "b"), (12, "d")] {
        wait(&mut pool, key, waiter, &mut effects);
    }
    pool.finish(busy, None, Moment::ZERO, &mut effects);
    let granted = effects.grants.iter().map(|(waiter, _)| *waiter);
    assert_eq!(granted.collect::<Vec<_>>(), [11]);
}

#[test]
fn h1e_a_connection_is_handed_over_reserved() {
    let mut pool = pool(1, 1, 1);
    let mut effects = Effects::none();
    let slot = open(&mut pool, "a", 1);
    wait(&mut pool, "a", 10, &mut effects);
    wait(&mut pool, "a", 11, &mut effects);
    pool.finish(slot, None, Moment::ZERO, &mut effects);
    let connection = 1;
    assert_eq!(effects.grants, [(10, Grant { slot, connection })]);
    assert_eq!((pool.stats().active, pool.stats().idle), (1, 0));
    assert!(pool.try_acquire("a", Moment::ZERO, &mut effects).is_none());
}

#[test]
fn h1m_who_returns_what_it_was_given_keeps_its_place() {
    let mut pool = pool(1, 1, 1);
    let mut effects = Effects::none();
    let slot = open(&mut pool, "a", 1);
    let ticket = wait(&mut pool, "a", 10, &mut effects);
    for waiter in [11, 12] {
        wait(&mut pool, "a", waiter, &mut effects);
    }
    for waiter in [10, 11] {
        pool.finish(slot, None, Moment::ZERO, &mut effects);
        assert_eq!(effects.grants.pop().map(|(waiter, _)| waiter), Some(waiter));
    }
    pool.wait_again("a", ticket, 10, Moment::ZERO, &mut effects);
    pool.finish(slot, None, Moment::ZERO, &mut effects);
    assert_eq!(effects.grants.pop().map(|(waiter, _)| waiter), Some(10));
}

#[test]
fn h1o_who_waits_is_served_by_whatever_comes_first_and_its_dial_serves_the_next() {
    let mut pool = pool(3, 3, 3);
    let mut effects = Effects::none();
    let busy = open(&mut pool, "a", 1);
    wait(&mut pool, "a", 10, &mut effects);
    assert_eq!(dialed_for(&effects), [10]);
    pool.finish(busy, None, Moment::ZERO, &mut effects);
    assert_eq!(effects.grants.pop().map(|(waiter, _)| waiter), Some(10));
    let dial = effects.dials.pop().expect("it is under way");
    wait(&mut pool, "a", 11, &mut effects);
    assert!(
        effects.dials.is_empty(),
        "one is under way that nobody else needs"
    );
    assert!(pool.dialed(dial.slot, 2, Opened::EXCLUSIVE, Moment::ZERO, &mut effects));
    assert_eq!(effects.grants.pop().map(|(waiter, _)| waiter), Some(11));
}

#[test]
fn h1o_a_dial_that_nobody_needs_any_more_is_parked_or_gives_its_slot_to_who_waits() {
    let mut pool = pool(1, 1, 1);
    let mut effects = Effects::none();
    let ticket = wait(&mut pool, "a", 10, &mut effects);
    let dial = effects.dials.pop().expect("it is under way");
    pool.cancel(ticket, Moment::ZERO, &mut effects);
    assert!(effects.abandons.is_empty(), "nobody else wants the slot");
    let ticket = wait(&mut pool, "b", 11, &mut effects);
    let abandoned = effects.abandons.iter().map(|dial| (dial.slot, dial.waiter));
    assert_eq!(abandoned.collect::<Vec<_>>(), [(dial.slot, 10)]);
    assert!(!pool.dialed(dial.slot, 1, Opened::EXCLUSIVE, Moment::ZERO, &mut effects));
    pool.closed(dial.slot, Moment::ZERO, &mut effects);
    let dial = effects.dials.pop().expect("its slot is free");
    pool.cancel(ticket, Moment::ZERO, &mut effects);
    assert!(pool.dialed(dial.slot, 2, Opened::EXCLUSIVE, Moment::ZERO, &mut effects));
    assert_eq!((pool.stats().idle, pool.stats().connections()), (1, 1));
}

#[test]
fn h1o_a_dial_gives_its_slot_to_who_has_waited_for_longer_than_its_own_waiter() {
    let mut pool = pool(3, 3, 3);
    let mut effects = Effects::none();
    let busy = open_as(&mut pool, "b", 1, SHARED);
    assert!(pool.try_acquire("b", Moment::ZERO, &mut effects).is_some());
    for waiter in 10..12 {
        wait_shared(&mut pool, waiter, &mut effects);
    }
    let shared = effects.dials.pop().expect("one may serve both").slot;
    wait(&mut pool, "b", 12, &mut effects);
    let dial = effects.dials.pop().expect("there is room").slot;
    let opened = Opened { room: 1, ..SHARED };
    pool.dialed(shared, 2, opened, Moment::ZERO, &mut effects);
    assert!(effects.abandons.is_empty(), "somebody needs it");
    pool.finish(busy, None, Moment::ZERO, &mut effects);
    let granted = effects.grants.iter().map(|(waiter, _)| *waiter);
    assert_eq!(granted.collect::<Vec<_>>(), [10, 12]);
    let abandoned = effects.abandons.iter().map(|dial| dial.slot);
    assert_eq!(
        abandoned.collect::<Vec<_>>(),
        [dial],
        "it serves nobody else"
    );
    pool.closed(dial, Moment::ZERO, &mut effects);
    assert_eq!(dialed_for(&effects), [11]);
}

#[test]
fn h1o_a_dial_that_fails_is_told_to_who_needed_it_and_to_nobody_else() {
    let mut pool = pool(3, 3, 3);
    let mut effects = Effects::none();
    for waiter in [10, 11] {
        wait(&mut pool, "a", waiter, &mut effects);
    }
    let [first, second] = effects.dials.as_slice() else {
        panic!("each waiter of a host that shares nothing dials: {effects:?}");
    };
    let (first, second) = (first.slot, second.slot);
    assert_eq!(pool.failed(second), Some(11));
    pool.closed(second, Moment::ZERO, &mut effects);
    wait(&mut pool, "a", 12, &mut effects);
    let third = effects.dials.pop().expect("a dial for the third").slot;
    assert!(pool.dialed(third, 1, Opened::EXCLUSIVE, Moment::ZERO, &mut effects));
    assert_eq!(
        effects.grants.pop().map(|(waiter, _)| waiter),
        Some(10),
        "the first in line"
    );
    assert_eq!(pool.failed(first), None, "it was for one who is served");
    effects.dials.clear();
    pool.closed(first, Moment::ZERO, &mut effects);
    assert_eq!(dialed_for(&effects), [12], "who still waits needs another");
}

const SHARED: Opened = Opened {
    room: 2,
    is_shared: true,
    ..Opened::EXCLUSIVE
};

fn wait_shared(pool: &mut Pool<u32, u32>, waiter: u32, effects: &mut Effects<u32, u32>) {
    pool.wait("a", Sharing::Expected, waiter, Moment::ZERO, effects);
}

#[test]
fn h5a_requests_share_a_connection_up_to_its_room_and_the_next_is_dialed_when_it_is_full() {
    let mut pool = pool(3, 3, 3);
    let mut effects = Effects::none();
    for waiter in 10..13 {
        wait_shared(&mut pool, waiter, &mut effects);
    }
    assert_eq!(dialed_for(&effects), [10], "the first may serve all");
    let first = effects.dials.pop().expect("one").slot;
    pool.dialed(first, 1, SHARED, Moment::ZERO, &mut effects);
    let served = |effects: &mut Effects<u32, u32>| -> Vec<u32> {
        effects.grants.drain(..).map(|(waiter, _)| waiter).collect()
    };
    assert_eq!(served(&mut effects), [10, 11]);
    assert_eq!(dialed_for(&effects), [12], "there is no room for the third");
    pool.set_room(first, 3, Moment::ZERO, &mut effects);
    assert_eq!(
        served(&mut effects),
        [12],
        "the server takes more than it said"
    );
    pool.set_room(first, 1, Moment::ZERO, &mut effects);
    pool.finish(first, None, Moment::ZERO, &mut effects);
    pool.finish(first, None, Moment::ZERO, &mut effects);
    wait_shared(&mut pool, 13, &mut effects);
    assert!(
        served(&mut effects).is_empty(),
        "the server takes no more than one"
    );
    pool.finish(first, None, Moment::ZERO, &mut effects);
    assert_eq!(served(&mut effects), [13]);
}

#[test]
fn h5c_a_connection_that_is_never_idle_ends_for_a_host_that_waits_for_its_slot() {
    let mut pool = pool(1, 1, 1);
    let mut effects = Effects::none();
    let slot = open_as(&mut pool, "a", 1, SHARED);
    wait(&mut pool, "b", 10, &mut effects);
    assert_eq!(pool.stats().closing, 1);
    assert!(effects.closes.is_empty(), "what is on it goes on");
    assert!(pool.try_acquire("a", Moment::ZERO, &mut effects).is_none());
    pool.finish(slot, None, Moment::ZERO, &mut effects);
    assert_eq!(effects.closes.len(), 1);
    pool.closed(slot, Moment::ZERO, &mut effects);
    assert_eq!(dialed_for(&effects), [10]);
}

#[test]
fn h5c_requests_of_one_host_wait_for_each_other_and_not_for_another_connection() {
    let mut pool = pool(1, 2, 1);
    let mut effects = Effects::none();
    let slot = open_as(&mut pool, "a", 1, SHARED);
    for waiter in 10..15 {
        wait_shared(&mut pool, waiter, &mut effects);
    }
    assert_eq!(pool.stats().closing, 0);
    pool.set_room(slot, 0, Moment::ZERO, &mut effects);
    let what = "a server that takes no more is left";
    assert_eq!(pool.stats().closing, 1, "{what}");
}

#[test]
fn h5b_while_the_peer_has_not_said_how_much_it_takes_no_second_connection_is_dialed() {
    let mut pool = pool(3, 3, 3);
    let mut effects = Effects::none();
    for waiter in 10..13 {
        wait_shared(&mut pool, waiter, &mut effects);
    }
    let slot = effects.dials.pop().expect("one").slot;
    let opened = Opened {
        room: 1,
        is_settled: false,
        ..SHARED
    };
    pool.dialed(slot, 1, opened, Moment::ZERO, &mut effects);
    assert_eq!(effects.grants.len(), 1, "one may go at once");
    assert!(effects.dials.is_empty());
    pool.set_room(slot, 100, Moment::ZERO, &mut effects);
    assert_eq!(effects.grants.len(), 3);
    assert!(effects.dials.is_empty());
}

#[test]
fn h5b_a_peer_may_say_how_much_it_takes_before_the_dial_is_reported() {
    for room in [0, 1, 3] {
        let mut pool = pool(3, 3, 3);
        let mut effects = Effects::none();
        for waiter in 10..14 {
            wait_shared(&mut pool, waiter, &mut effects);
        }
        let slot = effects.dials.pop().expect("one").slot;
        pool.set_room(slot, room, Moment::ZERO, &mut effects);
        let opened = Opened {
            room: 1,
            is_settled: false,
            ..SHARED
        };
        pool.dialed(slot, 1, opened, Moment::ZERO, &mut effects);
        assert_eq!(effects.grants.len(), room as usize);
        assert_eq!(effects.dials.len(), 1, "another for those who still wait");
    }
}

#[test]
fn h5b_a_host_that_turns_out_to_share_nothing_gets_a_connection_for_each_who_waits() {
    for fails in [false, true] {
        let mut pool = pool(4, 4, 4);
        let mut effects = Effects::none();
        for waiter in 10..13 {
            wait_shared(&mut pool, waiter, &mut effects);
        }
        let slot = effects.dials.pop().expect("one").slot;
        if fails {
            assert_eq!(pool.failed(slot), Some(10));
            pool.closed(slot, Moment::ZERO, &mut effects);
        } else {
            pool.dialed(slot, 1, Opened::EXCLUSIVE, Moment::ZERO, &mut effects);
        }
        assert_eq!(dialed_for(&effects), [11, 12]);
    }
}

#[test]
fn h3l_a_connection_that_is_too_old_gets_no_request_and_ends_after_its_last() {
    let mut pool = pool(2, 2, 2);
    let mut effects = Effects::none();
    let until = Moment::ZERO + Duration::from_secs(5);
    let slot = open_as(&mut pool, "a", 1, Opened { until, ..SHARED });
    assert!(pool.try_acquire("a", Moment::ZERO, &mut effects).is_some());
    pool.finish(slot, None, Moment::ZERO, &mut effects);
    assert!(pool.try_acquire("a", until, &mut effects).is_none());
    assert_eq!(pool.stats().closing, 1);
    assert!(effects.closes.is_empty(), "a request is still on it");
    pool.finish(slot, None, until, &mut effects);
    assert_eq!(effects.closes.len(), 1);
    // One that is idle goes when its time is up, however long it may be idle.
    let slot = open_as(
        &mut pool,
        "b",
        2,
        Opened {
            until,
            ..Opened::EXCLUSIVE
        },
    );
    pool.finish(slot, None, Moment::ZERO, &mut effects);
    assert_eq!(pool.expires(slot), Some(until));
    assert!(pool.expire(slot, until));
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
    let connection = 1;
    assert_eq!(grant, Some(Grant { slot, connection }));
    assert_eq!(effects.closes.len(), 1);
    pool.finish(slot, Some(Duration::from_secs(60)), later, &mut effects);
    assert_eq!(pool.expires(slot), Some(later + Duration::from_secs(10)));
    assert!(!pool.expire(slot, later));
    assert!(pool.expire(slot, later + Duration::from_secs(10)));
}

#[test]
fn h7a_a_closed_pool_refuses_waiters_and_grants_nothing() {
    let mut pool = pool(3, 3, 3);
    let mut effects = Effects::none();
    let idle = open(&mut pool, "a", 1);
    let active = open(&mut pool, "a", 2);
    wait(&mut pool, "b", 7, &mut effects);
    let dialing = effects.dials.pop().expect("there is room").slot;
    pool.finish(idle, None, Moment::ZERO, &mut effects);
    pool.close(&mut effects);
    assert_eq!(effects.refused, [7]);
    assert!(pool.try_acquire("a", Moment::ZERO, &mut effects).is_none());
    let late = pool.wait("a", Sharing::Never, 8, Moment::ZERO, &mut effects);
    assert!(late.is_none());
    assert_eq!(effects.refused, [7, 8]);
    assert!(!pool.dialed(dialing, 3, Opened::EXCLUSIVE, Moment::ZERO, &mut effects));
    pool.finish(active, None, Moment::ZERO, &mut effects);
    let last = effects.closes.last().map(|close| close.connection);
    assert_eq!(last, Some(2), "what finishes afterwards is closed");
}
