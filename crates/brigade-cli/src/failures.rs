//! The failures of a job, one a line or counted, for people and for programs.
//!
//! They are read from the ledger a page at a time, and nothing is read that nobody wants to see any
//! more. What a stranger's line says cannot move the cursor or forge a line.

use crate::exit::End;
use crate::flags::{FailuresFlags, FormFlags};
use crate::message::one_line;
use crate::progress::format;
use crate::stdout::Stdout;
use brigade_jobs::{FailureFilter, FailureGroups, FailureRecord, LedgerView};
use std::io::Write;

/// Groups that a summary shows.
const GROUPS: usize = 20;
/// Text is written in pieces of about this many bytes.
const PIECE: usize = 16 << 10;

/// Prints what was asked for.
pub(crate) fn run(flags: FailuresFlags) -> anyhow::Result<End> {
    let view = LedgerView::open(&flags.directory)?;
    let mut filter = FailureFilter::default();
    (filter.sets, filter.hosts) = (flags.kinds, flags.hosts);
    let mut stdout = Stdout::default();
    if flags.form.summary {
        let groups = view.failure_groups(&filter, GROUPS)?;
        return Ok(ended(stdout.write(&table(&groups))));
    }
    let mut text = Vec::new();
    for failure in view.failures(&filter) {
        print(&failure?, &flags.form, &mut text);
        if text.len() >= PIECE {
            if !stdout.write(&String::from_utf8_lossy(&text)) {
                return Ok(End::Unusable);
            }
            if stdout.is_closed() {
                return Ok(End::Done);
            }
            text.clear();
        }
    }
    Ok(ended(stdout.write(&String::from_utf8_lossy(&text))))
}

fn ended(written: bool) -> End {
    match written {
        true => End::Done,
        false => End::Unusable,
    }
}

fn print(failure: &FailureRecord, form: &FormFlags, out: &mut Vec<u8>) {
    if form.json {
        return failure.write_json(out);
    }
    let url = one_line(&failure.url);
    // Writing to a Vec cannot fail.
    let _ = if form.urls {
        writeln!(out, "{url}")
    } else {
        let status = failure
            .status
            .map_or("-".to_owned(), |status| status.to_string());
        let (index, kind) = (failure.index, &failure.kind);
        let message = one_line(&failure.message);
        writeln!(out, "{index:>8}  {kind:<18} {status:<3}  {url}  {message}")
    };
}

fn table(groups: &FailureGroups) -> String {
    let mut text = String::new();
    if groups.failures > 0 {
        text.push_str("   lines  kind               status  host  example\n");
    }
    for group in &groups.largest {
        let status = group
            .status
            .map_or("-".to_owned(), |status| status.to_string());
        let host = group.host.as_deref().map_or("-".to_owned(), one_line);
        text.push_str(&format!(
            "{:>8}  {:<18} {status:<6}  {host}  {}\n",
            format::count(group.count),
            group.kind,
            one_line(&group.example),
        ));
    }
    let rest = groups.groups - groups.largest.len() as u64;
    if rest > 0 {
        let shown: u64 = groups.largest.iter().map(|group| group.count).sum();
        let others = format::count(groups.failures - shown);
        text.push_str(&format!(
            "{others:>8}  in {}\n",
            format::counted(rest, "more such group")
        ));
    }
    text
}
