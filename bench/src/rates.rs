//! How exactly a rate is kept, how fairly, and at what cost, when many tasks wait for it.
//!
//! It runs on the real clock, so a busy machine shows in it.

use std::process::Stdio;

use crate::measure::{median, pinned, run_reading};
use crate::peers::rate::Plan;
use crate::report::Report;
use crate::{Options, Result};

const SECONDS: u64 = 5;
const ROUNDS: usize = 3;

/// What one run of one limiter did.
#[derive(Clone, Copy, Debug)]
struct Run {
    grants: f64,
    polls: f64,
    fewest: f64,
    most: f64,
    window: f64,
    cpu: f64,
}

/// Prints a row for each limiter and rate, and the goals.
pub fn run(options: Options, report: &mut Report) -> Result<()> {
    report.line(format!(
        "\n### Rate limits for {SECONDS} s on the real clock, medians\n"
    ));
    report.line(
        "| limiter | rate | waiters | share of burst + rate x time | most in 100 ms (allowed) | \
         polls per grant | grants of a waiter, fewest to most | CPU us per grant |",
    );
    report.line("|---|---|---|---|---|---|---|---|");
    let mut goals = Vec::new();
    for (rate, burst, waiters) in [
        (1000, 20, 50),
        (1000, 1, 50),
        (100, 1, 50),
        (1000, 20, 1000),
    ] {
        let plan = Plan {
            rate,
            burst,
            waiters,
            seconds: SECONDS,
        };
        let (ours, theirs) = both(options.rounds.min(ROUNDS), plan)?;
        let share = row(report, "brigade", plan, &ours);
        row(report, "governor", plan, &theirs);
        let about = format!("{rate}/s burst {burst} with {waiters} waiters");
        // The goal is a least share, and goal lines are "at most": so the loss is what they say.
        let lost = 100.0 * (1.0 - share);
        goals.push((format!("share of {about} that is lost"), lost));
    }
    report.line("");
    for (what, lost) in goals {
        report.goal_value(&what, lost, " %", 0.5);
    }
    Ok(())
}

/// Both limiters in turn, round by round.
fn both(rounds: usize, plan: Plan) -> Result<(Vec<Run>, Vec<Run>)> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(measure("brigade", plan)?);
        theirs.push(measure("governor", plan)?);
    }
    Ok((ours, theirs))
}

fn measure(limiter: &str, plan: Plan) -> Result<Run> {
    let mut command = pinned(0, std::env::current_exe()?);
    command.args(["peer", "rate", limiter]).args(plan.words());
    command.stdout(Stdio::piped());
    let (cost, text) = run_reading(command)?;
    let numbers: std::result::Result<Vec<f64>, _> =
        text.split_whitespace().map(str::parse).collect();
    let [grants, polls, fewest, most, window] = numbers?[..] else {
        return Err(format!("not the line of a limiter: {text}").into());
    };
    Ok(Run {
        grants,
        polls,
        fewest,
        most,
        window,
        cpu: cost.cpu,
    })
}

fn of(runs: &[Run], value: impl Fn(&Run) -> f64) -> f64 {
    median(runs.iter().map(value))
}

fn row(report: &mut Report, limiter: &str, plan: Plan, runs: &[Run]) -> f64 {
    let ideal = f64::from(plan.burst) + f64::from(plan.rate) * plan.seconds as f64;
    let share = of(runs, |run| run.grants) / ideal;
    report.line(format!(
        "| {limiter} | {}/s burst {} | {} | {:.2} % | {} ({}) | {:.2} | {} to {} | {:.1} |",
        plan.rate,
        plan.burst,
        plan.waiters,
        100.0 * share,
        of(runs, |run| run.window),
        plan.burst + plan.rate / 10 + 1,
        of(runs, |run| run.polls / run.grants),
        of(runs, |run| run.fewest),
        of(runs, |run| run.most),
        of(runs, |run| 1e6 * run.cpu / run.grants),
    ));
    share
}
