//! Tables: a row with names, then rows with values, one of which is the URL.
//!
//! The other columns travel along as one JSON object, made once when the row is read. A row that
//! does not fit the names is a failure of its own, never a shift of columns.

use super::lines::{Line, RECORD_MAX};
use super::parse::{Parsed, bad, too_long, url_of};
use super::rows::{Fields, MARK, is_blank};
use crate::record::string;

/// How the rows of a table are read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    delimiter: u8,
    /// The names of the columns, no two of them the same.
    names: Vec<String>,
    /// Which of them has the URL.
    url: usize,
}

impl Table {
    /// The table with this row of names. The error says what is wrong with it.
    pub(super) fn new(header: &[u8], delimiter: u8, column: &str) -> Result<Self, String> {
        let header = header.strip_prefix(MARK).unwrap_or(header);
        if is_blank(header) {
            return Err("it has no header row: its first line is blank".to_owned());
        }
        let fields = Fields::of(header, delimiter);
        let texts = fields
            .texts()
            .ok_or("its header row is not UTF-8: convert the list")?;
        let written: Vec<&str> = texts.collect();
        let url = find(&written, column)?;
        Ok(Self {
            delimiter,
            names: unique(&written),
            url,
        })
    }

    pub(super) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Reads a row.
    pub(super) fn parse(&self, line: &Line<'_>) -> Parsed {
        if line.index == 0 || is_blank(line.bytes) {
            return Parsed::Nothing;
        }
        if line.length > RECORD_MAX as u64 {
            let hint = "; is a quote not closed?";
            return bad(line.bytes, too_long(line, RECORD_MAX) + hint);
        }
        let fields = Fields::of(line.bytes, self.delimiter);
        if fields.open {
            return bad(line.bytes, "a quoted field has no closing quote");
        }
        let (found, expected) = (fields.len(), self.names.len());
        if found != expected {
            let message = format!("the row has {found} fields, the header row has {expected}");
            return bad(line.bytes, message);
        }
        let Some(mut texts) = fields.texts() else {
            return bad(line.bytes, "the row is not UTF-8");
        };
        let columns = fields.texts().and_then(|texts| self.columns(texts));
        let text = texts.nth(self.url).unwrap_or_default().trim();
        if text.is_empty() {
            let message = format!("the column '{}' is empty", self.names[self.url]);
            return bad(b"", message).with(columns);
        }
        url_of(text, line).with(columns)
    }

    /// All columns but the URL's as a JSON object; none if there are no others.
    fn columns<'a>(&self, texts: impl Iterator<Item = &'a str>) -> Option<Box<str>> {
        let others = |at: usize| at != self.url;
        let mut json = b"{".to_vec();
        for (at, text) in texts.enumerate().filter(|(at, _)| others(*at)) {
            if json.len() > 1 {
                json.push(b',');
            }
            string(&self.names[at], &mut json);
            json.push(b':');
            string(text, &mut json);
        }
        json.push(b'}');
        let some = self.names.len() > 1;
        some.then(|| String::from_utf8(json).ok())
            .flatten()
            .map(Into::into)
    }
}

/// Which name is meant: the very same, or the only one that differs in case and white space alone.
fn find(names: &[&str], column: &str) -> Result<usize, String> {
    let similar = |name: &&str| name.trim().eq_ignore_ascii_case(column.trim());
    let places = |wanted: &dyn Fn(&&str) -> bool| -> Vec<usize> {
        let all = names.iter().enumerate();
        all.filter(|(_, name)| wanted(name))
            .map(|(at, _)| at)
            .collect()
    };
    let exact = places(&|name| *name == column);
    let found = if exact.is_empty() {
        places(&similar)
    } else {
        exact
    };
    match found[..] {
        [one] => Ok(one),
        [] => Err(format!(
            "it has no column '{column}'; it has {}: name one with --column",
            quoted(names)
        )),
        _ => Err(format!(
            "more than one column is called '{column}': it has {}",
            quoted(names)
        )),
    }
}

/// The names as an error shows them: not all of a list that has no header row, or a thousand.
fn quoted(names: &[&str]) -> String {
    const SHOWN: usize = 20;
    let shown = |name: &&str| {
        let end = name.floor_char_boundary(40);
        let rest = if end < name.len() { "…" } else { "" };
        format!("'{}{rest}'", name[..end].escape_debug())
    };
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(shown)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

/// Names that can be the keys of an object: a repeated one gets a number, an empty one its place.
fn unique(names: &[&str]) -> Vec<String> {
    let mut taken: std::collections::HashSet<String> =
        names.iter().map(|name| (*name).to_owned()).collect();
    let mut seen = std::collections::HashSet::new();
    let mut unique = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let mut own = (*name).to_owned();
        if name.is_empty() || !seen.insert(*name) {
            let stem = if name.is_empty() { "column" } else { name };
            let mut number = if name.is_empty() { at + 1 } else { 2 };
            own = format!("{stem}_{number}");
            while !taken.insert(own.clone()) {
                number += 1;
                own = format!("{stem}_{number}");
            }
        }
        unique.push(own);
    }
    unique
}
