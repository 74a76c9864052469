//! What a job came to, said once at its end.
//!
//! The full account is `summary.json`; this is what a person wants to know before going on: how
//! many, what failed and why, what it cost, where everything is, and what to do next. It fits a
//! screen.

use crate::message::one_line;
use crate::progress::{Mode, format, summary_line};
use crate::screen::{kinds, line};
use crate::shell::word;
use crate::stdout::Stdout;
use brigade_jobs::{Latency, State, Summary};
use std::path::Path;
use std::time::Duration;

/// Prints the end of a job to stdout, in the form that its progress had. Where that is not possible
/// the job is none the worse: it is said, and `summary.json` has the same.
pub(crate) fn print(
    summary: &Summary,
    output: &Path,
    mode: Mode,
    stdout: &mut Stdout,
) -> anyhow::Result<()> {
    match mode {
        Mode::Silent => {}
        Mode::Json => _ = stdout.write(&summary_line(summary)?),
        Mode::Bar | Mode::Plain => _ = stdout.write(&text(summary, output)),
    }
    Ok(())
}

fn text(summary: &Summary, output: &Path) -> String {
    let mut text = headline(summary);
    text.push_str(&lines(summary));
    text.push_str(&kinds(&summary.by_kind, &summary.examples));
    text.push_str(&cost(summary));
    text.push_str(&places(summary, output));
    text
}

/// `3 ok, 1 failed in 2 runs, 1.2s (3.3/s)`
fn headline(summary: &Summary) -> String {
    let (ok, failed) = (format::count(summary.ok), format::count(summary.failed));
    let wall = Duration::try_from_secs_f64(summary.wall_seconds).unwrap_or_default();
    let settled = (summary.ok + summary.failed) as f64;
    let rate = format::rate(settled / summary.wall_seconds.max(0.001));
    let runs = match summary.runs {
        0 | 1 => String::new(),
        runs => format!(" in {}", format::counted(runs, "run")),
    };
    let wall = format::span(wall);
    format!("{ok} ok, {failed} failed{runs}, {wall} ({rate})\n")
}

/// What became of the lines that are neither results nor failures, where there are any.
fn lines(summary: &Summary) -> String {
    let counts = [
        (
            summary.skipped,
            format!("{} skipped", format::count(summary.skipped)),
        ),
        (
            summary.duplicates,
            format::counted(summary.duplicates, "duplicate"),
        ),
        (
            summary.pending,
            format!("{} pending", format::count(summary.pending)),
        ),
    ];
    let there = counts.into_iter().filter(|(count, _)| *count > 0);
    let mut others: Vec<_> = there.map(|(_, text)| text).collect();
    if !summary.input_complete {
        others.push("the rest of the list unread".to_owned());
    }
    match others.is_empty() {
        true => String::new(),
        false => line("lines", &others.join(", ")),
    }
}

fn cost(summary: &Summary) -> String {
    let (requests, retries) = (
        format::count(summary.requests),
        format::count(summary.retries),
    );
    let mut text = line(
        "requests",
        &format!("{requests}, of these retries {retries}"),
    );
    let Latency {
        p50, p90, p99, max, ..
    } = summary.latency_ms;
    if max > 0.0 {
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(millis);
        let quantiles = format!("median {p50}, 90% {p90}, 99% {p99}, longest {max}");
        text.push_str(&line("latency", &quantiles));
    }
    let (bodies, parts) = (
        format::bytes(summary.body_bytes),
        format::bytes(summary.output_bytes),
    );
    text.push_str(&line(
        "bytes",
        &format!("{bodies} of bodies, {parts} of results"),
    ));
    let memory = format::bytes(summary.peak_memory_bytes);
    let cpu = Duration::try_from_secs_f64(summary.cpu_seconds).unwrap_or_default();
    let process = format!("memory {memory} at most, CPU {}", format::span(cpu));
    text.push_str(&line("process", &process));
    text
}

fn places(summary: &Summary, output: &Path) -> String {
    let file = |name: &str| one_line(&output.join(name).display().to_string());
    let mut text = String::new();
    if summary.parts > 0 {
        text.push_str(&line("results", &file("part-*")));
    }
    if summary.failed > 0 {
        let command = format!("brigade failures {} --summary", word(output));
        let counted = format!("{}; to count: {command}", file("failures.jsonl"));
        text.push_str(&line("failures", &counted));
    }
    text.push_str(&line("totals", &file("summary.json")));
    let bad = summary.by_kind.get("bad_url").copied().unwrap_or(0);
    if summary.state == State::Done && summary.failed > bad {
        let next = "the same command with --retry-failed asks for the failures again";
        text.push_str(&line("next", next));
    }
    if summary.state == State::Interrupted && summary.is_settled() {
        let next = "the same command goes on asking for the failures that are left";
        text.push_str(&line("next", next));
    }
    text
}

/// `12.34` as `12.3ms`; from ten seconds on in seconds.
fn millis(millis: f64) -> String {
    match millis {
        millis if millis < 100.0 => format!("{millis:.1}ms"),
        millis if millis < 10_000.0 => format!("{millis:.0}ms"),
        millis => format::span(Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen;
    use insta::assert_snapshot;

    fn summary() -> Summary {
        let mut summary = Summary::default();
        summary.state = State::Done;
        summary.totals.input_complete = true;
        (
            summary.totals.input,
            summary.totals.ok,
            summary.totals.skipped,
        ) = (1_000_100, 998_000, 60);
        summary.totals.duplicates = 10;
        (summary.totals.requests, summary.totals.retries) = (1_020_000, 20_000);
        (summary.totals.body_bytes, summary.totals.output_bytes) = (7 << 30, 9 << 30);
        (summary.totals.wall_seconds, summary.totals.cpu_seconds) = (754.0, 61.5);
        summary.peak_memory_bytes = 14 << 20;
        (summary.totals.runs, summary.totals.parts) = (1, 9);
        summary.latency_ms.p50 = 12.34;
        summary.latency_ms.p90 = 80.5;
        summary.latency_ms.p99 = 1_234.5;
        summary.latency_ms.max = 29_900.0;
        summary
    }

    fn with_failures(kinds: &[(&str, u64)]) -> Summary {
        let mut summary = summary();
        (summary.totals.by_kind, summary.totals.examples) = screen::tests::some(kinds);
        summary.totals.failed = summary.by_kind.values().sum();
        summary
    }

    #[test]
    fn f11g_the_report_says_it_all_on_one_screen() {
        assert_snapshot!("report_clean", text(&summary(), Path::new("out")));
        let many = [
            ("http_status", 1_900),
            ("dns", 40),
            ("tls", 30),
            ("connect", 20),
            ("timeout.connect", 5),
            ("timeout.read", 2),
            ("bad_url", 2),
            ("too_many_redirects", 1),
        ];
        let mut full = with_failures(&many);
        full.totals.runs = 12;
        full.totals.pending = 30;
        let full = text(&full, Path::new("out"));
        assert_snapshot!("report_full", full);
        assert!(full.lines().count() <= 24, "{full}");
        assert!(
            full.lines().all(|line| line.chars().count() <= 80),
            "{full}"
        );
    }

    #[test]
    fn f11g_what_can_be_done_next_is_said_only_if_it_helps() {
        let says_next =
            |summary: &Summary| text(summary, Path::new("out")).contains("--retry-failed");
        assert!(says_next(&with_failures(&[("dns", 1)])));
        assert!(!says_next(&with_failures(&[("bad_url", 1)])));
        let mut stopped = with_failures(&[("dns", 1)]);
        stopped.state = State::Interrupted;
        assert!(!says_next(&stopped));
    }

    #[test]
    fn f11g_what_is_pending_is_not_taken_for_all_that_is_left() {
        let mut stopped = summary();
        stopped.totals.input_complete = false;
        (
            stopped.totals.skipped,
            stopped.totals.duplicates,
            stopped.totals.pending,
        ) = (0, 0, 2_040);
        assert_eq!(
            lines(&stopped),
            line("lines", "2,040 pending, the rest of the list unread")
        );
        stopped.totals.input_complete = true;
        assert_eq!(lines(&stopped), line("lines", "2,040 pending"));
        (stopped.totals.pending, stopped.totals.input_complete) = (0, false);
        assert_eq!(
            lines(&stopped),
            line("lines", "the rest of the list unread")
        );
    }
}
