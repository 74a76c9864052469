//! Looks into the ledger of a job without touching the job, which may be running.
//!
//! Whoever waits for a job wants to know how far it is, and whoever has its failures wants to go
//! through them. Both are questions to the ledger, asked by a connection that can only read.
//!
//! Nothing here writes to the directory (SQLite itself may leave an empty `ledger.db-wal` and a
//! `ledger.db-shm`, as any reader does), keeps a job from starting, or holds a transaction open
//! while somebody reads on, since the write-ahead log of a running job would grow for as long.

mod failures;
mod filter;
mod groups;
mod open;
mod status;
#[cfg(test)]
mod tests;

pub use failures::Failures;
pub use filter::FailureFilter;
pub use groups::{FailureGroup, FailureGroups};
pub use open::LedgerView;
pub use status::{Activity, PausedHost, Status};
