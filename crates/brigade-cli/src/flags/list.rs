//! The flags that say where the URLs come from and how they are written.
//!
//! Nothing here looks at the list; that a column is missing is found by whoever opens it.

use crate::value;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(crate) struct ListFlags {
    /// URLs to fetch
    #[arg(value_name = "URL", conflicts_with = "input", value_parser = value::url)]
    pub(crate) urls: Vec<String>,

    /// Read the URLs from a file, plain or compressed with gzip or zstd; '-' reads the standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,

    /// How the list is written: a URL a line, or records of which --column has the URL
    ///
    /// The other columns are carried into the records of results and failures, as "columns".
    #[arg(long, value_name = "FORM", value_enum, default_value = "auto")]
    pub(crate) input_format: InputFormat,

    /// The column, or field, that has the URLs [default: url]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) column: Option<String>,

    /// Fetch no URL twice: lines whose URL an earlier line has are left out and counted
    #[arg(long)]
    pub(crate) dedupe: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// By the name of the file: .csv, .tsv, .jsonl, also with .gz or .zst; lines otherwise
    Auto,
    /// A URL on each line; '#' begins a comment
    Lines,
    /// Values separated by commas, the names of the columns first
    Csv,
    /// Values separated by tabs, the names of the columns first
    Tsv,
    /// A JSON object on each line
    Jsonl,
}
