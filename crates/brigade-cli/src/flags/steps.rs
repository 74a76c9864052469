//! Flags for the proof that a job survives anything: the small steps that a short job needs.
//!
//! They are hidden, because nobody gains by them: a commit costs a sync of the disk. They change
//! no result, only how often it is settled and how soon something is tried again.

use clap::Args;
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::value;
use brigade_jobs::Config;

#[derive(Args, Debug)]
pub(crate) struct StepFlags {
    /// Results after which a commit is made
    #[arg(long, value_name = "N", value_parser = value::count, hide = true)]
    commit_every: Option<NonZeroUsize>,

    /// Time after which a commit is made
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, hide = true)]
    commit_interval: Option<Duration>,

    /// The first wait before something is tried again; also of a host that refuses
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, hide = true)]
    backoff: Option<Duration>,
}

impl StepFlags {
    /// Puts into `config` what was asked for.
    pub(crate) fn apply(&self, config: &mut Config) {
        if let Some(every) = self.commit_every {
            config.commit_every = every.get();
        }
        if let Some(interval) = self.commit_interval {
            config.commit_interval = interval;
        }
        if let Some(base) = self.backoff {
            config.backoff.base = base;
            config.host_rule.backoff.base = base;
        }
    }
}
