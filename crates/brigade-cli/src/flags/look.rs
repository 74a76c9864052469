//! The flags of the commands that look at a job: `brigade status` and `brigade failures`.

use crate::exit;
use crate::value;
use brigade_jobs::FailureSet;
use clap::Args;
use std::path::PathBuf;

#[derive(Args, Debug)]
#[command(after_help = exit::OF_LOOK)]
pub(crate) struct StatusFlags {
    /// The output directory of the job
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Print a JSON object, with the names of summary.json
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = exit::OF_LOOK)]
pub(crate) struct FailuresFlags {
    /// The output directory of the job
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,

    /// Only these: a kind (dns, tls, timeout.read, ...), timeout for all of these, or a status like
    /// 404 or 5xx; can be repeated
    #[arg(long = "kind", value_name = "KIND", value_parser = value::failures, value_delimiter = ',')]
    pub(crate) kinds: Vec<FailureSet>,

    /// Only those at this host, on any port unless one is named; can be repeated
    #[arg(long = "host", value_name = "HOST", value_parser = value::host)]
    pub(crate) hosts: Vec<String>,

    #[command(flatten)]
    pub(crate) form: FormFlags,
}

/// How failures are printed; one line each without any of these.
#[derive(Args, Debug)]
#[group(multiple = false)]
pub(crate) struct FormFlags {
    /// Count them by kind, status and host, the most frequent first
    #[arg(long)]
    pub(crate) summary: bool,

    /// Print the URLs alone, as a list for another fetch
    #[arg(long)]
    pub(crate) urls: bool,

    /// Print the lines of failures.jsonl
    #[arg(long)]
    pub(crate) json: bool,
}
