//! Text for a screen: labelled lines, and the kinds of failures with an example each.
//!
//! What is known to be short stays whole. What may have any length (a URL, a message) is cut where a
//! line of 80 columns ends, so that a table stays one.

use crate::message::one_line;
use crate::progress::format;
use brigade_jobs::FailureRecord;
use std::collections::BTreeMap;
use std::io::IsTerminal;

/// Columns of a line.
const WIDTH: usize = 80;
/// Columns of a label.
const LABEL: usize = 11;
/// Kinds that are shown one by one.
const KINDS: usize = 6;

/// Whether stderr is a screen on which something can be drawn anew.
pub(crate) fn is_there() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// One line with its label.
pub(crate) fn line(label: &str, text: &str) -> String {
    format!("{label:<LABEL$}{text}\n")
}

/// The line, cut where it would leave the screen.
fn cut(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        None => text.to_owned(),
        Some(_) => text.chars().take(WIDTH - 3).chain("...".chars()).collect(),
    }
}

/// Failures by kind, the most frequent first, each with what its first one says.
pub(crate) fn kinds(by_kind: &BTreeMap<String, u64>, examples: &[FailureRecord]) -> String {
    let mut kinds: Vec<_> = by_kind.iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let width = kinds.iter().map(|(kind, _)| kind.len()).max().unwrap_or(0);
    let digits = kinds
        .first()
        .map_or(0, |(_, most)| format::count(**most).len());
    let mut text = String::new();
    let (shown, rest) = kinds.split_at(kinds.len().min(KINDS));
    for (at, (kind, count)) in shown.iter().enumerate() {
        let label = if at == 0 { "failed" } else { "" };
        let example = examples.iter().find(|example| example.kind == **kind);
        let example = example.map_or(String::new(), |first| {
            one_line(&format!("{}, {}", first.message, first.url))
        });
        let count = format::count(**count);
        let line = line(
            label,
            &format!("{kind:<width$}  {count:>digits$}  {example}"),
        );
        text.push_str(&cut(line.trim_end()));
        text.push('\n');
    }
    if !rest.is_empty() {
        let failures = rest.iter().map(|(_, count)| **count).sum();
        let failures = format::counted(failures, "failure");
        let kinds = format::counted(rest.len() as u64, "more kind");
        text.push_str(&line("", &format!("{failures} of {kinds}")));
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The first failures of kinds that occur so often.
    pub(crate) fn some(kinds: &[(&str, u64)]) -> (BTreeMap<String, u64>, Vec<FailureRecord>) {
        let example = |(at, (kind, _)): (usize, &(&str, u64))| {
            let mut example = FailureRecord::default();
            example.kind = (*kind).to_owned();
            example.url = format!("http://www.example.com/{at}/{}", "long/".repeat(40));
            example.message = "the connection broke:\nreset \u{1b}[2J".to_owned();
            example
        };
        let counts = kinds
            .iter()
            .map(|(kind, count)| ((*kind).to_owned(), *count));
        (
            counts.collect(),
            kinds.iter().enumerate().map(example).collect(),
        )
    }

    #[test]
    fn kinds_are_sorted_cut_and_bounded() {
        let kinds_of = [
            ("dns", 3),
            ("http_status", 123_456),
            ("tls", 2),
            ("connect", 9),
            ("timeout.read", 8),
            ("timeout.total", 7),
            ("decode", 1),
            ("protocol", 1),
        ];
        let (counts, examples) = some(&kinds_of);
        let text = kinds(&counts, &examples);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), KINDS + 1);
        assert!(lines[0].starts_with("failed     http_status    123,456  the connection broke: "));
        assert!(lines[1].starts_with("           connect              9  "));
        assert_eq!(lines[6], "           2 failures of 2 more kinds");
        assert!(
            lines.iter().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
