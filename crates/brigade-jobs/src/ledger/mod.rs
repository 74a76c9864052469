//! The ledger: a SQLite file that says, after any crash, what is finished and where it lies.
//!
//! It holds no row for a URL that succeeded: a watermark and the ranges beyond it say which lines
//! are done, the parts' lengths say which bytes are results. A failure has a row, and so has a
//! host that asked for patience. docs/ledger.md documents the tables; people may query them while
//! a job runs.
//!
//! One commit is one transaction, and it is made after the bytes that it speaks of are on disk:
//! [`Ledger::commit`] takes a [`crate::parts::Synced`], which only a sync of the parts makes.

mod choice;
mod commit;
mod error;
mod open;
mod peek;
mod schema;
mod state;
mod store;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use choice::condition;
pub(crate) use commit::{Commit, Failure, ListState};
pub(crate) use error::error as sqlite_error;
pub(crate) use open::{consumed, counts, failure, rows, totals, unsigned};
pub(crate) use peek::as_it_lies;
pub(crate) use schema::{APPLICATION, VERSION};
pub use state::FailureRecord;
pub(crate) use state::{Counts, HostState, Recovered, Totals};
pub(crate) use store::{FailedLines, Ledger};
