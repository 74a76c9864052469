//! The sink: results in parts on disk, settled in commits.
//!
//! One thread, [`writer`], owns the parts and the ledger. The event loop hands it [`Batch`]es
//! through a bounded channel, so no file is written on the loop, and a slow disk slows the job
//! instead of growing a buffer. Formats that take work to encode have it done by a [`press`] of
//! threads beside it, block by block, and a job that keeps the order of its list puts
//! them into it before that ([`order`]). Its order is the law: results are written, [`crate::parts::Parts::sync`] puts
//! them on disk, and only then one transaction in the ledger says so.

mod index;
mod order;
mod outcome;
mod press;
mod results;
mod shelf;
mod tally;
#[cfg(test)]
mod tests;
mod turns;
mod writer;

pub(crate) use outcome::{Batch, Outcome};
pub(crate) use turns::Turns;
pub(crate) use writer::{Setup, start};
