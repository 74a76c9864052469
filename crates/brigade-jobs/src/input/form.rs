//! The forms that a list may have: plain lines, rows of a table, lines of JSON.
//!
//! [`ListForm`] is what the user says; [`Form`] is what the reader needs, with the columns of the
//! table at hand. A form is written into the ledger, because a line that is read in another way is
//! another line: a job never continues with a form that it was not started with.

use std::path::Path;
use std::sync::Arc;

use super::lines::{LINE_MAX, Line, RECORD_MAX, Splitter};
use super::objects;
use super::parse::{self, Parsed};
use super::reader::Checkpoint;
use super::table::Table;

/// How a list says its URLs.
///
/// In a table and in lines of JSON one column (or field) has the URL; the others are carried into
/// the record of the result or failure, as `columns`. A record may be up to 1 MiB long, a plain
/// line up to 64 KiB; a longer one fails as `bad_url`.
///
/// Records are counted from 0 as lines are, so the row of names is number 0, and a quoted line break
/// does not begin a new one. Blank lines and the row of names are skipped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListForm {
    /// A URL on each line; lines that begin with `#` are skipped.
    #[default]
    Lines,
    /// Values separated by commas, as RFC 4180 has them, with the names of the columns in the first
    /// row. A row with more or fewer fields fails as `bad_url`.
    Csv {
        /// The name of the column with the URLs, as written, or else the only one that differs from
        /// it in case alone.
        column: String,
    },
    /// The same with tabs in place of commas.
    Tsv {
        /// The name of the column with the URLs.
        column: String,
    },
    /// A JSON object on each line.
    Jsonl {
        /// The name of the field with the URLs. It has to be a string.
        column: String,
    },
}

impl ListForm {
    /// The form that the name of a file tells: `.csv`, `.tsv` or `.tab`, `.jsonl` or `.ndjson`, with
    /// `.gz` or `.zst` behind it or not. Any other name is one of plain lines.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_jobs::ListForm;
    ///
    /// let column = || "link".to_owned();
    /// assert_eq!(ListForm::of_name("a/pages.CSV.gz", "link"), ListForm::Csv { column: column() });
    /// assert_eq!(ListForm::of_name("pages.ndjson", "link"), ListForm::Jsonl { column: column() });
    /// assert_eq!(ListForm::of_name("pages.txt", "link"), ListForm::Lines);
    /// ```
    pub fn of_name(path: impl AsRef<Path>, column: &str) -> Self {
        let extension = |path: &Path| {
            let extension = path.extension().and_then(|text| text.to_str());
            extension.unwrap_or_default().to_ascii_lowercase()
        };
        let path = path.as_ref();
        let form = match extension(path).as_str() {
            "gz" | "zst" => extension(Path::new(path.file_stem().unwrap_or_default())),
            own => own.to_owned(),
        };
        let column = column.to_owned();
        match form.as_str() {
            "csv" => Self::Csv { column },
            "tsv" | "tab" => Self::Tsv { column },
            "jsonl" | "ndjson" => Self::Jsonl { column },
            _ => Self::Lines,
        }
    }

    /// The column with the URLs.
    pub(crate) fn column(&self) -> Option<&str> {
        match self {
            Self::Lines => None,
            Self::Csv { column } | Self::Tsv { column } | Self::Jsonl { column } => Some(column),
        }
    }

    /// What separates the fields, if this is a table.
    pub(super) fn delimiter(&self) -> Option<u8> {
        match self {
            Self::Csv { .. } => Some(b','),
            Self::Tsv { .. } => Some(b'\t'),
            Self::Lines | Self::Jsonl { .. } => None,
        }
    }

    /// How the ledger names it, and whether URLs are fetched once only.
    pub(crate) fn known(&self, dedupe: bool) -> String {
        let (name, colon) = match self {
            Self::Lines => ("lines", ""),
            Self::Csv { .. } => ("csv", ":"),
            Self::Tsv { .. } => ("tsv", ":"),
            Self::Jsonl { .. } => ("jsonl", ":"),
        };
        let dedupe = if dedupe { "dedupe+" } else { "" };
        format!("{dedupe}{name}{colon}{}", self.column().unwrap_or_default())
    }
}

/// The flags that say what the ledger says as `known`.
pub(crate) fn flags(known: &str) -> String {
    let (known, dedupe) = match known.strip_prefix("dedupe+") {
        Some(rest) => (rest, " --dedupe"),
        None => (known, ""),
    };
    match known.split_once(':') {
        Some((name, column)) => format!("--input-format {name} --column '{column}'{dedupe}"),
        None => format!("--input-format {known}{dedupe}"),
    }
}

/// How the lines of an opened list are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Lines,
    Table(Arc<Table>),
    Objects(Arc<str>),
}

impl Form {
    /// Finds the lines from a place on.
    pub(super) fn splitter(&self, from: Checkpoint) -> Splitter {
        let (index, offset) = (from.index, from.offset);
        match self {
            Self::Lines => Splitter::new(index, offset, LINE_MAX),
            Self::Objects(_) => Splitter::new(index, offset, RECORD_MAX),
            Self::Table(table) => Splitter::rows(index, offset, table.delimiter()),
        }
    }

    /// Reads a line.
    pub(super) fn parse(&self, line: &Line<'_>) -> Parsed {
        match self {
            Self::Lines => parse::parse(line),
            Self::Table(table) => table.parse(line),
            Self::Objects(field) => objects::parse(field, line),
        }
    }
}
