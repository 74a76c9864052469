//! What a pipeline is doing: where items are, and which stage the others wait for.
//!
//! A snapshot stops nothing. Its numbers are read one after the other, so those of a pipeline that
//! is running may be one item apart.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use brigade_core::time::Moment;

use super::books::Counts;
use crate::clock::now;
use crate::queue::{Monitor, QueueStats};
use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a pipeline is doing, or did when it ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// What became of the items.
    pub counts: Counts,
    /// The stages, in the order of the pipeline.
    pub stages: Vec<StageStats>,
}

impl Stats {
    /// The stage that limits the others: its workers were busy for the longest time, each.
    ///
    /// More concurrency there, or a faster function, makes the pipeline faster; elsewhere it does
    /// not. `None` before any work.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use brigade::pipeline::{Pipeline, Stage};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let stats = Pipeline::<u8, String>::from_iter(0..10)
    ///     .stage("quick", Stage::new(), |n| async move { Ok(n) })
    ///     .stage("slow", Stage::new(), |_| async {
    ///         tokio::time::sleep(Duration::from_millis(5)).await;
    ///         Ok(())
    ///     })
    ///     .run()
    ///     .await
    ///     .unwrap();
    /// assert_eq!(stats.slowest().unwrap().name, "slow");
    /// # });
    /// ```
    pub fn slowest(&self) -> Option<&StageStats> {
        let working = self
            .stages
            .iter()
            .filter(|stage| !stage.busy_time.is_zero());
        working.max_by_key(|stage| stage.busy_each())
    }

    /// The stage of this name.
    pub fn stage(&self, name: &str) -> Option<&StageStats> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

/// What one stage is doing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StageStats {
    /// Its name.
    pub name: Cow<'static, str>,
    /// How many items it works on at once, at most; 0 for a batch, which is no work.
    pub concurrency: usize,
    /// How many items it holds, at most.
    pub capacity: usize,
    /// How many items wait to be worked on.
    pub depth: usize,
    /// How many items it works on.
    pub busy: usize,
    /// How many items wait to be handed on: for their turn, for room in the next stage, or for the
    /// rest of their batch.
    pub held: usize,
    /// How many items of the stage before, or of the source, wait to come in: this stage is slower.
    pub producers_waiting: usize,
    /// How many of its workers wait for an item: what is before it is slower.
    pub consumers_waiting: usize,
    /// How many items it handed on.
    pub done: u64,
    /// How many items it failed with.
    pub dead: u64,
    /// For how long it worked on items, all workers together, those in work included.
    pub busy_time: Duration,
}

impl StageStats {
    fn busy_each(&self) -> Duration {
        let workers = u32::try_from(self.concurrency.max(1)).unwrap_or(u32::MAX);
        self.busy_time / workers
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts;
        write!(f, "{} of {} delivered", counts.delivered, counts.taken)?;
        for (count, how) in [
            (counts.dead, "dead"),
            (counts.cancelled, "cancelled"),
            (counts.in_flight(), "inside"),
        ] {
            if count > 0 {
                write!(f, ", {count} {how}")?;
            }
        }
        match self.slowest() {
            Some(stage) => write!(f, "; slowest stage: {}", stage.name),
            None => Ok(()),
        }
    }
}

/// The instruments of one stage.
pub(super) struct Gauge {
    pub(super) name: Cow<'static, str>,
    concurrency: usize,
    queue: Box<dyn Fn() -> QueueStats + Send + Sync>,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    idle: usize,
    busy: usize,
    held: usize,
    done: u64,
    dead: u64,
    spent: Duration,
    /// When the items that are in work came, each after `first`, added up.
    first: Option<Moment>,
    began: Duration,
}

impl Gauge {
    pub(super) fn new<T: Send + 'static>(
        name: Cow<'static, str>,
        concurrency: usize,
        queue: Monitor<T>,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            concurrency,
            queue: Box::new(move || queue.stats()),
            work: Mutex::default(),
        })
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> StageStats {
        let queue = (self.queue)();
        let work = self.work();
        let inside = queue.depth + queue.outstanding;
        let batch = self.concurrency == 0;
        let elsewhere = if batch { 0 } else { work.busy + work.held };
        StageStats {
            name: self.name.clone(),
            concurrency: self.concurrency,
            capacity: queue.capacity,
            depth: inside.saturating_sub(elsewhere),
            busy: work.busy,
            held: work.held,
            producers_waiting: queue.producers_waiting,
            consumers_waiting: if batch {
                queue.consumers_waiting
            } else {
                work.idle
            },
            done: work.done,
            dead: work.dead,
            busy_time: work.busy_time(now()),
        }
    }

    /// A worker waits for an item, until the guard is dropped.
    pub(super) fn idle(&self) -> Idle<'_> {
        self.work().idle += 1;
        Idle(self)
    }

    /// An item is worked on, until the guard is dropped.
    pub(super) fn busy(&self) -> Busy<'_> {
        let now = now();
        let mut work = self.work();
        let first = *work.first.get_or_insert(now);
        work.busy += 1;
        work.began += now.since(first);
        drop(work);
        Busy {
            gauge: self,
            since: now,
        }
    }

    /// Items are held, until the guard is dropped.
    pub(super) fn hold(self: &Arc<Self>, items: usize) -> Held {
        self.work().held += items;
        let gauge = self.clone();
        Held { gauge, items }
    }

    pub(super) fn count_done(&self) {
        self.work().done += 1;
    }

    pub(super) fn count_dead(&self) {
        self.work().dead += 1;
    }
}

impl Work {
    fn busy_time(&self, now: Moment) -> Duration {
        let since = self.first.map_or(Duration::ZERO, |first| now.since(first));
        let now = since.saturating_mul(u32::try_from(self.busy).unwrap_or(u32::MAX));
        self.spent + now.saturating_sub(self.began)
    }
}

pub(super) struct Held {
    gauge: Arc<Gauge>,
    items: usize,
}

impl Held {
    /// So many items are held now.
    pub(super) fn set(&mut self, items: usize) {
        let mut work = self.gauge.work();
        work.held = work.held - self.items + items;
        self.items = items;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.work().held -= self.items;
    }
}

pub(super) struct Idle<'a>(&'a Gauge);

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.0.work().idle -= 1;
    }
}

pub(super) struct Busy<'a> {
    gauge: &'a Gauge,
    since: Moment,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let now = now();
        let mut work = self.gauge.work();
        let began = work
            .first
            .map_or(Duration::ZERO, |first| self.since.since(first));
        work.busy -= 1;
        work.began = work.began.saturating_sub(began);
        work.spent += now.since(self.since);
    }
}
