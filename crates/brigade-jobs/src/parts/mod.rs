//! The parts: files of results that grow to a size and are then left alone, some with an index
//! beside each.
//!
//! A part ends only between records. [`Parts::sync`] is the only maker of [`Synced`], which a commit
//! of the ledger demands.

mod part;
mod series;

#[cfg(test)]
pub(crate) use part::{Opener, PartFile};
pub(crate) use part::{PartState, open_files};
pub(crate) use series::{PartKind, Parts, Synced};
