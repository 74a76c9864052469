//! A choice of failures as a condition of SQL.
//!
//! It is made of numbers and of the names of kinds alone, never of text that somebody gave.

use brigade_core::verdict::{FailureKind, FailureSet};

/// The condition that holds for the rows of `failure` in any of the sets; for all if there are none.
pub(crate) fn condition(sets: &[FailureSet]) -> String {
    if sets.is_empty() {
        return "TRUE".to_owned();
    }
    let each: Vec<_> = sets.iter().map(|set| one(*set)).collect();
    format!("({})", each.join(" OR "))
}

fn one(set: FailureSet) -> String {
    let held = |kind: &FailureKind| set.contains(*kind, None);
    let kinds: Vec<_> = FailureKind::ALL.iter().filter(|kind| held(kind)).collect();
    if kinds.is_empty() {
        // A set without a kind of its own is one of statuses.
        let statuses =
            (0..1000).filter(|status| set.contains(FailureKind::HttpStatus, Some(*status)));
        let (first, last) = statuses.fold((999, 0), |(first, last), status| {
            (status.min(first), status.max(last))
        });
        return format!("(kind = 'http_status' AND status BETWEEN {first} AND {last})");
    }
    let names: Vec<_> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
    format!("kind IN ({})", names.join(", "))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_choice_finds_the_rows_that_its_sets_contain() {
        let rows: Vec<(FailureKind, Option<u16>)> = FailureKind::ALL
            .into_iter()
            .filter(|kind| *kind != FailureKind::HttpStatus)
            .map(|kind| (kind, None))
            .chain(
                [304, 399, 400, 404, 499, 500, 503, 999]
                    .map(|status| (FailureKind::HttpStatus, Some(status))),
            )
            .collect();
        let ledger = Connection::open_in_memory().unwrap();
        ledger
            .execute_batch("CREATE TABLE failure (kind TEXT, status INTEGER)")
            .unwrap();
        for (kind, status) in &rows {
            let insert = "INSERT INTO failure VALUES (?1, ?2)";
            ledger.execute(insert, (kind.as_str(), status)).unwrap();
        }
        for words in [
            "",
            "dns",
            "timeout",
            "http_status",
            "404",
            "4xx 999",
            "5xx tls timeout.read",
        ] {
            let sets: Vec<FailureSet> = words
                .split_whitespace()
                .map(|word| word.parse().unwrap())
                .collect();
            let sql = format!("SELECT count(*) FROM failure WHERE {}", condition(&sets));
            let found: i64 = ledger.query_row(&sql, [], |row| row.get(0)).unwrap();
            let held = |(kind, status): &&(FailureKind, Option<u16>)| {
                sets.is_empty() || sets.iter().any(|set| set.contains(*kind, *status))
            };
            assert_eq!(
                found as usize,
                rows.iter().filter(held).count(),
                "{words}: {sql}"
            );
        }
    }
}
