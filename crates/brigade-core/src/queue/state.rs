//! The items of a queue and what became of them.
//!
//! Every call is O(1), but for [`QueueState::abort`]. Who waits for what is in `waiters.rs`.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;

use crate::gcra::Arrival;
use crate::time::Moment;
use crate::turns::{Collected, Permits, Stock, Turns};

use super::QueuePlace;

/// Time plays no part in a queue: its stocks are counts.
pub(super) const NO_TIME: Moment = Moment::ZERO;

/// The items that can be taken; all of them, promised or not.
#[derive(Debug, Default)]
pub(super) struct Items(pub(super) u32);

impl Stock for Items {
    const TIMED: bool = false;

    fn capacity(&self) -> u32 {
        u32::MAX
    }

    fn due(&self, permits: u32) -> Moment {
        if permits <= self.0 {
            Moment::ZERO
        } else {
            Moment::MAX
        }
    }

    fn take(&mut self, permits: u32, _: Moment, _: Arrival) {
        self.0 -= permits;
    }
}

/// The queue is closed: no item enters it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// What a consumer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// An item, which must be settled.
    Item(T),
    /// The end: the queue is closed and has nothing left.
    End,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The work is done.
    Done,
    /// The work failed, for this reason.
    Failed(Cow<'static, str>),
}

/// How many items were settled in which way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Items whose work is done.
    pub done: u64,
    /// Items whose work failed.
    pub failed: u64,
    /// Why the first of them failed.
    pub first_failure: Option<Cow<'static, str>>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} done, {} failed", self.done, self.failed)?;
        match &self.first_failure {
            Some(reason) => write!(f, ", the first: {reason}"),
            None => Ok(()),
        }
    }
}

/// Items were left when the last consumer was gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// How many items were neither done nor failed.
    pub unfinished: usize,
    /// What became of the others.
    pub tally: Tally,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.unfinished;
        write!(f, "finish {count} items: the last consumer is gone")
    }
}

impl Error for Unfinished {}

/// A bounded queue with its waiters.
///
/// # Examples
///
/// ```
/// use brigade_core::queue::{QueueState, Received, Settled};
///
/// let mut queue: QueueState<&str, ()> = QueueState::new(1);
/// assert_eq!(queue.reserve_now(), Ok(true));
/// assert_eq!(queue.push("a"), Ok(()));
/// assert_eq!(queue.reserve_now(), Ok(false), "full");
/// assert_eq!(queue.receive_now(), Some(Received::Item("a")));
/// assert_eq!(queue.reserve_now(), Ok(false), "the item is still being worked on");
/// queue.settle(Settled::Done);
/// assert_eq!(queue.reserve_now(), Ok(true));
/// ```
#[derive(Debug)]
pub struct QueueState<T, W> {
    pub(super) items: VecDeque<T>,
    /// Items that were received and are not settled.
    pub(super) outstanding: usize,
    pub(super) closed: bool,
    pub(super) consumers: usize,
    pub(super) producers: usize,
    tally: Tally,
    pub(super) senders: Turns<Permits, W>,
    pub(super) receivers: Turns<Items, W>,
    pub(super) joiners: Turns<Items, W>,
    pub(super) idlers: Turns<Items, W>,
}

impl<T, W> QueueState<T, W> {
    /// An empty queue with `capacity` slots (at least one), one producer and one consumer.
    pub fn new(capacity: u32) -> Self {
        Self {
            items: VecDeque::new(),
            outstanding: 0,
            closed: false,
            consumers: 1,
            producers: 1,
            tally: Tally::default(),
            senders: Turns::new(Permits::new(capacity.max(1))),
            receivers: Turns::new(Items::default()),
            joiners: Turns::new(Items::default()),
            idlers: Turns::new(Items::default()),
        }
    }

    /// Reserves a slot for a newcomer; false if it must wait.
    ///
    /// # Errors
    ///
    /// If the queue is closed.
    pub fn reserve_now(&mut self) -> Result<bool, Closed> {
        if self.closed {
            return Err(Closed);
        }
        Ok(self.senders.take_now(1, NO_TIME))
    }

    /// The slot that was promised to a waiting producer; `None` if none was yet.
    ///
    /// # Errors
    ///
    /// If the queue is closed. The producer waits no longer then.
    pub fn collect_slot(&mut self, place: QueuePlace) -> Option<Result<(), Closed>> {
        if self.closed {
            self.leave(place);
            return Some(Err(Closed));
        }
        let slot = self.senders.collect(place.in_line(), NO_TIME);
        (slot == Collected::Yes).then_some(Ok(()))
    }

    /// Puts `item` into a slot that was reserved.
    ///
    /// # Errors
    ///
    /// If the queue was closed meanwhile: the item. The slot is given back.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        if self.closed {
            self.give_slot();
            return Err(item);
        }
        self.items.push_back(item);
        self.receivers.stock_mut().0 += 1;
        Ok(())
    }

    /// Gives a reserved slot back unused.
    pub fn give_slot(&mut self) {
        self.senders.stock_mut().give(1);
    }

    /// Takes the next item for a newcomer; `None` if it must wait.
    pub fn receive_now(&mut self) -> Option<Received<T>> {
        if self.receivers.take_now(1, NO_TIME) {
            return self.deliver();
        }
        self.ended().then_some(Received::End)
    }

    /// The item that was promised to a waiting consumer; `None` if none was yet.
    pub fn collect_item(&mut self, place: QueuePlace) -> Option<Received<T>> {
        if self.ended() {
            self.leave(place);
            return Some(Received::End);
        }
        match self.receivers.collect(place.in_line(), NO_TIME) {
            Collected::Yes => self.deliver(),
            Collected::NotYet | Collected::Never => None,
        }
    }

    fn deliver(&mut self) -> Option<Received<T>> {
        let item = self.items.pop_front()?;
        self.outstanding += 1;
        Some(Received::Item(item))
    }

    /// Says what became of a received item. Its slot is free then.
    #[inline]
    pub fn settle(&mut self, settled: Settled) {
        self.outstanding -= 1;
        self.give_slot();
        match settled {
            Settled::Done => self.tally.done += 1,
            Settled::Failed(reason) => {
                self.tally.failed += 1;
                self.tally.first_failure.get_or_insert(reason);
            }
        }
    }

    /// Puts a received item at the end of the queue again, in the slot that it still has.
    ///
    /// # Errors
    ///
    /// If the queue is closed: the item, which remains to be settled.
    pub fn requeue(&mut self, item: T) -> Result<(), T> {
        if self.closed {
            return Err(item);
        }
        self.outstanding -= 1;
        self.push(item)
    }

    /// Refuses all further items; those inside can still be received.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Closes the queue and gives back the items that nobody received, oldest first.
    pub fn abort(&mut self) -> Vec<T> {
        self.close();
        let items = Vec::from(std::mem::take(&mut self.items));
        items.iter().for_each(|_| self.give_slot());
        self.receivers.stock_mut().0 = 0;
        items
    }

    /// One producer more.
    pub fn add_producer(&mut self) {
        self.producers += 1;
    }

    /// One producer less; the queue closes with the last one.
    pub fn remove_producer(&mut self) {
        self.producers -= 1;
        self.closed |= self.producers == 0;
    }

    /// One consumer more.
    pub fn add_consumer(&mut self) {
        self.consumers += 1;
    }

    /// One consumer less; without any the queue is closed.
    pub fn remove_consumer(&mut self) {
        self.consumers -= 1;
        self.closed |= self.consumers == 0;
    }

    /// The result of all work, if there will be no more: the queue is closed and every item is
    /// settled.
    ///
    /// # Errors
    ///
    /// If items wait and no consumer is left to take them.
    pub fn joined(&self) -> Option<Result<Tally, Unfinished>> {
        self.is_over().then(|| self.result())
    }

    /// The result so far, if nothing is unsettled at this moment.
    ///
    /// # Errors
    ///
    /// As [`joined`](Self::joined).
    pub fn idle(&self) -> Option<Result<Tally, Unfinished>> {
        self.is_idle().then(|| self.result())
    }

    fn result(&self) -> Result<Tally, Unfinished> {
        let unfinished = self.items.len() + self.outstanding;
        let tally = self.tally.clone();
        match unfinished {
            0 => Ok(tally),
            _ => Err(Unfinished { unfinished, tally }),
        }
    }

    /// Whether consumers get nothing any more.
    pub(super) fn ended(&self) -> bool {
        self.closed && self.items.is_empty()
    }

    pub(super) fn is_idle(&self) -> bool {
        match self.items.is_empty() {
            true => self.outstanding == 0,
            false => self.consumers == 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.closed && self.is_idle()
    }

    /// How many slots there are.
    pub fn capacity(&self) -> u32 {
        self.senders.stock().capacity()
    }

    /// How many items wait to be received.
    pub fn depth(&self) -> usize {
        self.items.len()
    }

    /// How many items were received and are not settled.
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Whether the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// How many producers and consumers wait.
    pub fn waiting(&self) -> (usize, usize) {
        (self.senders.waiting(), self.receivers.waiting())
    }

    /// How many producers and consumers there are.
    pub fn ends(&self) -> (usize, usize) {
        (self.producers, self.consumers)
    }

    /// What became of the items so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}
