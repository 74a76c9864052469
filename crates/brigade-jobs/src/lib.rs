//! Bulk jobs: every line of a list of URLs ends as a result or as a failure, whatever happens.
//!
//! A [`Job`] reads a list as a stream, fetches within limits for all hosts and for each, writes
//! results as lines of JSON in parts, and settles them in commits of a ledger. Killed at any
//! moment, the same job opened again continues: nothing is missing, doubled or torn.
//!
//! It holds no list in memory, sends nothing to a host that asked for patience, and writes no
//! secret down.

mod brake;
mod budget;
mod config;
mod directory;
mod error;
mod failures;
mod format;
mod input;
mod job;
mod ledger;
mod lock;
mod meter;
mod parts;
mod progress;
mod record;
mod schedule;
mod sink;
mod summary;
mod totals;
mod view;
mod warc;

pub use brigade_core::backoff::{Backoff, HostRule};
pub use brigade_core::gcra::Rate;
pub use brigade_core::verdict::{
    FailureKind, FailureLimit, FailureSet, Retries, UnknownFailures, Unretriable,
};
pub use brigade_http::proxy::Proxy;
pub use brigade_http::{Timeouts, Versions};
pub use config::Config;
pub use error::Error;
pub use format::{Compression, Format};
pub use input::{Input, ListForm};
pub use job::Job;
pub use ledger::FailureRecord;
pub use progress::{HostProgress, HostsProgress, Progress, ProgressHandle};
pub use summary::{Latency, RunCounts, State, StoppedBy, Summary};
pub use totals::JobTotals;
pub use view::{
    Activity, FailureFilter, FailureGroup, FailureGroups, Failures, LedgerView, PausedHost, Status,
};
