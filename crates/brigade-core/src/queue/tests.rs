//! The queue against tables and against a naive model.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::{Closed, QueuePlace, QueueState, Received, Settled, Tally};

fn full(capacity: u32) -> QueueState<u32, ()> {
    let mut queue = QueueState::new(capacity);
    for item in 0..capacity {
        assert_eq!(queue.reserve_now(), Ok(true));
        assert_eq!(queue.push(item), Ok(()));
    }
    queue
}

#[test]
fn a_tally_names_the_first_failure() {
    let mut tally = Tally::default();
    assert_eq!(tally.to_string(), "0 done, 0 failed");
    tally.failed = 2;
    tally.first_failure = Some("odd".into());
    assert_eq!(tally.to_string(), "0 done, 2 failed, the first: odd");
}

#[test]
fn q1b_a_closed_queue_refuses_producers_and_drains_to_its_end() {
    let mut queue = full(2);
    let waiting = queue.enqueue_sender(());
    queue.close();
    assert_eq!(queue.promise(), Some(waiting), "it is called to be told");
    assert_eq!(queue.collect_slot(waiting), Some(Err(Closed)));
    assert_eq!(queue.receive_now(), Some(Received::Item(0)));
    assert_eq!(queue.receive_now(), Some(Received::Item(1)));
    assert_eq!(queue.receive_now(), Some(Received::End));
}

#[test]
fn q1b_waiting_consumers_are_called_to_the_end() {
    let mut queue: QueueState<u32, ()> = QueueState::new(1);
    let places = [queue.enqueue_receiver(()), queue.enqueue_receiver(())];
    assert!(!queue.may_promise());
    queue.remove_producer();
    for place in places {
        assert_eq!(queue.promise(), Some(place));
        assert_eq!(queue.collect_item(place), Some(Received::End));
    }
    assert_eq!(queue.waiting(), (0, 0));
}

#[test]
fn q2c_an_item_keeps_its_slot_until_it_is_settled() {
    let mut queue = full(1);
    assert_eq!(queue.receive_now(), Some(Received::Item(0)));
    let waiting = queue.enqueue_sender(());
    assert_eq!(queue.promise(), None);
    assert_eq!(queue.requeue(7), Ok(()));
    assert_eq!(queue.promise(), None, "a requeue takes no second slot");
    assert_eq!(queue.receive_now(), Some(Received::Item(7)));
    queue.settle(Settled::Done);
    assert_eq!(queue.promise(), Some(waiting));
}

#[test]
fn q2c_a_requeue_after_close_gives_the_item_back() {
    let mut queue = full(1);
    queue.receive_now();
    queue.close();
    assert_eq!(queue.requeue(0), Err(0));
    assert_eq!(queue.outstanding(), 1, "it remains to be settled");
}

#[test]
fn q2e_the_end_of_the_last_consumer_ends_the_wait_for_what_is_left() {
    let mut queue = full(3);
    queue.receive_now();
    let joiner = queue.enqueue_joiner(());
    assert!(!queue.may_promise());
    queue.remove_consumer();
    assert_eq!(queue.promise(), Some(joiner));
    let unfinished = queue.joined().unwrap().unwrap_err();
    assert_eq!(unfinished.unfinished, 3);
}

#[test]
fn q2d_the_wait_for_the_end_is_not_fooled_by_a_moment_without_work() {
    let mut queue: QueueState<u32, ()> = QueueState::new(3);
    let joiner = queue.enqueue_joiner(());
    let idler = queue.enqueue_idler(());
    assert_eq!(queue.promise(), Some(idler), "nothing was sent yet");
    assert_eq!(queue.promise(), None);
    queue.remove_producer();
    assert_eq!(queue.promise(), Some(joiner));
}

#[test]
fn q3d_abort_gives_back_what_nobody_received_and_strands_nobody() {
    let mut queue = full(3);
    queue.receive_now();
    queue.requeue(9).unwrap();
    let receiver = queue.enqueue_receiver(());
    assert_eq!(queue.promise(), Some(receiver));
    assert_eq!(queue.abort(), [1, 2, 9]);
    assert_eq!(queue.collect_item(receiver), Some(Received::End));
    assert_eq!(queue.joined().map(|joined| joined.is_ok()), Some(true));
}

#[derive(Clone, Debug)]
enum Act {
    Send,
    Receive,
    Promise,
    Collect(usize),
    Withdraw(usize),
    Back(usize),
    Leave(usize),
    Settle(bool),
    Requeue,
    Close,
    Abort,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => Just(Act::Send),
        12 => Just(Act::Receive),
        12 => Just(Act::Promise),
        10 => any::<usize>().prop_map(Act::Collect),
        2 => any::<usize>().prop_map(Act::Withdraw),
        3 => any::<usize>().prop_map(Act::Back),
        2 => any::<usize>().prop_map(Act::Leave),
        8 => any::<bool>().prop_map(Act::Settle),
        2 => Just(Act::Requeue),
        1 => Just(Act::Close),
        1 => Just(Act::Abort),
    ]
}

struct Waiter {
    place: QueuePlace,
    item: Option<u32>,
    called: bool,
}

/// What must hold whoever waits: items in order, each at exactly one place, slots counted.
#[derive(Default)]
struct Model {
    inside: VecDeque<u32>,
    working: Vec<u32>,
    waiters: Vec<Waiter>,
    settled: u64,
    returned: usize,
    sent: u32,
    closed: bool,
}

impl Model {
    fn received(&mut self, received: Received<u32>) -> Result<(), TestCaseError> {
        match received {
            Received::Item(item) => {
                prop_assert_eq!(self.inside.pop_front(), Some(item), "out of order");
                self.working.push(item);
            }
            Received::End => prop_assert!(self.closed && self.inside.is_empty()),
        }
        Ok(())
    }

    fn collect(
        &mut self,
        queue: &mut QueueState<u32, ()>,
        index: usize,
    ) -> Result<(), TestCaseError> {
        let waiter = &self.waiters[index];
        if let Some(item) = waiter.item {
            match queue.collect_slot(waiter.place) {
                None => prop_assert!(!waiter.called),
                Some(Ok(())) => {
                    prop_assert_eq!(queue.push(item), Ok(()));
                    self.inside.push_back(item);
                    self.waiters.remove(index);
                }
                Some(Err(Closed)) => {
                    self.returned += 1;
                    self.waiters.remove(index);
                }
            }
        } else if let Some(received) = queue.collect_item(waiter.place) {
            self.waiters.remove(index);
            self.received(received)?;
        }
        Ok(())
    }
}

fn step(model: &mut Model, queue: &mut QueueState<u32, ()>, act: Act) -> Result<(), TestCaseError> {
    let pick = |index: usize| index.checked_rem(model.waiters.len());
    match act {
        Act::Send => {
            let item = model.sent;
            model.sent += 1;
            match queue.reserve_now() {
                Ok(true) => {
                    prop_assert_eq!(queue.push(item), Ok(()));
                    model.inside.push_back(item);
                }
                Ok(false) => {
                    let (place, item) = (queue.enqueue_sender(()), Some(item));
                    let called = false;
                    model.waiters.push(Waiter {
                        place,
                        item,
                        called,
                    });
                }
                Err(Closed) => model.returned += 1,
            }
        }
        Act::Receive => match queue.receive_now() {
            Some(received) => model.received(received)?,
            None => {
                let (place, item) = (queue.enqueue_receiver(()), None);
                let called = false;
                model.waiters.push(Waiter {
                    place,
                    item,
                    called,
                });
            }
        },
        Act::Promise => {
            let may = queue.may_promise();
            let promised = queue.promise();
            prop_assert_eq!(may, promised.is_some());
            if let Some(place) = promised {
                let called = model
                    .waiters
                    .iter_mut()
                    .find(|waiter| waiter.place == place);
                called.expect("a stranger was called").called = true;
            }
        }
        Act::Collect(index) => {
            if let Some(index) = pick(index) {
                model.collect(queue, index)?;
            }
        }
        Act::Withdraw(index) => {
            if let Some(index) = pick(index) {
                queue.withdraw(model.waiters[index].place);
                model.waiters[index].called = false;
            }
        }
        Act::Back(index) => {
            if let Some(index) = pick(index) {
                queue.step_back(model.waiters[index].place);
            }
        }
        Act::Leave(index) => {
            if let Some(index) = pick(index) {
                let waiter = model.waiters.remove(index);
                prop_assert_eq!(queue.leave(waiter.place), Some(()));
                model.returned += usize::from(waiter.item.is_some());
            }
        }
        Act::Settle(done) => {
            if model.working.pop().is_some() {
                let failed = || Settled::Failed("no".into());
                queue.settle(if done { Settled::Done } else { failed() });
                model.settled += 1;
            }
        }
        Act::Requeue => {
            if let Some(item) = model.working.pop() {
                match queue.requeue(item) {
                    Ok(()) => model.inside.push_back(item),
                    Err(item) => model.working.push(item),
                }
            }
        }
        Act::Close => {
            queue.close();
            model.closed = true;
        }
        Act::Abort => {
            model.closed = true;
            let items = queue.abort();
            prop_assert_eq!(&items, &Vec::from(std::mem::take(&mut model.inside)));
            model.returned += items.len();
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn q1c_every_item_is_at_exactly_one_place_and_the_bound_holds(
        capacity in 1u32..5,
        acts in proptest::collection::vec(act(), 1..250),
    ) {
        let (mut model, mut queue) = (Model::default(), QueueState::new(capacity));
        for act in acts {
            step(&mut model, &mut queue, act)?;
            prop_assert_eq!(queue.depth(), model.inside.len());
            prop_assert_eq!(queue.outstanding(), model.working.len());
            prop_assert!(queue.depth() + queue.outstanding() <= capacity as usize);
            let waiting = model.waiters.iter().filter(|w| w.item.is_some()).count();
            let tally = queue.tally().done + queue.tally().failed;
            prop_assert_eq!(tally, model.settled);
            let accounted = model.inside.len() + model.working.len() + waiting + model.returned;
            prop_assert_eq!(accounted as u64 + tally, u64::from(model.sent));
        }
    }
}
