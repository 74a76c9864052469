//! The entry point: a program that ends when it is asked to, and says what held it up.
//!
//! `run` owns the runtime, the signals and the end of the process. Everything inside belongs to
//! one root group, so a signal is one cancellation of that group, and cleanup that awaits runs to
//! its end:
//!
//! ```text
//! 1st signal ─► root group cancelled ─► finalisers ─► exit 130 (SIGINT) or 143 (SIGTERM)
//! grace period over, or 2nd signal ─► the tree of the rest on stderr, abort ─► the same codes
//! 3rd signal ─► default action: the process dies by the signal
//! ```
//!
//! Signals and the hard deadline live on an OS thread outside the runtime, so the process ends in
//! time even if every worker is stuck in a loop; on [request](Builder::dump_on) it also prints what
//! a running program is doing, at a signal. It exits with 1 and the tree of errors on stderr
//! if the program failed; a panic continues once everything has stopped.

mod builder;
mod control;
mod dump;
mod escalation;
mod report;
mod subscribe;
mod watch;

pub use builder::{Builder, run};
pub use subscribe::{Signals, subscribe};
