//! Opening a job: the directory, the list, what an earlier run left.

use std::sync::Arc;
use std::time::Duration;

use brigade::clock;
use brigade_core::admission::Limits;
use brigade_http::{Client, ClientBuilder, PoolLimits};

use crate::config::Config;
use crate::directory::{Directory, FILES, LEDGER, SEEN, SPOOL, is_part};
use crate::error::Error;
use crate::input::{self, List, Opened, Seen};
use crate::ledger::{FailedLines, HostState, Ledger, ListState, Recovered};
use crate::meter::{Meter, wall_ms};
use crate::parts::{Parts, open_files};
use crate::progress::{Counters, ProgressHandle, set};
use crate::schedule::{Schedule, Settings};

/// A bulk job that is ready to run.
///
/// The output directory stays locked until the job, or its run, is over.
///
/// # Examples
///
/// ```
/// use brigade::cancel::Token;
/// use brigade_jobs::{Config, Input, Job, State};
/// use brigade_testkit::server::{Reply, Server};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = Server::start(|_| Reply::ok("hello")).await?;
/// let urls = vec![server.url("/a"), server.url("/b"), "not a url".to_owned()];
/// let directory = tempfile::tempdir()?;
///
/// let job = Job::open(Config::new(Input::Urls(urls), directory.path()))?;
/// let summary = job.run(Token::new()).await?;
/// assert_eq!(summary.state, State::Done);
/// assert_eq!((summary.ok, summary.failed), (2, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a job does nothing until it is run"]
pub struct Job {
    pub(super) config: Config,
    pub(super) directory: Arc<Directory>,
    pub(super) list: List,
    pub(super) ledger: Ledger,
    pub(super) recovered: Recovered,
    /// Hosts whose pause became shorter because of [`Config::max_pause`].
    pub(super) shortened: Vec<HostState>,
    pub(super) parts: Parts,
    pub(super) failed: Option<FailedLines>,
    pub(super) schedule: Schedule,
    pub(super) client: Client,
    pub(super) counters: Arc<Counters>,
    pub(super) meter: Meter,
}

impl Job {
    /// Takes the directory, checks the list, and recovers what an earlier run left.
    ///
    /// It does a little blocking I/O, in proportion to the failures and open ranges of the ledger,
    /// and to the part of the list that was read before if the list has been changed since. Of a
    /// table that comes as a stream it waits for the first row, which names the columns.
    ///
    /// # Errors
    ///
    /// [`Error`] says what is wrong with the settings, the directory, the list or the ledger. A job
    /// that is refused for one of these leaves the directory as it was, with `fresh` too.
    pub fn open(config: Config) -> Result<Self, Error> {
        config.check()?;
        let client = client(&config)?;
        // Before the directory is touched: a mistyped name of the list or of a column leaves
        // nothing behind.
        let opened = Opened::open(&config.input, &config.form)?;
        let meter = Meter::start();
        let directory = Arc::new(Directory::open(&config.output)?);
        let admitted = admit(&config, &directory, opened);
        let (mut recovered, mut list) = admitted.inspect_err(|_| directory.withdraw())?;
        let path = directory.join(LEDGER);
        let ledger = Ledger::open(&path, config.without_ledger)?;
        if recovered.killed {
            // What it sent after its last commit is not known, and there may have been many runs that
            // came to no commit. But whoever holds the lock knows that it sent nothing after now.
            recovered.sent_at = wall_ms().max(recovered.updated_at);
        }
        directory.clear_order()?;
        if config.dedupe {
            list.seen = Some(Seen::create(&directory.join(SEEN))?);
        }
        let parts = Parts::recover(
            directory.clone(),
            &recovered.parts,
            config.shape().parts(config.part_max),
            open_files(),
        )?;
        let format = config.shape().to_string();
        let state = ListState {
            kind: list.kind,
            form: &config.form.known(config.dedupe),
            metadata: list.metadata,
        };
        let new = recovered.list.is_none().then_some(format.as_str());
        ledger.begin(new, &state, wall_ms())?;
        recovered.totals.runs += 1;
        // The lock, the ledger and the spool must be there after a power cut.
        let synced = directory.sync();
        synced.map_err(|error| Error::write(directory.path(), error))?;
        let again = config.retry_failed && !config.without_ledger;
        let failed = again
            .then(|| FailedLines::open(&path, &config.retry_only, recovered.resume.consumed))
            .transpose()?;
        let counters = Arc::new(counters(&recovered, &list));
        let shortened = shorten(&mut recovered, config.max_pause);
        Ok(Self {
            schedule: schedule(&config, &recovered),
            shortened,
            config,
            directory,
            list,
            ledger,
            recovered,
            parts,
            failed,
            client,
            counters,
            meter,
        })
    }

    /// A handle on the progress of this job.
    pub fn progress(&self) -> ProgressHandle {
        ProgressHandle {
            counters: self.counters.clone(),
        }
    }
}

/// Everything for which a job is refused, before anything of an earlier one is touched: what that
/// left, and the list.
fn admit(
    config: &Config,
    directory: &Directory,
    mut opened: Opened,
) -> Result<(Recovered, List), Error> {
    let (path, spool) = (directory.join(LEDGER), directory.join(SPOOL));
    if config.fresh {
        let before = Ledger::format(&path)?;
        let bodies = before.is_some_and(|format| format.starts_with(FILES));
        if !bodies && !config.without_ledger {
            refuse_bodies(directory)?;
        }
        opened.prepare(None)?;
        directory.clear(bodies)?;
    }
    if config.without_ledger {
        return Ok((Recovered::default(), opened.list(&spool, None)?));
    }
    let recovered = Ledger::peek(&path, |before| opened.could_be(before, &spool))?;
    if recovered.list.is_none() {
        // A ledger that knows of no job (an empty file, say) accounts for no part either.
        refuse_foreign(directory)?;
    }
    same_format(&recovered, config)?;
    same_form(&recovered, config)?;
    let kind = config.shape().parts(config.part_max);
    Parts::check(directory, &recovered.parts, kind)?;
    let list = opened.list(&spool, recovered.list.as_ref())?;
    Ok((recovered, list))
}

/// A job reads its list as it began to.
fn same_form(recovered: &Recovered, config: &Config) -> Result<(), Error> {
    let now = config.form.known(config.dedupe);
    match &recovered.list {
        Some(before) if before.form != now => Err(Error::FormChanged {
            before: input::flags(&before.form),
            now: input::flags(&now),
        }),
        _ => Ok(()),
    }
}

/// A job goes on in the format that it began in.
fn same_format(recovered: &Recovered, config: &Config) -> Result<(), Error> {
    let now = config.shape().to_string();
    match &recovered.format {
        Some(before) if *before != now => Err(Error::OtherFormat {
            path: config.output.clone(),
            before: before.clone(),
            now,
        }),
        _ => Ok(()),
    }
}

fn refuse_foreign(directory: &Directory) -> Result<(), Error> {
    let files = directory.job_files()?;
    match files.into_iter().find(|name| is_part(name)) {
        None => refuse_bodies(directory),
        Some(part) => Err(foreign(directory, part)),
    }
}

/// Bodies that are files, of which nobody knows whose they are.
fn refuse_bodies(directory: &Directory) -> Result<(), Error> {
    match directory.join(FILES).exists() {
        true => Err(foreign(directory, FILES.to_owned())),
        false => Ok(()),
    }
}

fn foreign(directory: &Directory, file: String) -> Error {
    Error::Foreign {
        path: directory.path().to_owned(),
        file,
    }
}

fn client(config: &Config) -> Result<Client, Error> {
    // A worker that waits for a connection would be idle, so each may have one; those that are
    // kept for other hosts come on top and make room when they must.
    let limits = PoolLimits::default()
        .total(config.concurrency)
        .per_host(config.per_host.min(config.concurrency));
    let mut builder = Client::builder()
        .limits(limits)
        .timeouts(config.timeouts)
        .versions(config.versions)
        // The job follows them itself, so that each hop waits for its turn.
        .redirects(0)
        .max_body(config.max_body);
    for (name, value) in &config.headers {
        builder = builder.header(name.as_str(), value.as_str());
    }
    if let Some(proxies) = &config.proxies {
        let proxies = proxies.iter().cloned();
        builder = proxies.fold(builder.no_proxy(), ClientBuilder::proxy);
    }
    if let Some(path) = &config.unix_socket {
        builder = builder.unix_socket(path);
    }
    builder
        .build()
        .map_err(|error| Error::Client(error.to_string()))
}

fn schedule(config: &Config, recovered: &Recovered) -> Schedule {
    let max_pause = config.max_pause.unwrap_or(Duration::MAX);
    let mut host_rule = config.host_rule;
    host_rule.backoff.cap = host_rule.backoff.cap.min(max_pause);
    let mut limits = Limits::default()
        .concurrency(config.concurrency)
        .key_concurrency(config.per_host);
    (limits.rate, limits.key_rate) = (config.rate, config.host_rate);
    let mut schedule = Schedule::new(Settings {
        limits,
        window: config.window,
        host_rule,
    });
    // A clock that was set back since the last commit must not make the pauses longer.
    let (now, wall) = (clock::now(), wall_ms().max(recovered.updated_at));
    let moment = |at: i64| match u64::try_from(at.saturating_sub(wall)) {
        Ok(ahead) => now + Duration::from_millis(ahead),
        Err(_) => now - Duration::from_millis(at.abs_diff(wall)),
    };
    if recovered.list.is_some() {
        schedule.empty_since(moment(recovered.sent_at));
    }
    for host in &recovered.hosts {
        let until = moment(host.paused_until);
        schedule.restore(&host.name, host.strikes, now, until);
    }
    schedule
}

/// Makes the pauses of earlier runs no longer than the longest, and returns those that were. They
/// are to be committed, or else each run would begin them anew.
fn shorten(recovered: &mut Recovered, max_pause: Option<Duration>) -> Vec<HostState> {
    let longest = max_pause.unwrap_or(Duration::MAX).as_millis();
    let longest = i64::try_from(longest).unwrap_or(i64::MAX);
    let until = wall_ms().max(recovered.updated_at).saturating_add(longest);
    let hosts = recovered.hosts.iter_mut();
    let longer = hosts.filter(|host| host.paused_until > until);
    longer
        .map(|host| {
            host.paused_until = until;
            // Whoever reads that later has the clock of today.
            HostState {
                paused_until: wall_ms().saturating_add(longest),
                ..host.clone()
            }
        })
        .collect()
}

fn counters(recovered: &Recovered, list: &List) -> Counters {
    let counters = Counters::default();
    let (totals, consumed) = (&recovered.totals, recovered.resume.consumed);
    set(&counters.ok, totals.ok);
    set(&counters.skipped, totals.skipped);
    set(&counters.duplicates, totals.duplicates);
    let mut failed = 0;
    for (kind, count) in &recovered.by_kind {
        set(counters.kind(*kind), *count);
        failed += count;
    }
    let settled = totals.ok + totals.skipped + totals.duplicates + failed;
    set(&counters.resumed, settled);
    set(&counters.input, consumed.lines);
    set(&counters.input_bytes, consumed.bytes);
    let total = list.bytes_total().unwrap_or_default();
    set(&counters.input_bytes_total, total);
    counters
}
