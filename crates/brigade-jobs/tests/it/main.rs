//! Jobs from the outside: a real list, a real server on loopback, real files.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod archive;
mod archives;
mod duplicates;
mod environment;
mod forged;
mod formats;
mod forms;
mod hosts;
mod kill;
mod ledger;
mod list;
mod messages;
mod outcomes;
mod packed;
mod patience;
mod polite;
mod redirects;
mod refused;
mod resume;
mod retries;
mod support;
