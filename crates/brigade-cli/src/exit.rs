//! The exit codes of the command: what a script can rely on.
//!
//! They are part of the interface, listed in the help and never reused for something else.

use std::process::{ExitCode, Termination};

/// Everything was done.
pub(crate) const DONE: u8 = 0;
/// The job is complete, and some items failed: they are in `failures.jsonl`.
pub(crate) const ITEMS_FAILED: u8 = 1;
/// Wrong usage, or the environment does not allow the job: nothing was lost, the message says why.
pub(crate) const UNUSABLE: u8 = 2;
/// Stopped by Ctrl-C (SIGINT); the same command run again continues.
pub(crate) const INTERRUPTED: u8 = 130;
/// Stopped by SIGTERM; the same command run again continues.
pub(crate) const TERMINATED: u8 = 143;

/// What the help says about them.
pub(crate) const HELP: &str = "\
Exit codes:
  0    everything was done
  1    the job is complete and some items failed (see failures.jsonl)
  2    wrong usage, or the environment does not allow the job
  130  stopped by Ctrl-C; run the same command again to continue
  143  stopped by SIGTERM; run the same command again to continue";

/// How a command ended, when it did not end with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    ItemsFailed,
    /// Wrong usage or environment; the reason has been said.
    Unusable,
    /// Stopped by the signal with this number.
    Stopped(i32),
}

impl End {
    pub(crate) const SIGINT: i32 = 2;
    pub(crate) const SIGTERM: i32 = 15;
}

impl Termination for End {
    fn report(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Done => DONE,
            Self::ItemsFailed => ITEMS_FAILED,
            Self::Unusable => UNUSABLE,
            Self::Stopped(Self::SIGTERM) => TERMINATED,
            Self::Stopped(_) => INTERRUPTED,
        })
    }
}
