//! Which URL is fetched next: a bounded window of the list, a line for each host, and a disk for
//! what does not fit.
//!
//! [`Schedule`] is pure: it is told what was read, what ended and what time it is, and says what
//! to start. Hosts are admitted by [`brigade_core::admission`], so no host gets more than its
//! concurrency and rate and none waits for another. When the window is full of lines of hosts that
//! may not be asked now, the newest of them are moved out to the [`spill`], as places in the list,
//! and reading goes on: a blocked host never hides the lines behind it.

mod delays;
mod host;
mod look;
mod measure;
mod patience;
mod spill;
mod state;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use host::{HostId, host_name};
pub(crate) use patience::{Asked, GivenUp};
pub(crate) use spill::{Loaded, Spill};
pub(crate) use state::{Next, Schedule, Settings};
