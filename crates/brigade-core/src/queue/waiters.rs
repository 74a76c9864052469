//! Who waits at a queue: producers for a slot, consumers for an item, joiners for the end of work or for
//! a moment without any.
//!
//! They wait in four lines under one set of rules, those of [`Turns`](crate::turns::Turns).

use super::QueueState;
use super::state::NO_TIME;
use crate::line::Place;
use crate::turns::Promise;

/// The place of one waiter of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueuePlace {
    line: Which,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Which {
    Senders,
    Receivers,
    Joiners,
    Idlers,
}

impl QueuePlace {
    pub(super) fn in_line(self) -> Place {
        self.place
    }
}

/// The same call on the turns that a place belongs to.
macro_rules! on_line {
    ($queue:expr, $place:expr, $call:ident) => {
        match $place.line {
            Which::Senders => $queue.senders.$call($place.place),
            Which::Receivers => $queue.receivers.$call($place.place),
            Which::Joiners => $queue.joiners.$call($place.place),
            Which::Idlers => $queue.idlers.$call($place.place),
        }
    };
}

impl<T, W> QueueState<T, W> {
    /// A producer waits for a slot.
    pub fn enqueue_sender(&mut self, wake: W) -> QueuePlace {
        let place = self.senders.enqueue(1, wake);
        let line = Which::Senders;
        QueuePlace { line, place }
    }

    /// A consumer waits for an item.
    pub fn enqueue_receiver(&mut self, wake: W) -> QueuePlace {
        let place = self.receivers.enqueue(1, wake);
        let line = Which::Receivers;
        QueuePlace { line, place }
    }

    /// Somebody waits for the end of all work.
    pub fn enqueue_joiner(&mut self, wake: W) -> QueuePlace {
        let place = self.joiners.enqueue(1, wake);
        let line = Which::Joiners;
        QueuePlace { line, place }
    }

    /// Somebody waits for a moment without any work.
    pub fn enqueue_idler(&mut self, wake: W) -> QueuePlace {
        let place = self.idlers.enqueue(1, wake);
        let line = Which::Idlers;
        QueuePlace { line, place }
    }

    /// Whether [`promise`](Self::promise) has something to say.
    #[inline]
    pub fn may_promise(&self) -> bool {
        // Mostly nobody waits, and this is asked after every step of every item.
        let (joiners, idlers) = (self.joiners.in_line(), self.idlers.in_line());
        self.in_line() + joiners + idlers > 0 && self.may_promise_one()
    }

    fn may_promise_one(&self) -> bool {
        let senders = self.senders.in_line() > 0 && (self.closed || self.senders.has_due(1));
        let receivers = self.receivers.in_line() > 0 && (self.ended() || self.receivers.has_due(1));
        let joiners = self.joiners.in_line() > 0 && self.is_over();
        let idlers = self.idlers.in_line() > 0 && self.is_idle();
        senders || receivers || joiners || idlers
    }

    /// Promises somebody what it waits for, or calls it to be told that it will not come.
    pub fn promise(&mut self) -> Option<QueuePlace> {
        let (line, place) = if let Some(place) = self.promise_sender() {
            (Which::Senders, place)
        } else if let Some(place) = self.promise_receiver() {
            (Which::Receivers, place)
        } else if let Some(place) = self.promise_joiner() {
            (Which::Joiners, place)
        } else if self.is_idle() {
            (Which::Idlers, self.idlers.dismiss()?)
        } else {
            return None;
        };
        Some(QueuePlace { line, place })
    }

    fn promise_sender(&mut self) -> Option<Place> {
        if self.closed {
            return self.senders.dismiss();
        }
        promised(self.senders.promise(NO_TIME))
    }

    fn promise_receiver(&mut self) -> Option<Place> {
        if self.ended() {
            return self.receivers.dismiss();
        }
        promised(self.receivers.promise(NO_TIME))
    }

    fn promise_joiner(&mut self) -> Option<Place> {
        match self.is_over() {
            true => self.joiners.dismiss(),
            false => None,
        }
    }

    /// Whether the waiter has been called and has not come.
    pub fn is_promised(&self, place: QueuePlace) -> bool {
        on_line!(self, place, is_promised)
    }

    /// Takes a promise back; the waiter then stands aside.
    pub fn withdraw(&mut self, place: QueuePlace) {
        on_line!(self, place, withdraw);
    }

    /// Puts a waiter that stands aside back to its place.
    pub fn step_back(&mut self, place: QueuePlace) {
        on_line!(self, place, step_back);
    }

    /// Removes a waiter, with what was promised to it.
    pub fn leave(&mut self, place: QueuePlace) -> Option<W> {
        on_line!(self, place, leave)
    }

    /// What wakes the waiter.
    pub fn wake_mut(&mut self, place: QueuePlace) -> Option<&mut W> {
        on_line!(self, place, wake_mut)
    }

    /// How many producers and consumers stand in line.
    pub fn in_line(&self) -> usize {
        self.senders.in_line() + self.receivers.in_line()
    }

    /// A producer or consumer that stands in line.
    pub fn first(&self) -> Option<QueuePlace> {
        let sender = self.senders.first().map(|place| (Which::Senders, place));
        let receiver = || {
            self.receivers
                .first()
                .map(|place| (Which::Receivers, place))
        };
        let (line, place) = sender.or_else(receiver)?;
        Some(QueuePlace { line, place })
    }
}

fn promised(promise: Promise) -> Option<Place> {
    match promise {
        Promise::To(place) => Some(place),
        Promise::At(_) | Promise::Nothing => None,
    }
}
