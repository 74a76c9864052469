//! The sink: results in parts on disk, settled in commits.
//!
//! One thread, [`writer`], owns the parts and the ledger. The event loop hands it [`Batch`]es
//! through a bounded channel, so no file is written on the loop, and a slow disk slows the job
//! instead of growing a buffer. Its order is the law: results are written, [`crate::parts::Parts::sync`] puts
//! them on disk, and only then one transaction in the ledger says so.

mod outcome;
mod tally;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use outcome::{Batch, Outcome, Success};
pub(crate) use writer::{Setup, start};
