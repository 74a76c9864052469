//! Runs a fetch job: opens it, shows its progress, says what came of it.
//!
//! The job stops by itself when the program is told to, and commits; so it is shielded from being
//! dropped half-way. A failed item is a record of the job and never an error here.

use crate::exit::End;
use crate::message;
use crate::plan::FetchPlan;
use crate::progress::{Mode, Watched, format, kinds, watch};
use crate::report;
use crate::shell::word;
use crate::stdout::Stdout;
use brigade::cancel::{self, Reason};
use brigade_jobs::{Config, FailureLimit, Job, State, StoppedBy, Summary};
use std::path::Path;

/// Runs the fetch that was meant.
pub(crate) async fn run(plan: FetchPlan) -> anyhow::Result<End> {
    let mut stdout = Stdout::default();
    let (end, _) = execute(plan.config, plan.progress, &mut stdout).await?;
    Ok(end)
}

/// Runs a job to its end, or until it is stopped, and reports on it.
pub(crate) async fn execute(
    config: Config,
    mode: Mode,
    stdout: &mut Stdout,
) -> anyhow::Result<(End, Summary)> {
    let (output, limit) = (config.output.clone(), config.failure_limit);
    let stop = cancel::current();
    let job = Job::open(config).map_err(in_words)?;
    let watched = Watched {
        progress: job.progress(),
        stop: stop.clone(),
    };
    let summary = watch(mode, stdout, watched, job.run(stop.clone()))
        .await
        .map_err(in_words)?;
    report::print(&summary, &output, mode, stdout)?;
    let end = match summary.state {
        State::Done if summary.failed == 0 => End::Done,
        State::Done => End::ItemsFailed,
        State::Interrupted if summary.stopped_by == Some(StoppedBy::Failures) => {
            message::say(gave_up(&summary, limit, &output));
            End::TooManyFailed
        }
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
    if summary.is_settled() {
        let left = format::count(summary.failed);
        return format!(
            "stopped while failures were asked for again, with {left} left; run the same command \
             again to continue"
        );
    }
    let settled = format::count(summary.ok + summary.failed);
    let of = match summary.input_complete {
        true => {
            let left_out = summary.skipped + summary.duplicates;
            format!(
                " of {}",
                format::count(summary.input.saturating_sub(left_out))
            )
        }
        false => String::new(),
    };
    format!("stopped with {settled}{of} done; run the same command again to continue")
}

/// `stopped: 41 of 80 lines asked for in this run failed (51.2%, and 5% may): dns 41; ...`
fn gave_up(summary: &Summary, limit: Option<FailureLimit>, output: &Path) -> String {
    let run = &summary.last_run;
    // Lines that are no URLs were not asked for.
    let asked_of = run.by_kind.iter().filter(|(kind, _)| *kind != "bad_url");
    let failed: u64 = asked_of.clone().map(|(_, count)| count).sum();
    let asked = run.ok + failed;
    let share = failed as f64 * 100.0 / asked.max(1) as f64;
    // Rounded, since 7% is 7.000000000000001 of a hundred.
    let allowed = limit.map_or(0.0, |limit| (limit.share() * 1e5).round() / 1e3);
    let (failed, asked) = (format::count(failed), format::counted(asked, "line"));
    let kinds = kinds(asked_of.map(|(kind, count)| (kind, *count)));
    format!(
        "stopped: {failed} of {asked} asked for in this run failed ({share:.1}%, and {allowed}% \
         may): {kinds}; the same command continues, and this counts them: brigade failures {} \
         --summary",
        word(output)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f11j_a_job_that_gave_up_at_its_first_line_says_one_line() {
        let mut summary = Summary::default();
        summary.last_run.failed = 1;
        summary.last_run.by_kind = [("dns".to_owned(), 1)].into();
        let said = gave_up(&summary, FailureLimit::new(0.05), Path::new("my out"));
        assert_eq!(
            said,
            "stopped: 1 of 1 line asked for in this run failed (100.0%, and 5% may): dns 1; the \
             same command continues, and this counts them: brigade failures 'my out' --summary"
        );
    }
}
