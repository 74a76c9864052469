//! An item on its way, and where it is handed to.
//!
//! A parcel that cannot be handed on is dropped, and its claim with it, so it is still accounted
//! for.

use tokio::task::coop::consume_budget;

use super::claim::Claim;
use crate::queue::Sender;
use crate::sync::{Arc, Mutex, PoisonError};

pub(super) struct Parcel<T> {
    pub(super) item: T,
    pub(super) claim: Claim,
}

impl<T> Parcel<T> {
    /// One parcel of all these.
    pub(super) fn merge(parcels: Vec<Self>) -> Option<Parcel<Vec<T>>> {
        let mut items = Vec::with_capacity(parcels.len());
        let mut whole: Option<Claim> = None;
        for Self { item, claim } in parcels {
            items.push(item);
            match &mut whole {
                Some(whole) => whole.absorb(claim),
                None => whole = Some(claim),
            }
        }
        whole.map(|claim| Parcel { item: items, claim })
    }
}

/// Where a stage hands its items to.
pub(super) enum Outlet<T> {
    /// The next stage.
    Link(Sender<Parcel<T>>),
    /// Nowhere: what came so far is done.
    End,
    /// A list for the caller.
    Keep(Arc<Mutex<Vec<T>>>),
    /// The caller, who reads as from a stream.
    Stream(tokio::sync::mpsc::Sender<Parcel<T>>),
}

impl<T> Outlet<T> {
    /// Hands a parcel on, waiting for room; false if nobody is left to take it. The pipeline is
    /// being cancelled then, and the parcel is dropped.
    pub(super) async fn put(&self, parcel: Parcel<T>) -> bool {
        match self {
            Self::Link(next) => return next.send(parcel).await.is_ok(),
            Self::Stream(reader) => return reader.send(parcel).await.is_ok(),
            // Nothing here ever waits, and others want to run too.
            Self::End | Self::Keep(_) => consume_budget().await,
        }
        match self {
            Self::Link(_) | Self::Stream(_) => {}
            Self::End => {
                drop(parcel.item);
                parcel.claim.deliver();
            }
            Self::Keep(list) => {
                let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
                list.push(parcel.item);
                parcel.claim.deliver();
            }
        }
        true
    }

    /// Nothing more comes, from nobody.
    pub(super) fn close(&self) {
        if let Self::Link(next) = self {
            next.close();
        }
    }
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Link(next) => Self::Link(next.clone()),
            Self::End => Self::End,
            Self::Keep(list) => Self::Keep(list.clone()),
            Self::Stream(reader) => Self::Stream(reader.clone()),
        }
    }
}
