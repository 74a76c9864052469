//! What a job came to, said once at its end.
//!
//! The full account is `summary.json`; this is what a person wants to know before going on: how
//! many, what failed and where that is written down, and what to do next.

use crate::progress::{Mode, format, kinds, summary_line};
use crate::stdout::Stdout;
use brigade_jobs::Summary;
use std::path::Path;
use std::time::Duration;

/// Prints the end of a job to stdout, in the form that its progress had.
pub(crate) fn print(summary: &Summary, output: &Path, mode: Mode) -> anyhow::Result<()> {
    match mode {
        Mode::Silent => {}
        Mode::Json => _ = Stdout::default().write(&summary_line(summary)?),
        Mode::Bar | Mode::Plain => _ = Stdout::default().write(&text(summary, output)),
    }
    Ok(())
}

fn text(summary: &Summary, output: &Path) -> String {
    let output = output.display();
    let (ok, failed) = (format::count(summary.ok), format::count(summary.failed));
    let wall = Duration::try_from_secs_f64(summary.wall_seconds).unwrap_or_default();
    let settled = (summary.ok + summary.failed) as f64;
    let rate = format::rate(settled / summary.wall_seconds.max(0.001));
    let runs = match summary.runs {
        0 | 1 => String::new(),
        runs => format!(" in {runs} runs"),
    };
    let duplicates = match summary.duplicates {
        0 => String::new(),
        count => format!(", duplicates {}", format::count(count)),
    };
    let mut text = format!(
        "{ok} ok, {failed} failed{duplicates}{runs}, {} ({rate})\n",
        format::span(wall)
    );
    if summary.failed > 0 {
        let kinds = kinds(summary.by_kind.iter().map(|(kind, count)| (kind, *count)));
        text.push_str(&format!("failures: {kinds}; see {output}/failures.jsonl\n"));
    }
    let bytes = format::bytes(summary.body_bytes);
    let requests = format::count(summary.requests);
    let retries = format::count(summary.retries);
    text.push_str(&format!(
        "{bytes} of bodies; requests {requests}, of these retries {retries}\n"
    ));
    text.push_str(&format!(
        "results: {output}/part-*.jsonl; totals: {output}/summary.json\n"
    ));
    text
}
