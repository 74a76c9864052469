//! What comes of an item: one other, or any number of them.
//!
//! Outputs are taken one at a time, each when the one before it was handed on, so nothing is
//! buffered here.

use std::future::Future;

use super::bench::caught;
use super::letter::Grave;
use super::parcel::{Outlet, Parcel};

/// The result of a stage's work.
pub(super) trait Harvest: Send + Sized + 'static {
    type Item: Send + 'static;

    /// Hands on what there is.
    ///
    /// # Errors
    ///
    /// If the item died of it, and the failure is fatal.
    fn hand_on<E: Send + 'static>(
        parcel: Parcel<Self>,
        outlet: &Outlet<Self::Item>,
        grave: &Grave<E>,
    ) -> impl Future<Output = Result<(), E>> + Send;
}

/// One output.
pub(super) struct One<O>(pub(super) O);

impl<O: Send + 'static> Harvest for One<O> {
    type Item = O;

    async fn hand_on<E: Send + 'static>(
        parcel: Parcel<Self>,
        outlet: &Outlet<O>,
        grave: &Grave<E>,
    ) -> Result<(), E> {
        let Parcel { item, claim } = parcel;
        let item = item.0;
        outlet.put(Parcel { item, claim }).await;
        grave.gauge.count_done();
        Ok(())
    }
}

/// Any number of outputs.
pub(super) struct Each<I>(pub(super) I);

impl<I> Harvest for Each<I>
where
    I: IntoIterator<Item: Send + 'static, IntoIter: Send> + Send + 'static,
{
    type Item = I::Item;

    async fn hand_on<E: Send + 'static>(
        parcel: Parcel<Self>,
        outlet: &Outlet<I::Item>,
        grave: &Grave<E>,
    ) -> Result<(), E> {
        // The item has a share of its own until all outputs have theirs.
        let claim = parcel.claim.split();
        let mut outputs = match caught(|| parcel.item.0.into_iter()) {
            Ok(outputs) => outputs,
            Err(payload) => return grave.bury_panicked(claim, payload).await,
        };
        loop {
            let item = match caught(|| outputs.next()) {
                Ok(Some(item)) => item,
                Ok(None) => break,
                Err(payload) => return grave.bury_panicked(claim, payload).await,
            };
            let share = claim.share();
            if !outlet.put(Parcel { item, claim: share }).await {
                return Ok(());
            }
            grave.gauge.count_done();
        }
        drop(outputs);
        claim.deliver();
        Ok(())
    }
}
