//! What a job is told: the list, the directory, the limits.
//!
//! A plain struct with defaults that are polite to one host. It never prints a header's value.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use brigade_core::backoff::{Backoff, HostRule};
use brigade_core::gcra::Rate;
use brigade_core::verdict::{FailureKind, FailureLimit, FailureSet, Retries, Unretriable};
use brigade_http::proxy::Proxy;
use brigade_http::{Timeouts, Versions};

use crate::error::Error;
use crate::format::{Compression, Format, Shape};
use crate::input::{Input, ListForm};

/// Requests that can be in flight at most; more than one address has ports for.
const CONCURRENCY_MAX: usize = 65_536;

/// The settings of a job.
///
/// # Examples
///
/// ```
/// use brigade_jobs::{Config, Input};
///
/// let mut config = Config::new(Input::File("urls.txt".into()), "out");
/// config.concurrency = 16;
/// config.per_host = 2;
/// ```
#[derive(Clone)]
pub struct Config {
    /// The list of URLs.
    pub input: Input,
    /// How the list says its URLs. Default a URL on each line. A job continues with the form that it
    /// was started with and no other.
    pub form: ListForm,
    /// Fetches no URL twice: of the lines whose URLs are the same but for what follows `#`, only the
    /// first is fetched, and the others are counted as duplicates. It takes 32 to 64 bytes of disk
    /// for each URL, and reads the list from its beginning when a job continues. Default false.
    pub dedupe: bool,
    /// The directory of the results; created if it is not there.
    pub output: PathBuf,
    /// Requests in flight at most, over all hosts: 65,536 or fewer. Default 64.
    pub concurrency: usize,
    /// Requests in flight to one host at most. Default 8.
    pub per_host: usize,
    /// Requests per time over all hosts. Default none.
    pub rate: Option<Rate>,
    /// Requests per time to each host. Default none.
    pub host_rate: Option<Rate>,
    /// Attempts beyond the first that an item gets when a failure may pass. Default 3.
    pub retries: u32,
    /// Attempts beyond the first for some failures in place of `retries`, also for those that are
    /// final otherwise. The narrowest that holds a failure counts, and of equals the last. Default
    /// none.
    pub retry_rules: Vec<(FailureSet, u32)>,
    /// The share of failures among the lines that a run asked for, beyond which it stops: what was
    /// received is committed, the rest stays pending, and the job can be continued. Default none.
    pub failure_limit: Option<FailureLimit>,
    /// How long an item waits for its next attempt.
    pub backoff: Backoff,
    /// How long a host is left alone that asked for patience (429, 503) without saying how long.
    pub host_rule: HostRule,
    /// The longest pause that a host is given, also if it asks for a longer one with `Retry-After`:
    /// then the line that it refused fails, and for so long so do the others of that host without
    /// being asked for. Pauses of earlier runs count no longer either, and are waited for. Up to the
    /// base of the host rule's backoff may be added to it. None waits as long as hosts like. Default
    /// a day, which quotas for a day get by with.
    pub max_pause: Option<Duration>,
    /// Redirects that a line follows at most. Each hop is a request of its host, within that host's
    /// limits. Default 10.
    pub redirects: u32,
    /// The timeouts of each request; after a redirect they begin anew.
    pub timeouts: Timeouts,
    /// Longest decoded body in bytes; a longer one is a `too_large` failure. Default 16 MiB.
    pub max_body: u64,
    /// Bytes of bodies held at once, those being received and those waiting to be written. One
    /// body may exceed it, so that a body larger than the budget can pass. Default 32 MiB.
    pub body_budget: usize,
    /// Headers of every request. They are sent, never written down.
    pub headers: Vec<(String, String)>,
    /// Proxies to use in place of those of the environment; with an empty list, none. Default those
    /// of the environment.
    pub proxies: Option<Vec<Proxy>>,
    /// The versions of HTTP that are spoken. Default HTTP/2 where a server chooses it in the TLS
    /// handshake, HTTP/1.1 otherwise.
    pub versions: Versions,
    /// A Unix socket to which every connection goes, whatever host its URL names. Default none.
    pub unix_socket: Option<PathBuf>,
    /// Deletes what an earlier job left in the directory and starts again. Default false.
    pub fresh: bool,
    /// Asks again for the items that failed in earlier runs. Default false.
    pub retry_failed: bool,
    /// Of the items that failed in earlier runs, asks only for these again. Default all of them.
    pub retry_only: Vec<FailureSet>,
    /// Lines of the list held in memory at most, beyond those in flight; fewer if their URLs, with
    /// the other columns, are longer than 1 KiB on average, and up to 16 times as many while they are
    /// of as many hosts that may not be asked. A quarter more while lines come back from disk that
    /// have to wait for another attempt. Default 8192.
    pub window: usize,
    /// Results after which a commit is made. Default 1000.
    pub commit_every: usize,
    /// Time after which a commit is made; a tenth of a second or so after a host asked for patience.
    /// Default 1 s.
    pub commit_interval: Duration,
    /// Size in bytes at which a part is closed and the next begun. Default 1 GiB.
    pub part_max: u64,
    /// What becomes of a result. Default [`Format::Jsonl`].
    pub format: Format,
    /// How the parts are compressed. Default not at all.
    pub compression: Compression,
    /// Whether a body that is JSON becomes a value, `body_json`, in place of a string. Default false.
    pub json_bodies: bool,
    /// Whether an archive refers to a payload that it has already in place of keeping it twice: a
    /// response with the same body as an earlier one of the run becomes a `revisit` record (WARC/1.1,
    /// identical-payload-digest), with its own head. It takes at most 8 MiB of memory, in which what
    /// was not met for long is forgotten. Bodies under 256 bytes are kept. Needs
    /// [`Format::Warc`]. Default false.
    pub revisits: bool,
    /// Whether the results keep the order of the list. A line that takes long then holds up what
    /// comes more than a [`window`](Self::window) behind it, and what waits for its turn when the job
    /// is stopped is fetched again. Lines that [`retry_failed`](Self::retry_failed) heals come behind
    /// those that were written before. Default false.
    pub ordered: bool,
    /// Keeps no ledger: nothing is committed and nothing can be continued. For measurements.
    #[doc(hidden)]
    pub without_ledger: bool,
}

impl Config {
    /// A job of `input` into the directory `output`, all else at its default.
    pub fn new(input: Input, output: impl Into<PathBuf>) -> Self {
        Self {
            input,
            form: ListForm::default(),
            dedupe: false,
            output: output.into(),
            concurrency: 64,
            per_host: 8,
            rate: None,
            host_rate: None,
            retries: 3,
            retry_rules: Vec::new(),
            failure_limit: None,
            backoff: Backoff::default(),
            host_rule: HostRule::default(),
            max_pause: Some(Duration::from_secs(86_400)),
            redirects: 10,
            timeouts: Timeouts::default(),
            max_body: 16 << 20,
            body_budget: 32 << 20,
            headers: Vec::new(),
            proxies: None,
            versions: Versions::default(),
            unix_socket: None,
            fresh: false,
            retry_failed: false,
            retry_only: Vec::new(),
            window: 8192,
            commit_every: 1000,
            commit_interval: Duration::from_secs(1),
            part_max: 1 << 30,
            format: Format::default(),
            compression: Compression::default(),
            json_bodies: false,
            revisits: false,
            ordered: false,
            without_ledger: false,
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape {
            format: self.format,
            compression: self.compression,
            json_bodies: self.json_bodies,
            ordered: self.ordered,
            revisits: self.revisits,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let zero = [
            ("concurrency", self.concurrency),
            ("per_host", self.per_host),
            ("window", self.window),
            ("commit_every", self.commit_every),
            ("body_budget", self.body_budget),
        ];
        for (name, value) in zero {
            if value == 0 {
                return Err(Error::Config(format!("{name} must be at least 1")));
            }
        }
        if self.concurrency > CONCURRENCY_MAX {
            let most = format!("concurrency must be at most {CONCURRENCY_MAX}");
            return Err(Error::Config(most));
        }
        self.shape().check()?;
        match (&self.input, self.form.column()) {
            (_, Some("")) => return Err(Error::Config("the column needs a name".into())),
            (Input::Urls(_), Some(_)) => {
                return Err(Error::Config("given URLs are lines and no records".into()));
            }
            _ => {}
        }
        if self.max_pause.is_some_and(|pause| pause.is_zero()) {
            return Err(Error::Config("max_pause must not be zero".into()));
        }
        if self.commit_interval.is_zero() {
            return Err(Error::Config("commit_interval must not be zero".into()));
        }
        for failures in &self.retry_only {
            if *failures == FailureSet::Kind(FailureKind::BadUrl) {
                let never = Unretriable(FailureKind::BadUrl);
                return Err(Error::Config(format!("retry_only: {never}")));
            }
        }
        self.all_retries().map(drop)
    }

    /// How often which failure is tried again.
    pub(crate) fn all_retries(&self) -> Result<Retries, Error> {
        let mut retries = Retries::new(self.retries);
        for (failures, count) in &self.retry_rules {
            let set = retries.set(*failures, *count);
            set.map_err(|error| Error::Config(format!("retry_rules: {error}")))?;
        }
        Ok(retries)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("input", &self.input)
            .field("form", &self.form)
            .field("output", &self.output)
            .field("concurrency", &self.concurrency)
            .field("per_host", &self.per_host)
            .field(
                "headers",
                &self
                    .headers
                    .iter()
                    .map(|(name, _)| name)
                    .collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}
