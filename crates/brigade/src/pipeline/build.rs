//! Building a pipeline, one stage after the other.
//!
//! A pipeline under construction is what has to be started once it is known where its items go.
//! Nothing runs before the end is chosen.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;

use futures_core::Stream;

use super::batch::{Batch, Packer};
use super::bench::Bench;
use super::emit::{Emit, Tap};
use super::handle::Control;
use super::harvest::{Each, Harvest, One};
use super::intake::Intake;
use super::letter::{Grave, Handler, Letter};
use super::parcel::{Outlet, Parcel};
use super::stage::Stage;
use super::stats::Gauge;
use super::work::Shop;
use crate::group::{Builder, Task, TaskGroup};
use crate::queue::{Sender, bounded};
use crate::sync::Arc;

/// Stages between a source and an end; `T` is what comes out, `E` what its stages fail with.
///
/// See the [module](super) for what it guarantees.
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<T, E> {
    pub(super) name: Cow<'static, str>,
    pub(super) control: Arc<Control>,
    pub(super) handler: Option<Handler<E>>,
    pub(super) drain_on_cancel: bool,
    pub(super) start: Start<T, E>,
}

/// What starts everything so far in a group, with where the items go then.
pub(super) type Start<T, E> = Box<dyn FnOnce(&mut Launch<'_, E>, Outlet<T>) + Send>;

/// The group of a pipeline that is started.
pub(super) struct Launch<'g, E> {
    pub(super) group: &'g TaskGroup<E>,
    pub(super) handler: Option<Handler<E>>,
    pub(super) tasks: Vec<Task<'g, ()>>,
}

impl<T, E> Pipeline<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    /// A pipeline whose source is a future that emits items and ends when there are no more.
    ///
    /// If it fails or panics, the pipeline does. A drain drops it where it waits for something of
    /// its own, unless it is under a [shield](crate::cancel::shield()).
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::pipeline::Pipeline;
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let numbers = Pipeline::source(|out| async move {
    ///     for number in 0..3 {
    ///         out.emit(number).await;
    ///     }
    ///     Ok::<_, String>(())
    /// });
    /// let (numbers, stats) = numbers.collect().await.unwrap();
    /// assert_eq!(numbers, [0, 1, 2]);
    /// assert!(stats.counts.complete);
    /// # });
    /// ```
    pub fn source<F, S>(source: S) -> Self
    where
        S: FnOnce(Emit<T>) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        let control = Control::new();
        let tap = Tap::new(control.drain.clone(), control.books.clone());
        let start: Start<T, E> = Box::new(move |launch, outlet| {
            let emit = Emit::new(outlet.clone(), tap.clone());
            launch.spawn("source".into(), async move {
                let result = tap.run(async move { source(emit).await }).await;
                // Whoever still holds an `Emit` elsewhere does not keep the pipeline open.
                outlet.close();
                result
            });
        });
        Self {
            name: Cow::Borrowed("pipeline"),
            control,
            handler: None,
            drain_on_cancel: false,
            start,
        }
    }

    /// A pipeline for the items of an iterator; each is taken when there is room for it.
    #[expect(
        clippy::should_implement_trait,
        reason = "the trait does not ask for `Send`"
    )]
    pub fn from_iter<I>(items: I) -> Self
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: Send + 'static,
    {
        let items = items.into_iter();
        Self::source(move |out| async move {
            for item in items {
                out.emit(item).await;
            }
            Ok(())
        })
    }

    /// A pipeline for the items of a stream, which a drain drops where it waits.
    pub fn from_stream<S>(stream: S) -> Self
    where
        S: Stream<Item = T> + Send + 'static,
    {
        Self::source(move |out| async move {
            let mut stream = std::pin::pin!(stream);
            while let Some(item) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                out.emit(item).await;
            }
            Ok(())
        })
    }

    /// The name of the pipeline's group in errors and listings; "pipeline" unless set.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Drains the pipeline when the task or group around it is cancelled, by a signal for example,
    /// instead of cancelling it. The pipeline has the grace period of what is around it for that;
    /// what is inside then is cancelled.
    ///
    /// It is a [shield](crate::cancel::shield()), so it does not hold against a foreign drop, nor
    /// against [`Handle::cancel`](super::Handle::cancel).
    pub fn drain_on_cancel(mut self) -> Self {
        self.drain_on_cancel = true;
        self
    }

    /// Contains the failures of all stages: an item that one fails with, by an error or a panic, is
    /// handed to `handler`, and the others go on. Without it the first failure ends the pipeline.
    ///
    /// The handler may await; the worker that failed waits for it, so it slows the stage and needs
    /// no buffer. If it returns an error, that failure ends the pipeline after all.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::pipeline::{Pipeline, Stage};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let halves = Pipeline::from_iter(1..=4)
    ///     .stage("halve", Stage::new().keep_items(), |n: u32| async move {
    ///         if n % 2 == 0 { Ok(n / 2) } else { Err("odd") }
    ///     })
    ///     .dead_letters(|mut letter| async move {
    ///         assert_eq!(letter.to_string(), "halve: odd");
    ///         assert_eq!(letter.take_item::<u32>().unwrap() % 2, 1);
    ///         Ok(())
    ///     });
    /// let (halves, stats) = halves.collect().await.unwrap();
    /// assert_eq!(halves, [1, 2]);
    /// assert_eq!((stats.counts.delivered, stats.counts.dead), (2, 2));
    /// # });
    /// ```
    pub fn dead_letters<H, F>(mut self, handler: H) -> Self
    where
        H: Fn(Letter<E>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.handler = Some(Arc::new(move |letter| Box::pin(handler(letter))));
        self
    }

    /// Adds a stage that turns each item into another, or fails with it.
    ///
    /// The work runs in parallel, so its future is `Send + 'static`: clone what it needs into it.
    /// A stage at the end whose work returns `()` is the sink.
    pub fn stage<O, W, F>(
        self,
        name: impl Into<Cow<'static, str>>,
        stage: Stage<T>,
        work: W,
    ) -> Pipeline<O, E>
    where
        W: Fn(T) -> F + Send + Sync + 'static,
        F: Future<Output = Result<O, E>> + Send + 'static,
        O: Send + 'static,
    {
        self.works(name.into(), stage, move |item| {
            let working = work(item);
            async move { Ok(One(working.await?)) }
        })
    }

    /// Adds a stage that turns each item into any number of others: a page into its links, a batch
    /// into its items, or an item into itself or nothing, as a filter does.
    ///
    /// The outputs are handed on in their order, one at a time, so the iterator is asked for the
    /// next one when there is room for it; it must come to an end. The order and the keys of the
    /// stage hold for all outputs of an item together. The item ends with the last of them, and as
    /// the worst of them (see [`Counts`](super::Counts)); without any it is delivered. If the
    /// iterator panics, the item is dead, and the outputs before that go on.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::pipeline::{Pipeline, Stage};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let words = Pipeline::<_, String>::from_iter(["a few words", "", "more"])
    ///     .expand("split", Stage::new(), |line: &'static str| async move {
    ///         Ok(line.split_whitespace())
    ///     })
    ///     .expand("long", Stage::new(), |word| async move {
    ///         Ok((word.len() > 3).then_some(word))
    ///     });
    /// let (words, stats) = words.collect().await.unwrap();
    /// assert_eq!(words, ["words", "more"]);
    /// assert_eq!(stats.counts.delivered, 3, "three lines, whatever became of them");
    /// # });
    /// ```
    pub fn expand<I, W, F>(
        self,
        name: impl Into<Cow<'static, str>>,
        stage: Stage<T>,
        work: W,
    ) -> Pipeline<I::Item, E>
    where
        W: Fn(T) -> F + Send + Sync + 'static,
        F: Future<Output = Result<I, E>> + Send + 'static,
        I: IntoIterator<Item: Send + 'static, IntoIter: Send> + Send + 'static,
    {
        self.works(name.into(), stage, move |item| {
            let working = work(item);
            async move { Ok(Each(working.await?)) }
        })
    }

    fn works<H, W, F>(
        self,
        name: Cow<'static, str>,
        stage: Stage<T>,
        work: W,
    ) -> Pipeline<H::Item, E>
    where
        H: Harvest,
        W: Fn(T) -> F + Send + Sync + 'static,
        F: Future<Output = Result<H, E>> + Send + 'static,
    {
        let capacity = stage.held_max();
        let (link, receiver) = bounded(capacity);
        let gauge = Gauge::new(name, stage.concurrency, link.monitor());
        let intake = Arc::new(Intake::new(receiver));
        self.then(gauge.clone(), link, move |launch, outlet| {
            let shop = Arc::new(Shop {
                work,
                keep: stage.keep,
                grave: Arc::new(launch.grave(&gauge)),
                options: Builder::new().name(gauge.name.clone()),
                gauge,
            });
            // A single worker keeps every order by itself.
            if stage.concurrency == 1 || !stage.ordered && stage.key.is_none() {
                launch.workers(stage.concurrency, &shop.gauge, || {
                    shop.clone().work(intake.clone(), outlet.clone())
                });
                return;
            }
            let (bench, jobs) = Bench::new(capacity, stage.ordered);
            let feed = bench.clone().feed(intake, stage.key, shop.grave.clone());
            launch.helper(&shop.gauge, "intake", feed);
            launch.workers(stage.concurrency, &shop.gauge, || {
                shop.clone()
                    .work_in_order(jobs.clone(), bench.clone(), outlet.clone())
            });
            if stage.ordered {
                let hand_on = shop.clone().hand_on_in_order(bench, outlet);
                launch.helper(&shop.gauge, "outlet", hand_on);
            }
        })
    }

    /// Adds a stage that makes many items one, in the order in which they come.
    ///
    /// It holds one batch that is being filled, one that is being handed on, and up to 64 items
    /// that wait.
    pub fn batch(self, name: impl Into<Cow<'static, str>>, batch: Batch<T>) -> Pipeline<Vec<T>, E> {
        let (link, receiver) = bounded(batch.waiting_max());
        let gauge = Gauge::new(name.into(), 0, link.monitor());
        let intake = Intake::new(receiver);
        self.then(gauge.clone(), link, move |launch, outlet| {
            let packer = Packer {
                batch,
                intake,
                outlet,
                grave: launch.grave(&gauge),
            };
            launch.helper(&gauge, "batch", packer.pack());
        })
    }
}

impl<T, E> Pipeline<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    /// A pipeline that is longer by one stage, behind `link`.
    fn then<O>(
        self,
        gauge: Arc<Gauge>,
        link: Sender<Parcel<T>>,
        start: impl FnOnce(&mut Launch<'_, E>, Outlet<O>) + Send + 'static,
    ) -> Pipeline<O, E> {
        self.control.add(gauge);
        let before = self.start;
        Pipeline {
            name: self.name,
            control: self.control,
            handler: self.handler,
            drain_on_cancel: self.drain_on_cancel,
            start: Box::new(move |launch, outlet| {
                before(launch, Outlet::Link(link));
                start(launch, outlet);
            }),
        }
    }
}

impl<E: fmt::Display + Send + 'static> Launch<'_, E> {
    fn grave(&self, gauge: &Arc<Gauge>) -> Grave<E> {
        Grave {
            gauge: gauge.clone(),
            handler: self.handler.clone(),
        }
    }

    /// Starts the workers of a stage, which bear its name.
    fn workers<F>(&mut self, count: usize, gauge: &Gauge, worker: impl Fn() -> F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        for _ in 0..count {
            self.spawn(gauge.name.clone(), worker());
        }
    }

    /// Starts a helper of a stage.
    fn helper<F>(&mut self, gauge: &Gauge, part: &str, helper: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.spawn(format!("{}: {part}", gauge.name).into(), helper);
    }

    fn spawn<F>(&mut self, name: Cow<'static, str>, future: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.tasks.push(self.group.spawn_named(name, future));
    }
}

impl<T, E> fmt::Debug for Pipeline<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stages = self.control.stats().stages.into_iter();
        let names: Vec<_> = stages.map(|stage| stage.name).collect();
        f.debug_struct("Pipeline")
            .field("name", &self.name)
            .field("stages", &names)
            .finish_non_exhaustive()
    }
}
