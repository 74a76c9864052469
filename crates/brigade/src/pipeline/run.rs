//! Running a pipeline, and the three ways in which its items come out.
//!
//! A pipeline runs as one group: whatever ends it, nothing of it is left when the run returns.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::build::{Launch, Pipeline};
use super::handle::Handle;
use super::output::Output;
use super::parcel::Outlet;
use super::stats::Stats;
use crate::cancel::{current, shield};
use crate::group::{Builder, Error};
use crate::sync::{Arc, Mutex, PoisonError};

impl<T, E> Pipeline<T, E>
where
    T: Send + 'static,
    E: fmt::Display + Send + 'static,
{
    /// A handle that drains, cancels and watches the pipeline.
    pub fn handle(&self) -> Handle {
        Handle(self.control.clone())
    }

    /// Runs the pipeline to its end. What comes out of the last stage is dropped; it counts as
    /// delivered.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if something failed and no [handler](Self::dead_letters) contained it,
    /// [`Error::Cancelled`] if the pipeline was cancelled. The numbers are in
    /// [`Handle::stats`] then.
    ///
    /// # Panics
    ///
    /// Continues a panic that no handler contained, when everything has ended.
    ///
    /// # Cancel safety
    ///
    /// As [`task_group`](crate::group::task_group()): dropping the future cancels source and
    /// workers at once, and the task or group around waits for them. What was inside counts as
    /// cancelled; to lose nothing, [drain](Handle::drain) instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade::pipeline::{Pipeline, Stage};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let stats = Pipeline::from_iter(0..100)
    ///     .stage("double", Stage::new().concurrency(8), |n: u32| async move { Ok(n * 2) })
    ///     .stage("print", Stage::new(), |n| async move {
    ///         println!("{n}");
    ///         Ok::<_, String>(())
    ///     })
    ///     .run()
    ///     .await
    ///     .unwrap();
    /// assert_eq!(stats.counts.delivered, 100);
    /// # });
    /// ```
    pub async fn run(self) -> Result<Stats, Error<E>> {
        self.run_into(Outlet::End).await
    }

    /// Runs the pipeline to its end and keeps what comes out of the last stage, in that order.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run); what had come out is dropped then.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run), and what had come out is lost.
    pub async fn collect(self) -> Result<(Vec<T>, Stats), Error<E>> {
        let list = Arc::new(Mutex::new(Vec::new()));
        let stats = self.run_into(Outlet::Keep(list.clone())).await?;
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((std::mem::take(&mut *list), stats))
    }

    /// Runs the pipeline while what comes out of its last stage is read as a stream.
    ///
    /// A reader that takes its time slows the pipeline, and dropping the stream cancels it. An item
    /// counts as delivered when it is read.
    pub fn into_stream(self) -> Output<T, E> {
        let handle = self.handle();
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let run = Box::pin(self.run_into(Outlet::Stream(sender)));
        Output::new(handle, receiver, run)
    }

    async fn run_into(self, outlet: Outlet<T>) -> Result<Stats, Error<E>> {
        if !self.drain_on_cancel {
            return self.run_group(outlet).await;
        }
        let (around, drain) = (current(), self.control.drain.clone());
        let mut cancelled = pin!(around.cancelled());
        let mut run = pin!(self.run_group(outlet));
        shield(poll_fn(|cx| {
            if !drain.is_cancelled()
                && let Poll::Ready(reason) = cancelled.as_mut().poll(cx)
            {
                drain.cancel_with(reason);
            }
            run.as_mut().poll(cx)
        }))
        .await
    }

    async fn run_group(self, outlet: Outlet<T>) -> Result<Stats, Error<E>> {
        let Self {
            name,
            control,
            handler,
            start,
            ..
        } = self;
        let mut opened = None;
        let started = Builder::new().name(name).run(async |group| {
            opened = Some(control.open());
            let mut launch = Launch {
                group,
                handler,
                tasks: Vec::new(),
            };
            start(&mut launch, outlet);
            // Waited for in the body, so that a cancellation meanwhile is what the run returns.
            for task in launch.tasks {
                task.await;
            }
            Ok(())
        });
        started.await?;
        drop(opened);
        Ok(control.stats())
    }
}
