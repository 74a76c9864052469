//! The state of a queue at its desk: what the ends of a queue share.
//!
//! Items are dropped outside the lock; their destructors may use the queue.

use std::task::Waker;

use brigade_core::queue::{Closed, QueuePlace, QueueState, Received, Tally, Unfinished};
use brigade_core::time::Moment;

use super::SendError;
use crate::desk::{Ask, Desk, Gate, Turn};
use crate::sync::Arc;

pub(super) type State<T> = QueueState<T, Option<Waker>>;
pub(super) type Handle<T> = Arc<Desk<State<T>>>;

impl<T> Gate for State<T> {
    type Place = QueuePlace;
    type Waste = ();

    const TIMED: bool = false;

    fn promise(&mut self, _: Moment) -> Turn<QueuePlace> {
        QueueState::promise(self).map_or(Turn::Nobody, Turn::Of)
    }

    fn is_promised(&self, place: QueuePlace) -> bool {
        QueueState::is_promised(self, place)
    }

    fn withdraw(&mut self, place: QueuePlace) {
        QueueState::withdraw(self, place);
    }

    fn step_back(&mut self, place: QueuePlace) {
        QueueState::step_back(self, place);
    }

    fn leave(&mut self, place: QueuePlace) {
        QueueState::leave(self, place);
    }

    fn waker(&mut self, place: QueuePlace) -> Option<&mut Option<Waker>> {
        self.wake_mut(place)
    }

    fn in_line(&self) -> usize {
        QueueState::in_line(self)
    }

    fn first(&self) -> Option<QueuePlace> {
        QueueState::first(self)
    }

    fn waste(&mut self) {}

    fn may_promise(&self) -> bool {
        QueueState::may_promise(self)
    }
}

/// An item to be sent.
pub(super) struct Send<T>(pub(super) Option<T>);

impl<T> Send<T> {
    fn push(&mut self, state: &mut State<T>) -> Result<(), SendError<T>> {
        match self.0.take() {
            Some(item) => state.push(item).map_err(SendError),
            None => Ok(()),
        }
    }

    fn refused(&mut self) -> Result<(), SendError<T>> {
        self.0.take().map_or(Ok(()), |item| Err(SendError(item)))
    }
}

impl<T> Ask<State<T>> for Send<T> {
    type Got = Result<(), SendError<T>>;

    fn ask(&mut self, state: &mut State<T>) -> Result<Self::Got, QueuePlace> {
        match state.reserve_now() {
            Ok(true) => Ok(self.push(state)),
            Ok(false) => Err(state.enqueue_sender(None)),
            Err(Closed) => Ok(self.refused()),
        }
    }

    fn collect(&mut self, state: &mut State<T>, place: QueuePlace, _: Moment) -> Option<Self::Got> {
        Some(match state.collect_slot(place)? {
            Ok(()) => self.push(state),
            Err(Closed) => self.refused(),
        })
    }
}

/// A slot to be sent into later.
pub(super) struct Reserve;

impl<T> Ask<State<T>> for Reserve {
    type Got = Result<(), SendError<()>>;

    fn ask(&mut self, state: &mut State<T>) -> Result<Self::Got, QueuePlace> {
        match state.reserve_now() {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Err(state.enqueue_sender(None)),
            Err(Closed) => Ok(Err(SendError(()))),
        }
    }

    fn collect(&mut self, state: &mut State<T>, place: QueuePlace, _: Moment) -> Option<Self::Got> {
        let slot = state.collect_slot(place)?;
        Some(slot.map_err(|Closed| SendError(())))
    }
}

/// An item to be received.
pub(super) struct Receive;

impl<T> Ask<State<T>> for Receive {
    type Got = Received<T>;

    fn ask(&mut self, state: &mut State<T>) -> Result<Self::Got, QueuePlace> {
        let received = state.receive_now();
        received.ok_or_else(|| state.enqueue_receiver(None))
    }

    fn collect(&mut self, state: &mut State<T>, place: QueuePlace, _: Moment) -> Option<Self::Got> {
        state.collect_item(place)
    }
}

/// The end of all work, or a moment without any.
pub(super) enum Await {
    End,
    Idle,
}

impl Await {
    fn result<T>(&self, state: &State<T>) -> Option<Result<Tally, Unfinished>> {
        match self {
            Self::End => state.joined(),
            Self::Idle => state.idle(),
        }
    }
}

impl<T> Ask<State<T>> for Await {
    type Got = Result<Tally, Unfinished>;

    fn ask(&mut self, state: &mut State<T>) -> Result<Self::Got, QueuePlace> {
        self.result(state).ok_or_else(|| match self {
            Self::End => state.enqueue_joiner(None),
            Self::Idle => state.enqueue_idler(None),
        })
    }

    fn collect(&mut self, state: &mut State<T>, place: QueuePlace, _: Moment) -> Option<Self::Got> {
        match self.result(state) {
            None => {
                // Called for a moment that has passed: it waits for the next one.
                state.withdraw(place);
                state.step_back(place);
                None
            }
            result => {
                state.leave(place);
                result
            }
        }
    }
}
