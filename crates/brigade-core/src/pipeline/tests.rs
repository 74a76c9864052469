//! Lanes, windows and batches: tables, and properties against naive models.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::time::Moment;

#[derive(Clone, Debug)]
enum Step {
    Arrive(u64),
    Leave(u64),
}

proptest! {
    /// The model: one list of everything that arrived and has not left, oldest first. The first of
    /// each key in it is out.
    #[test]
    fn q4e_lanes_let_out_the_oldest_of_each_key_and_nothing_else(
        steps in prop::collection::vec(
            (0..4_u64, any::<bool>()).prop_map(|(key, arrives)| match arrives {
                true => Step::Arrive(key),
                false => Step::Leave(key),
            }),
            0..200,
        )
    ) {
        let mut lanes = Lanes::new();
        let mut model: VecDeque<(u64, usize)> = VecDeque::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Arrive(key) => {
                    let free = !model.iter().any(|(other, _)| *other == key);
                    model.push_back((key, number));
                    prop_assert_eq!(lanes.arrive(key, number), free.then_some(number));
                }
                Step::Leave(key) => {
                    if let Some(out) = model.iter().position(|(other, _)| *other == key) {
                        model.remove(out);
                    }
                    let next = model.iter().find(|(other, _)| *other == key);
                    prop_assert_eq!(lanes.leave(key), next.map(|(_, number)| *number));
                }
            }
            let mut keys: Vec<_> = model.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(lanes.keys(), keys.len());
            prop_assert_eq!(lanes.waiting(), model.len() - keys.len());
        }
    }

    /// The model: a plain list of (number, finished, result).
    #[test]
    fn q4d_a_window_gives_results_in_order_whatever_the_order_of_work(
        steps in prop::collection::vec((0..8_u8, any::<prop::sample::Index>()), 0..200)
    ) {
        let mut window = Window::new();
        let mut model: VecDeque<(u64, Option<Option<u64>>)> = VecDeque::new();
        let mut entered = 0;
        for (what, which) in steps {
            match what {
                0..3 => {
                    prop_assert_eq!(window.enter(), entered);
                    model.push_back((entered, None));
                    entered += 1;
                }
                3..7 => {
                    let open: Vec<_> = model.iter().filter(|e| e.1.is_none()).map(|e| e.0).collect();
                    if !open.is_empty() {
                        let number = *which.get(&open);
                        let result = (what < 6).then_some(number * 10);
                        match result {
                            Some(result) => prop_assert_eq!(window.done(number, result), Ok(())),
                            None => window.skip(number),
                        }
                        prop_assert_eq!(window.done(number, 0), Err(0), "finished twice");
                        model.iter_mut().find(|e| e.0 == number).unwrap().1 = Some(result);
                    }
                }
                _ => {
                    let mut expected = None;
                    while let Some((_, Some(result))) = model.front() {
                        expected = *result;
                        model.pop_front();
                        if expected.is_some() {
                            break;
                        }
                    }
                    prop_assert_eq!(window.pop(), expected);
                }
            }
            prop_assert!(window.len() >= model.iter().filter(|e| e.1.is_none()).count());
            let empty = model.iter().all(|e| e.1 == Some(None));
            prop_assert_eq!(window.is_empty(), empty);
        }
    }

    /// Whatever comes when: no item is lost or doubled, the order is kept, and every batch keeps
    /// its limits and is as large as they allow.
    #[test]
    fn q4g_batches_keep_their_limits_and_lose_nothing(
        items in 1..6_usize,
        bytes in 1..20_usize,
        every in prop::option::of(1..50_u64),
        pushed in prop::collection::vec((0..25_usize, 0..30_u64), 0..100),
    ) {
        let every = every.map(Duration::from_nanos);
        let limits = BatchLimits { items, bytes, every };
        let mut filling = Filling::new(limits);
        let mut now = Moment::ZERO;
        let mut batches = Vec::new();
        let mut first = None;
        for (number, &(size, later)) in pushed.iter().enumerate() {
            now = now + Duration::from_nanos(later);
            if filling.is_complete(now) {
                batches.push((filling.take().unwrap(), true));
                first = None;
            }
            if let Some(full) = filling.push((number, size), size, now) {
                let sum: usize = full.iter().map(|(_, size)| size).sum();
                prop_assert!(sum + size > bytes, "it would have fitted");
                batches.push((full, true));
                first = None;
            }
            let first = *first.get_or_insert(now);
            prop_assert_eq!(filling.due(), every.map(|every| first + every));
        }
        batches.extend(filling.take().map(|rest| (rest, false)));
        for (batch, _) in &batches {
            let sum: usize = batch.iter().map(|(_, size)| size).sum();
            prop_assert!(!batch.is_empty() && batch.len() <= items);
            prop_assert!(sum <= bytes || batch.len() == 1, "{:?}", batch);
        }
        let all: Vec<_> = batches.into_iter().flat_map(|(batch, _)| batch).map(|(n, _)| n).collect();
        prop_assert_eq!(all, (0..pushed.len()).collect::<Vec<_>>());
    }
}

#[test]
fn q4f_a_key_without_items_is_forgotten() {
    let mut lanes = Lanes::new();
    for key in 0..10_000 {
        assert!(lanes.arrive(key, ()).is_some());
        assert!(lanes.leave(key).is_none());
        assert_eq!(lanes.keys(), 0);
    }
    assert_eq!(lanes.leave(7), None::<()>);
}

#[test]
fn q4g_a_batch_is_complete_by_items_bytes_or_time() {
    let at = |nanos| Moment::from_nanos(nanos);
    let every = Some(Duration::from_nanos(100));
    // (items, bytes), what is pushed as (bytes, at), complete at 99, complete at 110
    for (limits, pushed, before, after) in [
        ((3, 100), vec![], false, false),
        ((3, 100), vec![(1, 10)], false, true),
        ((3, 100), vec![(1, 10), (1, 60)], false, true),
        ((2, 100), vec![(1, 10), (1, 60)], true, true),
        ((3, 20), vec![(19, 10)], false, true),
        ((3, 20), vec![(19, 10), (1, 11)], true, true),
        ((3, 20), vec![(200, 10)], true, true),
    ] {
        let (items, bytes) = limits;
        let mut filling = Filling::new(BatchLimits {
            items,
            bytes,
            every,
        });
        for (size, time) in &pushed {
            assert_eq!(filling.push((), *size, at(*time)), None);
        }
        assert_eq!(filling.is_complete(at(99)), before, "{limits:?} {pushed:?}");
        assert_eq!(filling.is_complete(at(110)), after, "{limits:?} {pushed:?}");
        assert_eq!(filling.take().map_or(0, |batch| batch.len()), pushed.len());
        assert!(!filling.is_complete(at(1000)) && filling.due().is_none());
    }
}
