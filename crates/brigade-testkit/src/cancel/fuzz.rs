//! The fuzzer: one run for each place, seed and mood, and a check after each.
//!
//! It decides where a run ends; the scene decides who is polled. It never sleeps, and no wait of
//! it is without a bound.

use super::outcome::Outcome;
use super::place::Place;
use super::scene::{Scene, Turn};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;

/// How often a rival is polled while the future under test is left lying.
const LYING_STEP: Duration = Duration::from_micros(100);

/// Settings of a fuzzer for cancellation; [`fuzz_cancel`] is the plain one.
///
/// # Examples
///
/// Three callers share one permit. Wherever one of them is dropped, the others get their turn, in
/// the orderly interleaving (seed 0) and in fifteen others:
///
/// ```
/// use brigade_testkit::cancel::Fuzz;
/// use tokio::sync::Semaphore;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
/// let semaphore = Semaphore::new(1);
/// let report = Fuzz::new()
///     .rivals(2)
///     .seeds(0..16)
///     .run(
///         || async {
///             let _permit = semaphore.acquire().await;
///             tokio::task::yield_now().await;
///         },
///         async |outcome| assert_eq!(semaphore.available_permits(), 1, "lost: {outcome:?}"),
///     )
///     .await;
/// assert!(report.places > 3);
/// # });
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fuzzer does nothing until it is run"]
pub struct Fuzz {
    rivals: usize,
    seeds: Vec<u64>,
    patience: Duration,
    linger: Duration,
    polls_max: usize,
}

/// What a fuzzer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The polls of a complete run; of several seeds, the most.
    pub polls: usize,
    /// How many places were visited: polls at which the future was dropped or cancelled, the
    /// waiting and the woken counted apart, of all seeds.
    pub places: usize,
}

impl Default for Fuzz {
    fn default() -> Self {
        Self::new()
    }
}

impl Fuzz {
    /// No rivals, the orderly seed 0, a patience of 60 s.
    pub fn new() -> Self {
        Self {
            rivals: 0,
            seeds: vec![0],
            patience: Duration::from_secs(60),
            linger: Duration::ZERO,
            polls_max: 10_000,
        }
    }

    /// So many other futures of the same kind run beside the one under test, half of them started
    /// before it. They are never dropped, and must end after it is gone.
    pub fn rivals(mut self, rivals: usize) -> Self {
        self.rivals = rivals;
        self
    }

    /// The interleavings to try. Seed 0 polls in order and only who was woken; any other chooses by
    /// chance whom to poll, sometimes polls without a wake-up, as `select!` and `join!` do, and
    /// sometimes goes on before other tasks had their turn.
    ///
    /// A failure prints its seed; `seeds([seed])` runs that one again. It is the same run again as
    /// far as the tasks and timers outside do the same again.
    pub fn seeds(mut self, seeds: impl IntoIterator<Item = u64>) -> Self {
        self.seeds = seeds.into_iter().collect();
        self
    }

    /// How long, on tokio's clock, a run waits without anybody being woken before it counts as
    /// lost. Under paused time that takes no time, but a future that waits for a thread or a socket
    /// is then reported although it would go on: fuzz those in real time.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// A future that was woken is left lying so long, unpolled, before it is dropped or cancelled;
    /// rivals and other tasks go on meanwhile. It finds what is promised to a sleeper and held up.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }

    /// A future that still waits after so many polls counts as one that never ends; 10,000 unless
    /// set. The work grows with the square of the polls.
    pub fn polls_max(mut self, polls: usize) -> Self {
        self.polls_max = polls;
        self
    }

    /// Drops the future under test at each of its awaits; see [`fuzz_cancel`].
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future under test where it stands.
    ///
    /// # Panics
    ///
    /// If `check` panics; if the future or a rival is left waiting for longer than the patience; or
    /// if no run ends within as many polls as are allowed.
    pub async fn run<F: Future>(
        &self,
        mut make: impl FnMut() -> F,
        check: impl AsyncFnMut(Outcome<F::Output>),
    ) -> Report {
        self.visit_all(|| (make(), None::<fn()>), check).await
    }

    /// Like [`run`](Self::run), but the future is not dropped: `make` returns it together with a
    /// closure that cancels it, through a token or a group, and it is then polled to its end.
    ///
    /// # Cancel safety
    ///
    /// Dropping it drops the future under test where it stands.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run) does; a future that does not end once it is cancelled is left waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_testkit::cancel::{Fuzz, Outcome};
    /// use tokio::sync::{Semaphore, oneshot};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
    /// let semaphore = Semaphore::new(1);
    /// let make = || {
    ///     let (stop, stopped) = oneshot::channel::<()>();
    ///     let work = async {
    ///         let _permit = semaphore.acquire().await;
    ///         tokio::task::yield_now().await;
    ///     };
    ///     let work = async {
    ///         tokio::select! {
    ///             () = work => "done",
    ///             _ = stopped => "cancelled",
    ///         }
    ///     };
    ///     (work, move || stop.send(()).unwrap_or(()))
    /// };
    /// let check = async |outcome| {
    ///     assert!(!matches!(outcome, Outcome::Dropped { .. }));
    ///     assert_eq!(semaphore.available_permits(), 1);
    /// };
    /// Fuzz::new().run_cancelling(make, check).await;
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    pub async fn run_cancelling<F: Future, C: FnOnce()>(
        &self,
        mut make: impl FnMut() -> (F, C),
        check: impl AsyncFnMut(Outcome<F::Output>),
    ) -> Report {
        let make = || {
            let (future, cancel) = make();
            (future, Some(cancel))
        };
        self.visit_all(make, check).await
    }

    async fn visit_all<F: Future, C: FnOnce()>(
        &self,
        mut make: impl FnMut() -> (F, Option<C>),
        mut check: impl AsyncFnMut(Outcome<F::Output>),
    ) -> Report {
        let mut report = Report {
            polls: 0,
            places: 0,
        };
        for &seed in &self.seeds {
            let mut polls = 0;
            loop {
                assert!(
                    polls < self.polls_max,
                    "the future did not complete within {} polls",
                    self.polls_max
                );
                let mut completed = true;
                for woken in [false, true] {
                    if polls == 0 && woken {
                        continue;
                    }
                    let mut place = Place::new(polls, woken, seed);
                    let outcome = self.visit(&mut place, &mut make).await;
                    let whole = matches!(outcome, Outcome::Completed(_));
                    completed &= whole;
                    report.places += usize::from(!whole);
                    place.now = "the check";
                    let checked = timeout(self.patience, check(outcome)).await;
                    place.waited(checked, self.patience);
                    place.passed = true;
                }
                if completed {
                    break;
                }
                polls += 1;
            }
            report.polls = report.polls.max(polls);
        }
        report
    }

    /// One run: to the place, the drop or the cancellation there, and what comes after.
    async fn visit<F: Future, C: FnOnce()>(
        &self,
        place: &mut Place,
        make: &mut impl FnMut() -> (F, Option<C>),
    ) -> Outcome<F::Output> {
        let made = (0..=self.rivals).map(|_| make());
        let (futures, mut cancels): (Vec<_>, Vec<_>) = made.unzip();
        let mut scene = Scene::new(futures, place.seed);

        place.now = "the future";
        let outcome = match self.reach(place, &mut scene).await {
            Some(value) => Outcome::Completed(value),
            None => {
                if place.woken && !self.linger.is_zero() {
                    self.leave_lying(&mut scene).await;
                }
                let (polls, woken) = (place.polls, place.woken);
                match cancels[scene.tested()].take() {
                    None => {
                        scene.drop_tested();
                        Outcome::Dropped { polls, woken }
                    }
                    Some(cancel) => {
                        cancel();
                        place.now = "the cancelled future";
                        let value = self.end(place, &mut scene).await;
                        Outcome::Cancelled {
                            polls,
                            woken,
                            value,
                        }
                    }
                }
            }
        };
        place.now = "a rival";
        while !scene.rivals_ended() {
            self.wake_up(place, &mut scene, Turn::Rivals).await;
            scene.step(Turn::Rivals);
        }
        outcome
    }

    /// Runs the scene until the future is at the place; its value if it ended before.
    async fn reach<F: Future>(&self, place: &Place, scene: &mut Scene<F>) -> Option<F::Output> {
        while scene.polls() < place.polls {
            self.wake_up(place, scene, Turn::All).await;
            if let Some(value) = scene.step(Turn::All) {
                return Some(value);
            }
        }
        while place.woken && !scene.tested_is_woken() {
            self.wake_up(place, scene, Turn::Rivals).await;
            if !scene.tested_is_woken() {
                scene.step(Turn::Rivals);
            }
        }
        None
    }

    async fn end<F: Future>(&self, place: &Place, scene: &mut Scene<F>) -> F::Output {
        loop {
            self.wake_up(place, scene, Turn::All).await;
            if let Some(value) = scene.step(Turn::All) {
                return value;
            }
        }
    }

    /// The rivals go on while the future under test lies there, woken.
    async fn leave_lying<F: Future>(&self, scene: &mut Scene<F>) {
        let rivals = async {
            loop {
                scene.step(Turn::Rivals);
                tokio::time::sleep(LYING_STEP).await;
            }
        };
        // Only the time ends it.
        let _: Result<(), _> = timeout(self.linger, rivals).await;
    }

    async fn wake_up<F: Future>(&self, place: &Place, scene: &mut Scene<F>, turn: Turn) {
        let woken = timeout(self.patience, scene.wake_up(turn)).await;
        place.waited(woken, self.patience);
    }
}

/// Runs the futures that `make` returns, dropping the first before it is polled, the next after
/// one poll, and so on until one completes; after each, `check` looks at what is left.
///
/// Each place is visited twice: once the future is dropped as soon as it waits, once after it was
/// woken. Completed runs are checked too. Returns the number of polls of a complete run. For
/// rivals, seeds and cancelling instead of dropping, see [`Fuzz`].
///
/// `make` sets a scene in which the future will complete; what the future waits for must come
/// from elsewhere (a task, a timer), since nothing else runs in its place. `check` may wait until
/// things have settled. Under paused time, timers fire at once.
///
/// # Cancel safety
///
/// Dropping it drops the future under test where it stands.
///
/// # Panics
///
/// If `check` panics, if the future is left waiting for 60 s (of tokio's clock), or if no run ends
/// within 10,000 polls. The place is printed on stderr.
///
/// # Examples
///
/// A semaphore's permits come back wherever its waiter is dropped:
///
/// ```
/// use brigade_testkit::cancel::fuzz_cancel;
/// use std::{sync::Arc, time::Duration};
/// use tokio::sync::Semaphore;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?.block_on(async {
/// let semaphore = Arc::new(Semaphore::new(1));
/// let polls = fuzz_cancel(
///     || async {
///         let _permit = semaphore.acquire().await;
///         tokio::time::sleep(Duration::from_secs(1)).await;
///     },
///     async |outcome| assert_eq!(semaphore.available_permits(), 1, "lost: {outcome:?}"),
/// )
/// .await;
/// assert_eq!(polls, 2);
/// # });
/// # std::io::Result::Ok(())
/// ```
pub async fn fuzz_cancel<F: Future>(
    make: impl FnMut() -> F,
    check: impl AsyncFnMut(Outcome<F::Output>),
) -> usize {
    Fuzz::new().run(make, check).await.polls
}
