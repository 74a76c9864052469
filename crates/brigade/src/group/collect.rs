//! Work on many items, some of which may fail.
//!
//! In a group the first failure cancels the siblings; that is wrong for a list of independent
//! items, where it would leave most of them neither done nor failed. Here each item's failure is
//! a record, and the records add up. Items are taken only as fast as there is room to work on
//! them, so the input may be endless.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::iter;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::builder::Builder;
use super::drive::drive;
use super::inbox::{Inbox, Ticket};
use super::outcome::{Collected, Counts, Outcome, Record};
use super::start::start;
use crate::cancel::name::Name;
use crate::cancel::scope::Scope;
use crate::cancel::{FailureCause, Reason};
use crate::runtime::{Sleep, sleep};
use crate::sync::Arc;
use crate::sync::atomic::{AtomicBool, Ordering};

/// Works on every item, at most `limit` at once, and records how each one ended.
///
/// No failure cancels anything. The records come in the order in which the work ended;
/// [`Collect`] has options for that, for a deadline, and for using records as they come.
///
/// The work runs in parallel, so its future is `Send + 'static`: clone what it needs into it.
///
/// # Panics
///
/// If `limit` is 0. A panic of the work is a record; one of the iterator or of `work` itself
/// cancels the rest and continues.
///
/// # Cancel safety
///
/// As [`task_group`](super::task_group): dropping the future cancels the work and loses the
/// records. What must not be lost is stored by the work itself or by [`Collect::for_each`].
///
/// # Examples
///
/// ```
/// use brigade::group::collect;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let halves = collect(0..10, 4, |n: u32| async move {
///     if n % 2 == 0 { Ok(n / 2) } else { Err(format!("{n} is odd")) }
/// });
/// let halves = halves.await;
/// assert_eq!((halves.counts.ok, halves.counts.failed), (5, 5));
/// # });
/// ```
pub async fn collect<I, W, F, T, E>(items: I, limit: usize, work: W) -> Collected<T, E>
where
    I: IntoIterator,
    W: FnMut(I::Item) -> F,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    Collect::new(items, limit, work).run().await
}

/// Options for [`collect`].
///
/// # Examples
///
/// ```
/// use brigade::group::Collect;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // Ten million items would need no more memory than these: each record is used as it comes.
/// let mut sum = 0;
/// let all = Collect::new(0..1000_u64, 8, |n| async move { Ok::<_, String>(n) });
/// let counts = all.in_order().for_each(async |record| sum += record.outcome.ok().unwrap_or(0));
/// assert_eq!(counts.await.ok, 1000);
/// assert_eq!(sum, 999 * 1000 / 2);
/// # });
/// ```
#[derive(Debug)]
#[must_use = "nothing is taken until `run` or `for_each` is called"]
pub struct Collect<I, W> {
    items: I,
    limit: usize,
    work: W,
    options: Builder,
    deadline: Option<Duration>,
    in_order: bool,
}

impl<I, W, F, T, E> Collect<I, W>
where
    I: IntoIterator,
    W: FnMut(I::Item) -> F,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// Work on `items`, at most `limit` at once.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub fn new(items: I, limit: usize, work: W) -> Self {
        assert!(limit > 0, "work on at most 0 items at once never ends");
        Self {
            items,
            limit,
            work,
            options: Builder::new().name("collect"),
            deadline: None,
            in_order: false,
        }
    }

    /// Gives the records in the order of the input.
    ///
    /// While the work on one item takes long, at most `limit` items beyond those in work are
    /// taken, so the memory stays bounded.
    pub fn in_order(mut self) -> Self {
        self.in_order = true;
        self
    }

    /// Stops after this time: no further item is taken, and what is in work then is recorded as
    /// cancelled by a deadline.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How long cancelled work may stay in its shields and finalisers; see [`Builder::grace`].
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options = self.options.grace(grace);
        self
    }

    /// Works on everything and keeps all records; see [`collect`].
    ///
    /// # Panics
    ///
    /// As [`collect`].
    ///
    /// # Cancel safety
    ///
    /// As [`collect`].
    pub async fn run(self) -> Collected<T, E> {
        // Without an async closure, so that the future is `Send` in every context.
        let mut records = Vec::new();
        let (mut feed, timer) = self.start();
        let pump = poll_fn(|cx| {
            while let Some(record) = std::task::ready!(feed.poll_next(cx)) {
                records.push(record);
            }
            Poll::Ready(())
        });
        timer.conduct(pump).await;
        records.extend(iter::from_fn(|| feed.take_left()));
        let counts = feed.counts;
        Collected { records, counts }
    }

    /// Works on everything and gives each record to `consume` as it comes, one at a time.
    ///
    /// While `consume` awaits, no further item is taken, so a slow consumer slows the input and
    /// memory stays proportional to the limit.
    ///
    /// The future is not `Send` on stable Rust, which cannot say that those of `consume` are; inside
    /// a task use [`run`](Self::run), or [`task_group`](super::task_group) with a queue.
    ///
    /// # Panics
    ///
    /// As [`collect`], and if `consume` panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels the work; records that `consume` has not had are lost.
    pub async fn for_each<C>(self, mut consume: C) -> Counts
    where
        C: AsyncFnMut(Record<T, E>),
    {
        let (mut feed, timer) = self.start();
        let pump = async {
            while let Some(record) = poll_fn(|cx| feed.poll_next(cx)).await {
                consume(record).await;
            }
        };
        timer.conduct(pump).await;
        while let Some(record) = feed.take_left() {
            consume(record).await;
        }
        feed.counts
    }

    fn start(self) -> (Feed<I::IntoIter, W, T, E>, Conductor) {
        let scope = self.options.open(usize::MAX, true);
        let stopped = Arc::new(AtomicBool::new(false));
        let conductor = Conductor {
            scope: scope.clone(),
            stopped: stopped.clone(),
            timer: self.deadline.map(|deadline| Box::pin(sleep(deadline))),
        };
        let feed = Feed {
            scope,
            items: self.items.into_iter(),
            work: self.work,
            limit: self.limit as u64,
            in_order: self.in_order,
            stopped,
            counts: Counts::default(),
            emitted: 0,
            early: VecDeque::new(),
            inbox: Arc::new(Inbox::new()),
        };
        (feed, conductor)
    }
}

/// Runs the collection as the body of a group, and stops it at its deadline.
struct Conductor {
    scope: Arc<Scope>,
    stopped: Arc<AtomicBool>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Conductor {
    async fn conduct(mut self, pump: impl Future<Output = ()>) {
        let scope = self.scope.clone();
        let body = async {
            let mut pump = pin!(pump);
            // The deadline counts while `consume` takes its time, too.
            poll_fn(|cx| {
                self.poll_deadline(cx);
                pump.as_mut().poll(cx)
            })
            .await;
            Ok::<_, Infallible>(())
        };
        let driven = drive(scope.clone(), body, None).await;
        for failure in driven.failures {
            if let FailureCause::Panic(panic) = failure.cause {
                panic.resume();
            }
        }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) {
        let over = |timer: &mut Pin<Box<Sleep>>| timer.as_mut().poll(cx).is_ready();
        if self.timer.as_mut().is_some_and(over) {
            self.timer = None;
            self.stopped.store(true, Ordering::Relaxed);
            self.scope.cancel_tasks(Reason::Deadline);
        }
    }
}

/// Keeps the work going and hands out records.
struct Feed<I, W, T, E> {
    scope: Arc<Scope>,
    items: I,
    work: W,
    limit: u64,
    in_order: bool,
    /// No further item is taken: the input or the time is over.
    stopped: Arc<AtomicBool>,
    counts: Counts,
    emitted: u64,
    /// Outcomes that came before their turn; the first is that of the next record.
    early: VecDeque<Option<Outcome<T, E>>>,
    inbox: Arc<Inbox<T, E>>,
}

impl<I, W, F, T, E> Feed<I, W, T, E>
where
    I: Iterator,
    W: FnMut(I::Item) -> F,
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Record<T, E>>> {
        loop {
            self.fill();
            if let Some(record) = self.in_turn() {
                return Poll::Ready(Some(record));
            }
            if self.counts.in_flight() == 0 {
                self.counts.complete |= self.items.size_hint().1 == Some(0);
                return Poll::Ready(None);
            }
            let record = std::task::ready!(self.inbox.poll_take(cx));
            self.counts.add(&record.outcome);
            if !self.in_order {
                return Poll::Ready(Some(record));
            }
            self.keep(record);
        }
    }

    /// What came in and was not asked for. There is nothing unless the runtime went down under
    /// the body, which has dropped its tasks then.
    fn take_left(&mut self) -> Option<Record<T, E>> {
        let record = self.inbox.take()?;
        self.counts.add(&record.outcome);
        Some(record)
    }

    /// Takes items while there is room.
    fn fill(&mut self) {
        while self.has_room() {
            let Some(item) = self.items.next() else {
                self.counts.complete = true;
                self.stopped.store(true, Ordering::Relaxed);
                return;
            };
            let work = (self.work)(item);
            let ticket = Ticket::new(self.counts.taken, self.inbox.clone());
            self.counts.taken += 1;
            let name = Name::Static(std::any::type_name::<F>());
            // A refusal drops the ticket, which records the item as cancelled.
            match self.scope.seat(name, self.scope.last_polled(), None) {
                Ok(task) => drop(start(&self.scope, task, work, ticket)),
                // Everything that came next would be refused too.
                Err(_) => self.stopped.store(true, Ordering::Relaxed),
            }
        }
    }

    fn has_room(&self) -> bool {
        // `emitted` counts only in order; then what waits for its turn is bounded as well.
        let waiting = self.early.len() as u64;
        !self.stopped.load(Ordering::Relaxed)
            && self.counts.in_flight() < self.limit
            && waiting < self.limit
    }

    /// The next record in the order of the input, if it has come.
    fn in_turn(&mut self) -> Option<Record<T, E>> {
        let outcome = self.early.front_mut()?.take()?;
        self.early.pop_front();
        let index = self.emitted;
        self.emitted += 1;
        Some(Record { index, outcome })
    }

    fn keep(&mut self, record: Record<T, E>) {
        let place = (record.index - self.emitted) as usize;
        if self.early.len() <= place {
            self.early.resize_with(place + 1, || None);
        }
        self.early[place] = Some(record.outcome);
    }
}
