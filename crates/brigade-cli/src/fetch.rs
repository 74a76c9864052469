//! Runs a fetch job: opens it, shows its progress, says what came of it.
//!
//! The job stops by itself when the program is told to, and commits; so it is shielded from being
//! dropped half-way. A failed item is a record of the job and never an error here.

use crate::exit::End;
use crate::message;
use crate::plan::FetchPlan;
use crate::progress::{Mode, format, watch};
use crate::report;
use brigade::cancel::{self, Reason};
use brigade_jobs::{Config, Job, State, Summary};

/// Runs the fetch that was meant.
pub(crate) async fn run(plan: FetchPlan) -> anyhow::Result<End> {
    Ok(execute(plan.config, plan.progress).await?.0)
}

/// Runs a job to its end, or until it is stopped, and reports on it.
pub(crate) async fn execute(config: Config, mode: Mode) -> anyhow::Result<(End, Summary)> {
    let output = config.output.clone();
    let stop = cancel::current();
    let job = Job::open(config).map_err(in_words)?;
    let progress = job.progress();
    let summary = watch(mode, progress, stop.clone(), job.run(stop.clone()))
        .await
        .map_err(in_words)?;
    report::print(&summary, &output, mode)?;
    let end = match summary.state {
        State::Done if summary.failed == 0 => End::Done,
        State::Done => End::ItemsFailed,
        State::Interrupted => {
            message::say(stopped(&summary));
            End::Stopped(match stop.reason() {
                Some(Reason::Signal(signal)) => signal,
                _ => End::SIGINT,
            })
        }
    };
    Ok((end, summary))
}

/// The error of a job is a whole sentence, its cause included: said with its chain it would say the
/// cause twice.
fn in_words(error: brigade_jobs::Error) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

fn stopped(summary: &Summary) -> String {
    let settled = format::count(summary.ok + summary.failed);
    let of = match summary.input_complete {
        true => {
            let left_out = summary.skipped + summary.duplicates;
            format!(" of {}", format::count(summary.input - left_out))
        }
        false => String::new(),
    };
    format!("stopped with {settled}{of} done; run the same command again to continue")
}
