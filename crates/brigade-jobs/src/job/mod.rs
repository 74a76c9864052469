//! A job: opened, watched, run.
//!
//! [`Job::open`] takes the directory, checks the list and recovers what an earlier run left.
//! [`Job::run`] starts the few tasks and threads of which a job consists:
//!
//! ```text
//! list thread ─chunks─► feeder ─► schedule ◄─ workers ─batches─► writer thread ─► parts, ledger
//!                                    ▲  └─orders─► spill thread
//!                                  timer
//! ```
//!
//! Everything between them is bounded, so each waits for the next. However the run ends, the
//! writer commits what it was given.

mod archive;
mod attempt;
mod drain;
mod feeder;
mod floor;
mod gate;
mod handover;
mod open;
mod run;
mod services;
mod settle;

pub use open::Job;
