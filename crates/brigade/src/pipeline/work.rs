//! The workers of a stage.
//!
//! Each item is worked on in a scope of its own, as a task would be: finalisers that the work
//! registers run when it ends, before the item is handed on, and not when the pipeline does.

use std::convert::Infallible;
use std::future::Future;

use super::bench::{Bench, Done, Job};
use super::harvest::Harvest;
use super::intake::Intake;
use super::letter::{Grave, Kept};
use super::parcel::{Outlet, Parcel};
use super::stats::Gauge;
use crate::cancel::FailureCause;
use crate::group::drive::drive;
use crate::group::{Builder, Cause};
use crate::queue::Receiver;
use crate::sync::Arc;

/// What the workers of one stage share.
pub(super) struct Shop<T, E, W> {
    pub(super) work: W,
    pub(super) keep: Option<fn(&T) -> T>,
    pub(super) grave: Arc<Grave<E>>,
    pub(super) gauge: Arc<Gauge>,
    /// Of the scope of each item.
    pub(super) options: Builder,
}

impl<T, E, W> Shop<T, E, W>
where
    T: Send + 'static,
    E: Send + 'static,
{
    /// Works on one item; nothing comes of it if it died.
    ///
    /// # Errors
    ///
    /// If the failure is fatal.
    async fn work_on<O, F>(&self, parcel: Parcel<T>) -> Result<Option<Parcel<O>>, E>
    where
        W: Fn(T) -> F,
        F: Future<Output = Result<O, E>>,
    {
        let Parcel { item, claim } = parcel;
        let mut kept = None;
        let busy = self.gauge.busy();
        let scope = self.options.open(usize::MAX, true);
        let body = async {
            kept = self.keep.map(|keep| keep(&item));
            Ok::<_, Infallible>((self.work)(item).await)
        };
        let driven = drive(scope, body, None).await;
        drop(busy);
        let panic = driven.failures.into_iter().find_map(|f| match f.cause {
            FailureCause::Panic(panic) => Some(Cause::Panic(panic)),
            _ => None,
        });
        let cause = match (driven.value, panic) {
            (Some(Ok(item)), None) => return Ok(Some(Parcel { item, claim })),
            (Some(Err(error)), None) => Cause::Error(error),
            (_, Some(panic)) => panic,
            // The scope was cancelled on its own, which the worker will see next.
            (None, None) => return Ok(None),
        };
        let kept = kept.map(|item| Box::new(item) as Kept);
        self.grave.bury(claim, cause, kept).await?;
        Ok(None)
    }

    /// A worker of a stage that keeps no order.
    pub(super) async fn work<H, F>(
        self: Arc<Self>,
        intake: Arc<Intake<T>>,
        outlet: Outlet<H::Item>,
    ) -> Result<(), E>
    where
        H: Harvest,
        W: Fn(T) -> F,
        F: Future<Output = Result<H, E>>,
    {
        loop {
            let idle = self.gauge.idle();
            let Some(ticket) = intake.recv().await else {
                return Ok(());
            };
            drop(idle);
            let (parcel, receipt) = ticket.into_parts();
            if let Some(parcel) = self.work_on(parcel).await? {
                self.hand_on(&outlet, parcel).await?;
            }
            receipt.done();
        }
    }

    /// A worker of a stage that keeps an order.
    pub(super) async fn work_in_order<H, F>(
        self: Arc<Self>,
        jobs: Receiver<Job<T>>,
        bench: Arc<Bench<T, H>>,
        outlet: Outlet<H::Item>,
    ) -> Result<(), E>
    where
        H: Harvest,
        W: Fn(T) -> F,
        F: Future<Output = Result<H, E>>,
    {
        loop {
            let idle = self.gauge.idle();
            let Some(job) = jobs.recv().await else {
                return Ok(());
            };
            drop(idle);
            let Job {
                parcel,
                receipt,
                key,
                number,
            } = job.done();
            let result = self.work_on(parcel).await?;
            match (number, result) {
                (Some(number), Some(parcel)) => {
                    let held = self.gauge.hold(1);
                    let result = Done {
                        parcel,
                        receipt,
                        held,
                    };
                    bench.done(number, result);
                }
                (Some(number), None) => {
                    receipt.done();
                    bench.skip(number);
                }
                (None, Some(result)) => {
                    self.hand_on(&outlet, result).await?;
                    receipt.done();
                }
                (None, None) => receipt.done(),
            }
            if let Some(key) = key {
                bench.leave(key);
            }
        }
    }

    /// Hands the results of an ordered stage on, one after the other.
    pub(super) async fn hand_on_in_order<H: Harvest>(
        self: Arc<Self>,
        bench: Arc<Bench<T, H>>,
        outlet: Outlet<H::Item>,
    ) -> Result<(), E> {
        while let Some(Done {
            parcel,
            receipt,
            held,
        }) = bench.next().await
        {
            H::hand_on(parcel, &outlet, &self.grave).await?;
            drop(held);
            receipt.done();
        }
        Ok(())
    }

    async fn hand_on<H: Harvest>(
        &self,
        outlet: &Outlet<H::Item>,
        parcel: Parcel<H>,
    ) -> Result<(), E> {
        let _held = self.gauge.hold(1);
        H::hand_on(parcel, outlet, &self.grave).await
    }
}
