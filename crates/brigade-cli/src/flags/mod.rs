//! The command line as typed: one place for each flag and its help.
//!
//! Nothing here decides anything; what the flags mean together is the business of `plan`. Flags
//! that are planned and not yet there are accepted and hidden, so that `plan` can say so in one
//! line instead of "unexpected argument".

mod lines;
mod list;
mod look;
mod requests;
mod steps;

pub(crate) use lines::{LinesFlags, SendFlags, Taken};
pub(crate) use list::{InputFormat, ListFlags};
pub(crate) use look::{FailuresFlags, FormFlags, StatusFlags};
pub(crate) use requests::RequestFlags;
use steps::StepFlags;

use crate::exit;
use crate::value::{self, Timeout};
use brigade_jobs::{FailureSet, Rate};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Collect millions of HTTP resources: politely, in bounded memory, with nothing lost.
#[derive(Debug, Parser)]
#[command(name = "brigade", version, after_help = exit::HELP, max_term_width = 100)]
#[command(arg_required_else_help = false)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) action: Action,
}

/// The commands, as the manual knows them.
pub(crate) const COMMANDS: [&str; 7] = [
    "fetch",
    "lines",
    "demo",
    "status",
    "failures",
    "man",
    "completions",
];

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Fetch a list of URLs into a directory; the same command run again continues
    ///
    /// Every line of the list ends in exactly one place: a result in DIR/part-NNNNN.jsonl or a
    /// failure in DIR/failures.jsonl; blank lines and lines that begin with '#' are skipped.
    /// DIR/summary.json has the totals, and DIR/ledger.db, an SQLite file, what is done: stopped or
    /// killed, the same command continues where it was.
    Fetch(Box<FetchFlags>),
    /// Stream lines, NDJSON, server-sent events or WebSocket messages to stdout, one a line
    ///
    /// Each line is there as soon as it has come, and a slow reader slows the server down. What is
    /// streamed follows from the URL (ws, wss) and the response (text/event-stream); everything
    /// else is lines. Nothing of a line that broke off is printed.
    Lines(Box<LinesFlags>),
    /// Run a real job against a server of its own, with no network at all
    ///
    /// The server misbehaves as servers do: pages of many sizes, slow bodies, 404, 429 with
    /// Retry-After, 500 that heals on the second try, connections that are reset. What arrives is
    /// then compared with what was sent.
    Demo(DemoFlags),
    /// Say how far a job is, also while it runs
    ///
    /// The numbers are those of the last commit, over all runs of the job. The job is not disturbed.
    Status(StatusFlags),
    /// List the failures of a job, also while it runs
    ///
    /// One a line: the index of its line in the list, kind, status, URL and message. URLs are shown
    /// without user name and password.
    Failures(FailuresFlags),
    /// Print a page of the manual
    ///
    /// To read one: brigade man fetch | man -l -
    Man {
        /// The command that the page is about [default: all of brigade]
        #[arg(value_name = "COMMAND", value_parser = COMMANDS)]
        command: Option<String>,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug)]
#[command(after_help = exit::OF_FETCH)]
pub(crate) struct FetchFlags {
    #[command(flatten)]
    pub(crate) list: ListFlags,

    /// The directory of the job; made if it is not there
    #[arg(short, long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) output: String,

    /// Delete what an earlier job left in the directory and start again
    #[arg(long)]
    pub(crate) fresh: bool,

    /// Ask again for what failed in earlier runs, or only for some kinds of it: timeout,5xx and the
    /// like, separated by commas, after a '='
    #[arg(long, value_name = "KIND", value_parser = value::again, value_delimiter = ',')]
    #[arg(num_args = 0.., require_equals = true)]
    pub(crate) retry_failed: Option<Vec<FailureSet>>,

    #[command(flatten, next_help_heading = "Politeness")]
    pub(crate) politeness: PolitenessFlags,

    #[command(flatten, next_help_heading = "Requests")]
    pub(crate) bounds: BoundFlags,

    #[command(flatten, next_help_heading = "Requests")]
    pub(crate) requests: RequestFlags,

    #[command(flatten, next_help_heading = "Output")]
    pub(crate) report: ReportFlags,

    #[command(flatten)]
    pub(crate) steps: StepFlags,
}

/// How much of a server's time and bytes one request of a list takes.
#[derive(Args, Debug)]
pub(crate) struct BoundFlags {
    /// How often a failed request is tried again; 0 never
    #[arg(long, value_name = "N", value_parser = value::times, allow_negative_numbers = true)]
    #[arg(default_value = "3")]
    pub(crate) retries: u32,

    /// How often these failures are tried again instead, also such as are final otherwise. KIND is
    /// as in failures.jsonl, or timeout for all of these, or a status like 404 or 5xx; can be
    /// repeated
    #[arg(long = "retry", value_name = "KIND=N", value_parser = value::retry)]
    pub(crate) retry_rules: Vec<(FailureSet, u32)>,

    /// Stop when more than this share of what was asked for in this run failed, like 5% or 0.05; the
    /// same command continues
    #[arg(long, value_name = "SHARE", value_parser = value::share)]
    pub(crate) max_failure_rate: Option<f64>,

    /// Lines that have to end before --max-failure-rate counts
    #[arg(long, value_name = "LINES", value_parser = value::count, default_value = "100")]
    #[arg(requires = "max_failure_rate")]
    pub(crate) failure_rate_after: NonZeroUsize,

    /// Time in which the server must send some of the answer; 'none' waits for ever, here and below
    #[arg(long, value_name = "TIME", value_parser = value::timeout, default_value = "30s")]
    pub(crate) read_timeout: Timeout,

    /// Time for a whole request, body included; each redirect is a request of its own
    #[arg(long, value_name = "TIME", value_parser = value::timeout, default_value = "5m")]
    pub(crate) total_timeout: Timeout,

    /// The longest body taken, decoded; a longer one fails as too_large
    #[arg(long, value_name = "SIZE", value_parser = value::size, default_value = "16MiB")]
    pub(crate) max_body: u64,
}

#[derive(Args, Debug)]
pub(crate) struct PolitenessFlags {
    /// Requests at the same time, over all hosts; 65536 at most
    #[arg(short, long, value_name = "N", value_parser = value::count, default_value = "64")]
    pub(crate) concurrency: NonZeroUsize,

    /// Requests at the same time to one host
    #[arg(long, value_name = "N", value_parser = value::count, default_value = "8")]
    pub(crate) per_host: NonZeroUsize,

    /// Requests per time over all hosts, like 100/s or 5/m [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = value::rate)]
    pub(crate) rate: Option<Rate>,

    /// Requests per time to one host [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = value::rate)]
    pub(crate) host_rate: Option<Rate>,

    /// How many requests a rate lets through at once after a quiet time
    #[arg(long, value_name = "N", value_parser = value::count, default_value = "1")]
    pub(crate) burst: NonZeroUsize,

    /// The longest pause that a host is given after 429 or 503; if it asks for a longer one, its lines
    /// fail, to be asked for again with --retry-failed. 'none' waits as long as it likes
    #[arg(long, value_name = "TIME", value_parser = value::timeout, default_value = "1d")]
    pub(crate) max_pause: Timeout,
}

#[derive(Args, Debug)]
pub(crate) struct ReportFlags {
    /// How progress is shown: a bar on a terminal and plain lines otherwise, or as chosen
    #[arg(long, value_name = "HOW", value_enum, default_value = "auto")]
    pub(crate) progress: ProgressFlag,

    /// The form of the results
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "jsonl")]
    pub(crate) format: Format,

    /// How lines and archives are compressed [default: none; gzip for --format warc]
    #[arg(long, value_name = "HOW", value_enum)]
    pub(crate) compress: Option<Compress>,

    /// Embed bodies that are JSON as values, 'body_json', instead of strings
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a body that an archive (--format warc) has already as a revisit record that refers to it
    #[arg(long)]
    pub(crate) revisits: bool,

    /// The size at which a part is closed and the next begun
    #[arg(long, value_name = "SIZE", value_parser = value::size, default_value = "1GiB")]
    pub(crate) part_max: u64,

    /// Keep the order of the list: a line that takes long then holds up what is far behind it, and
    /// what waits for its turn when the job is stopped is fetched again
    #[arg(long)]
    pub(crate) ordered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressFlag {
    /// A bar on a terminal, plain lines otherwise
    Auto,
    /// A bar, if stderr is a terminal
    Bar,
    /// A line on stderr every few seconds
    Plain,
    /// A JSON object a second on stdout, the summary last
    Json,
    /// Nothing but errors
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines of JSON, each with its body
    Jsonl,
    /// A file for each body below DIR/files, and lines of JSON that name it
    Files,
    /// Archives (WARC/1.1) of requests and responses as they went over the wire, and DIR/index.cdxj
    Warc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compress {
    /// Not at all
    None,
    /// As .gz, readable up to the last commit also after a kill
    Gzip,
    /// As .zst, the same, smaller and quicker
    Zstd,
}

#[derive(Args, Debug)]
pub(crate) struct DemoFlags {
    /// Where the output is left to look at; replaced if an earlier demo made it
    #[arg(short, long, value_name = "DIR", default_value = "brigade-demo")]
    pub(crate) output: PathBuf,

    /// How progress is shown
    #[arg(long, value_name = "HOW", value_enum, default_value = "auto")]
    pub(crate) progress: ProgressFlag,
}
