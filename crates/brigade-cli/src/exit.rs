//! The exit codes of the command: what a script can rely on.
//!
//! They are part of the interface, listed in the help and never reused for something else.

use std::process::{ExitCode, Termination};

/// Everything was done.
pub(crate) const DONE: u8 = 0;
/// Something that was asked for failed: items of a job, which are in `failures.jsonl`; a line, or
/// the stream of them.
pub(crate) const ITEMS_FAILED: u8 = 1;
/// Wrong usage, or the environment does not allow the job: nothing was lost, the message says why.
pub(crate) const UNUSABLE: u8 = 2;
/// Stopped because too many items failed (`--max-failure-rate`); a job that is run again continues.
pub(crate) const TOO_MANY_FAILED: u8 = 3;
/// Stopped by Ctrl-C (SIGINT); a job that is run again continues.
pub(crate) const INTERRUPTED: u8 = 130;
/// Stopped by SIGTERM; a job that is run again continues.
pub(crate) const TERMINATED: u8 = 143;

/// What the help says about them.
pub(crate) const HELP: &str = "\
Exit codes:
  0    everything was done
  1    something that was asked for failed
  2    wrong usage, or the environment does not allow it
  3    stopped because too many items failed
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";

/// What they mean for a job.
pub(crate) const OF_FETCH: &str = "\
Exit codes:
  0    everything was done
  1    the job is complete and some items failed (see failures.jsonl)
  2    wrong usage, or the environment does not allow the job
  3    stopped because too many items failed (see --max-failure-rate);
       run the same command again to continue
  130  stopped by Ctrl-C; run the same command again to continue
  143  stopped by SIGTERM; run the same command again to continue";

/// What they mean for a stream of lines.
pub(crate) const OF_LINES: &str = "\
Exit codes:
  0    the stream came to its end, or the reader of stdout left
  1    the server failed, or some lines were bad; what was good is on stdout
  2    wrong usage, or stdout cannot be written to
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";

/// What they mean for a look at a job.
pub(crate) const OF_LOOK: &str = "\
Exit codes:
  0    the question was answered, or the reader of stdout left
  2    wrong usage, no job in DIR, or a ledger that cannot be read";

/// How a command ended, when it did not end with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    ItemsFailed,
    /// Wrong usage or environment; the reason has been said.
    Unusable,
    TooManyFailed,
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
            Self::TooManyFailed => TOO_MANY_FAILED,
            Self::Stopped(Self::SIGTERM) => TERMINATED,
            Self::Stopped(_) => INTERRUPTED,
        })
    }
}
