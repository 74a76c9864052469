//! Puts results into the order of the list.
//!
//! A result waits until everything before it is settled: in memory up to a bound, beyond that on
//! disk, and without its bytes of the budget then, so that the line whose turn it is can always be
//! received. What waits is not committed: a line is finished when its turn is over.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::shelf::{Place, Shelf};
use super::turns::Turns;
use crate::budget::Budget;
use crate::directory::Directory;
use crate::error::Error;
use crate::record::Success;

/// A line that ended before its turn.
#[derive(Debug)]
enum Early {
    Failed,
    Held(Success),
    /// A result without its data, which lies on the shelf.
    Shelved(Success, Place),
}

/// Lines in the order of the list, and those that ended early.
#[derive(Debug)]
pub(super) struct Order {
    turns: Arc<Turns>,
    expected: VecDeque<u64>,
    early: HashMap<u64, Early>,
    /// Bytes of the results in memory, and how many there may be.
    held: usize,
    held_max: usize,
    shelf: Shelf,
    budget: Arc<Budget>,
}

impl Order {
    pub(super) fn new(turns: Arc<Turns>, directory: Arc<Directory>, budget: Arc<Budget>) -> Self {
        Self {
            turns,
            expected: VecDeque::new(),
            early: HashMap::new(),
            held: 0,
            // The rest is for what is being received.
            held_max: budget.capacity() / 4,
            shelf: Shelf::new(directory),
            budget,
        }
    }

    /// Takes note of lines that will end, in the order of their turns.
    pub(super) fn expect(&mut self, lines: Vec<u64>) {
        self.expected.extend(lines);
    }

    /// A line failed: nothing comes at its turn.
    pub(super) fn failed(&mut self, line: u64) {
        self.early.insert(line, Early::Failed);
    }

    /// A line has a result.
    pub(super) fn put(&mut self, mut result: Success) -> Result<(), Error> {
        let line = result.index;
        let first = self.expected.front() == Some(&line);
        let early = if first || self.held + result.data.len() <= self.held_max {
            self.held += result.data.len();
            Early::Held(result)
        } else {
            let place = self.shelf.put(&std::mem::take(&mut result.data))?;
            self.budget.release(std::mem::take(&mut result.budget));
            Early::Shelved(result, place)
        };
        self.early.insert(line, early);
        Ok(())
    }

    /// The next result whose turn it is.
    pub(super) fn next(&mut self) -> Result<Option<Success>, Error> {
        while let Some(line) = self.expected.front()
            && let Some(early) = self.early.remove(line)
        {
            self.expected.pop_front();
            self.turns.end(1);
            match early {
                Early::Failed => {}
                Early::Held(result) => {
                    self.held -= result.data.len();
                    return Ok(Some(result));
                }
                Early::Shelved(result, place) => {
                    let data = self.shelf.take(place)?;
                    return Ok(Some(Success { data, ..result }));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(directory: &std::path::Path, budget: usize) -> (Order, Arc<Turns>) {
        let turns = Arc::new(Turns::default());
        let directory = Arc::new(Directory::open(directory).unwrap());
        let budget = Arc::new(Budget::new(budget));
        (Order::new(turns.clone(), directory, budget), turns)
    }

    fn result(index: u64, bytes: usize) -> Success {
        Success {
            index,
            status: 200,
            data: vec![index as u8; bytes],
            body_at: 0,
            place: None,
            elapsed_us: 0,
            budget: 0,
        }
    }

    /// Lines end at random, some of them as failures; how many bytes one result has.
    fn shuffled(lines: u64, bytes: usize, budget: usize) -> usize {
        let temp = tempfile::tempdir().unwrap();
        let (mut order, turns) = order(temp.path(), budget);
        let mut random = fastrand::Rng::with_seed(lines);
        let (mut ahead, mut emitted, mut files) = (Vec::new(), Vec::new(), 0);
        let mut next = 0;
        while next < lines || !ahead.is_empty() {
            if next < lines && ahead.len() < 300 {
                turns.begin(1);
                order.expect(vec![next]);
                ahead.push(next);
                next += 1;
                continue;
            }
            let line = ahead.swap_remove(random.usize(..ahead.len()));
            match line % 10 {
                3 => order.failed(line),
                _ => order.put(result(line, bytes)).unwrap(),
            }
            while let Some(result) = order.next().unwrap() {
                assert_eq!(result.data, vec![result.index as u8; bytes]);
                emitted.push(result.index);
            }
            files = files.max(order.shelf.files());
            assert!(order.held <= order.held_max.max(bytes), "{}", order.held);
        }
        let expected: Vec<_> = (0..lines).filter(|line| line % 10 != 3).collect();
        assert_eq!(emitted, expected);
        assert_eq!((order.early.len(), order.shelf.files()), (0, 0));
        assert_eq!(
            std::fs::read_dir(temp.path()).unwrap().count(),
            1,
            "the lock"
        );
        files
    }

    #[test]
    fn f7h_results_come_in_the_order_of_the_list_however_they_end() {
        assert_eq!(shuffled(3000, 10, 1 << 30), 0, "all of it fits into memory");
        assert_eq!(shuffled(3000, 100, 4000), 1);
        assert!(shuffled(2000, 1 << 20, 4 << 20) > 1);
    }

    #[test]
    fn f7i_what_waits_for_its_turn_lets_go_of_the_budget() {
        let temp = tempfile::tempdir().unwrap();
        let (mut order, _) = order(temp.path(), 1000);
        let budget = order.budget.clone();
        order.expect((0..100).collect());
        for line in 1..100 {
            assert!(budget.try_take(100), "line {line} can be received");
            let mut result = result(line, 100);
            result.budget = 100;
            order.put(result).unwrap();
        }
        assert!(budget.used() <= 250);
        assert!(order.next().unwrap().is_none());
        order.put(result(0, 2000)).unwrap();
        let mut count = 0;
        while let Some(result) = order.next().unwrap() {
            budget.release(result.budget);
            count += 1;
        }
        assert_eq!((count, budget.used()), (100, 0));
    }

    #[tokio::test]
    async fn f7i_the_reader_of_the_list_waits_for_turns_to_end() {
        let turns = Turns::default();
        turns.begin(10);
        let waits = turns.fewer_than(10);
        let mut waits = std::pin::pin!(waits);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        assert!(turns.is_short());
        turns.end(1);
        waits.await;
        assert!(!turns.is_short());
    }
}
