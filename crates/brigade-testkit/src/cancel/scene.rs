//! The stage: the future under test and its rivals, polled one at a time and only when woken.
//!
//! It is a small executor, because a runtime would not say who was woken. It never polls a future
//! that was not woken, except where a seed wants a spurious poll, which every future must bear.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// One in so many turns of a seeded run polls a future that was not woken.
const SPURIOUS: u64 = 16;

/// Chance from a seed (SplitMix64). Seed 0 is order itself: always the first choice.
pub(crate) struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// A number below `bound`, which is at least 1.
    fn below(&mut self, bound: u64) -> u64 {
        if self.seed == 0 {
            return 0;
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn spurious(&mut self) -> bool {
        self.seed != 0 && self.below(SPURIOUS) == 0
    }
}

/// Whether an actor was woken, and whom to tell: the task that plays the scene.
#[derive(Default)]
struct Signal {
    woken: AtomicBool,
    stage: Mutex<Option<Waker>>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        let stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let stage = stage.clone();
        if let Some(stage) = stage {
            stage.wake();
        }
    }
}

impl Signal {
    fn watch(&self, context: &Context<'_>) {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        let before = stage.replace(context.waker().clone());
        drop(stage);
        drop(before);
    }
}

struct Actor<F> {
    future: Option<Pin<Box<F>>>,
    /// Of the last poll only: whoever wakes an older one wakes nobody.
    signal: Arc<Signal>,
    polls: usize,
}

impl<F: Future> Actor<F> {
    fn new(future: F) -> Self {
        let signal = Arc::new(Signal::default());
        signal.woken.store(true, Ordering::Release);
        Self {
            future: Some(Box::pin(future)),
            signal,
            polls: 0,
        }
    }

    fn is_woken(&self) -> bool {
        self.future.is_some() && self.signal.woken.load(Ordering::Acquire)
    }

    fn poll(&mut self) -> Option<F::Output> {
        let future = self.future.as_mut()?;
        self.signal = Arc::new(Signal::default());
        self.polls += 1;
        let waker = Waker::from(Arc::clone(&self.signal));
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(value) => {
                self.future = None;
                Some(value)
            }
        }
    }
}

pub(crate) struct Scene<F: Future> {
    actors: Vec<Actor<F>>,
    /// Which of them is under test.
    tested: usize,
    chance: Chance,
    /// Whether somebody was polled since the last turn of what is outside.
    acted: bool,
}

/// Who may be polled in a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    All,
    Rivals,
}

impl<F: Future> Scene<F> {
    /// The one under test stands in the middle of the line, so that it has neighbours on both sides.
    pub(crate) fn new(futures: Vec<F>, seed: u64) -> Self {
        let tested = futures.len() / 2;
        Self {
            actors: futures.into_iter().map(Actor::new).collect(),
            tested,
            chance: Chance::new(seed),
            acted: false,
        }
    }

    pub(crate) fn tested(&self) -> usize {
        self.tested
    }

    pub(crate) fn polls(&self) -> usize {
        self.actors[self.tested].polls
    }

    pub(crate) fn tested_is_woken(&self) -> bool {
        self.actors[self.tested].is_woken()
    }

    /// Whether no rival is left that has not ended.
    pub(crate) fn rivals_ended(&self) -> bool {
        let mut rivals = self.actors.iter().enumerate();
        rivals.all(|(index, actor)| index == self.tested || actor.future.is_none())
    }

    /// Drops the future under test where it stands.
    pub(crate) fn drop_tested(&mut self) {
        self.actors[self.tested].future = None;
    }

    /// Polls one of those that were woken, and returns what the one under test returned.
    pub(crate) fn step(&mut self, turn: Turn) -> Option<F::Output> {
        let spurious = self.chance.spurious();
        let may = |index: usize, actor: &Actor<F>| {
            (turn == Turn::All || index != self.tested)
                && actor.future.is_some()
                && (spurious || actor.is_woken())
        };
        let ready = self.actors.iter().enumerate();
        let ready: Vec<_> = ready
            .filter(|(index, actor)| may(*index, actor))
            .map(|(index, _)| index)
            .collect();
        if ready.is_empty() {
            return None;
        }
        let chosen = ready[self.chance.below(ready.len() as u64) as usize];
        self.acted = true;
        let value = self.actors[chosen].poll();
        value.filter(|_| chosen == self.tested)
    }

    /// Waits until someone of this turn, or the one under test, was woken; after a step, lets
    /// everything outside the scene have its turn first, unless the seed wants the scene to hurry.
    pub(crate) async fn wake_up(&mut self, turn: Turn) {
        if self.acted && self.chance.below(4) == 0 {
            self.acted = false;
            tokio::task::yield_now().await;
        }
        poll_fn(|context| {
            for actor in &self.actors {
                actor.signal.watch(context);
            }
            let mut actors = self.actors.iter().enumerate();
            let ready = actors.any(|(index, actor)| {
                actor.is_woken() && (turn == Turn::All || index != self.tested)
            });
            if ready || self.tested_is_woken() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}
