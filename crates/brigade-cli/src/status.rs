//! How far a job is, on one screen or as JSON.
//!
//! It says what the ledger says, which is the last commit. It changes nothing and waits for nobody.

use crate::exit::End;
use crate::flags::StatusFlags;
use crate::message::one_line;
use crate::progress::format;
use crate::screen::{kinds, line};
use crate::shell::word;
use crate::stdout::Stdout;
use brigade_jobs::{Activity, LedgerView, Status};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Columns that the name of a paused host may take.
const HOST: usize = 40;

/// Prints how far the job is.
pub(crate) fn run(flags: &StatusFlags) -> anyhow::Result<End> {
    let status = LedgerView::open(&flags.directory)?.status()?;
    let text = match flags.json {
        true => serde_json::to_string_pretty(&status)? + "\n",
        false => text(&status, &flags.directory, SystemTime::now()),
    };
    Ok(match Stdout::default().write(&text) {
        true => End::Done,
        false => End::Unusable,
    })
}

fn text(status: &Status, directory: &Path, now: SystemTime) -> String {
    let mut text = headline(status, now);
    text.push_str(&line("list", &list(status)));
    text.push_str(&line("ok", &format::count(status.ok)));
    match status.failed {
        0 => text.push_str(&line("failed", "0")),
        _ => text.push_str(&kinds(&status.by_kind, &status.examples)),
    }
    let left_out = [
        (status.skipped, "skipped"),
        (status.duplicates, "duplicates"),
    ];
    for (count, label) in left_out.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&line(label, &format::count(count)));
    }
    text.push_str(&line("pending", &format::count(status.pending)));
    text.push_str(&work(status));
    text.push_str(&paused(status));
    text.push_str(&next(status, directory));
    text
}

/// `running, started 2h 05m ago, last commit 0.4s ago`
fn headline(status: &Status, now: SystemTime) -> String {
    let activity = match status.activity {
        Activity::Interrupted if status.is_settled() => {
            "stopped while failures were asked for again"
        }
        Activity::Running => "running",
        Activity::Interrupted => "stopped",
        Activity::Killed => "ended without a last word: killed, or it could write no more",
        Activity::Done => "done",
        _ => "in a state that this brigade does not know",
    };
    // A clock that was set back shows as no time at all.
    let ago = |then| format::span(now.duration_since(then).unwrap_or_default());
    let (started, committed) = (ago(status.started_at), ago(status.committed_at));
    format!("{activity}, started {started} ago, last commit {committed} ago\n")
}

fn list(status: &Status) -> String {
    let read = format::counted(status.input, "line");
    if status.input_complete {
        return read;
    }
    // How large a stream is shows at its end.
    match status.input_bytes_total {
        total if total > status.input_bytes => {
            let percent = format::percent(status.input_bytes, total);
            format!("{read} read so far, {percent}% of {}", format::bytes(total))
        }
        _ => format!("{read} read so far"),
    }
}

fn work(status: &Status) -> String {
    let wall = Duration::try_from_secs_f64(status.wall_seconds).unwrap_or_default();
    let settled = (status.ok + status.failed) as f64;
    let rate = format::rate(settled / status.wall_seconds.max(0.001));
    let (requests, retries) = (
        format::count(status.requests),
        format::count(status.retries),
    );
    let bodies = format::bytes(status.body_bytes);
    let output = format::bytes(status.output_bytes);
    let (runs, parts) = (
        format::counted(status.runs, "run"),
        format::counted(status.parts, "part"),
    );
    [
        line(
            "speed",
            &format!("{rate} over {} in {runs}", format::span(wall)),
        ),
        line(
            "requests",
            &format!("{requests}, of these retries {retries}"),
        ),
        line(
            "output",
            &format!("{output} in {parts}; {bodies} of bodies"),
        ),
    ]
    .concat()
}

fn paused(status: &Status) -> String {
    if status.paused_hosts == 0 {
        return String::new();
    }
    let hosts = format::counted(status.paused_hosts, "host");
    let first = match status.paused_hosts {
        1 => "",
        _ => "; first come",
    };
    let asked = format!("{hosts} asked to be left alone{first}");
    let mut text = line("paused", &asked);
    for host in &status.paused {
        let left = Duration::try_from_secs_f64(host.paused_seconds).unwrap_or(Duration::MAX);
        let name: String = one_line(&host.host).chars().take(HOST).collect();
        text.push_str(&line(
            "",
            &format!("{name:<HOST$}  in {}", format::span(left)),
        ));
    }
    text
}

fn next(status: &Status, directory: &Path) -> String {
    let bad = status.by_kind.get("bad_url").copied().unwrap_or(0);
    match status.activity {
        Activity::Interrupted | Activity::Killed => {
            line("next", "run the same command again to continue")
        }
        Activity::Done if status.failed > bad => [
            line("next", &format!("brigade failures {}", word(directory))),
            line(
                "",
                "lists them; the same command with --retry-failed asks for them again",
            ),
        ]
        .concat(),
        _ => String::new(),
    }
}
