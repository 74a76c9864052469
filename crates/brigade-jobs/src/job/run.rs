//! The run: the group of tasks, and how it ends.
//!
//! It ends when every line is settled, when it is told to stop, or at the first error of the
//! environment. In each case the writer commits what it was given before the run returns.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade::cancel::Token;
use brigade::group::{self, Cause, task_group};
use brigade_core::backoff::Backoff;
use brigade_core::verdict::Retries;
use brigade_http::Client;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::archive::Archive;
use super::attempt::work;
use super::feeder::feed;
use super::floor::Floor;
use super::handover::{BATCHES, BLOCK_BYTES, BYTES, Handover};
use super::open::Job;
use super::services::{commits, looks, spill, timer, watch};
use crate::brake::Brake;
use crate::budget::Budget;
use crate::directory::{SEEN, SPILL};
use crate::error::Error;
use crate::format::{self, Format};
use crate::input::{self, Bytes, Chunk, Origin};
use crate::ledger::FailedLines;
use crate::progress::{Counters, HostsProgress, set};
use crate::schedule::Loaded;
use crate::sink::{self, Turns};
use crate::summary::{StoppedBy, Summary};

/// Chunks of the list that may wait for the feeder.
const CHUNKS: usize = 2;

/// How long the reader may take to say that a line was the last one: a stream may never say.
const SAYS_SO: Duration = Duration::from_secs(1);

/// What the tasks of a run share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) retries: Retries,
    pub(super) redirects: u32,
    pub(super) backoff: Backoff,
    /// The longest pause that a host is given.
    pub(super) max_pause: Duration,
    /// Keeps the exchanges, if they are archived.
    pub(super) archive: Option<Archive>,
    /// Whether bodies become files.
    pub(super) files: bool,
    /// Whether an earlier run may have left something of a line that fails now.
    pub(super) continued: bool,
    /// Counts the lines that wait for their turn, of which there may be so many; none if the results
    /// need not keep the order of the list.
    pub(super) turns: Option<(Arc<Turns>, usize)>,
    pub(super) floor: Floor,
    pub(super) handover: Handover,
    pub(super) budget: Arc<Budget>,
    pub(super) counters: Arc<Counters>,
    pub(super) brake: Arc<Brake>,
}

impl Shared {
    /// Whether every line has ended, and at most the last of them are still on their way to the
    /// writer.
    fn is_finished(&self) -> bool {
        self.floor.lock().schedule.is_finished()
    }

    /// Whether a run that is told to stop is at its end all the same. Where its own failures tell it
    /// to, that may be for the last line that is known: then the reader is given a moment to say
    /// whether another follows.
    async fn is_finished_when_stopped(&self, by: StoppedBy) -> bool {
        if by == StoppedBy::Failures {
            let _ = timeout(SAYS_SO, self.floor.hears_of_list()).await;
        }
        self.is_finished()
    }

    pub(super) fn take_loaded(&self, loaded: Loaded) {
        let mut state = self.floor.lock();
        state.schedule.loaded(loaded);
        state.wake_one();
    }
}

/// The started parts of a run.
struct Running {
    shared: Arc<Shared>,
    chunks: mpsc::Receiver<Result<Chunk, Error>>,
    written: oneshot::Receiver<Result<Summary, Error>>,
    list: Origin,
    finished: Arc<AtomicBool>,
}

impl Job {
    /// Runs the job until every line is settled or `stop` is cancelled.
    ///
    /// A stop gives up what is in flight, which stays pending, and commits all that was received.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up what is in flight; a thread still commits what was received.
    /// To have the summary too, cancel `stop` instead, and shield this future from the
    /// cancellation of the task that awaits it.
    ///
    /// # Errors
    ///
    /// [`Error`] lists what ends a job. What was committed before stays, and the job can be opened
    /// again.
    ///
    /// # Panics
    ///
    /// Continues a panic of one of its tasks, which is a defect.
    pub async fn run(self, stop: Token) -> Result<Summary, Error> {
        let concurrency = self.config.concurrency;
        let every = self.config.commit_interval;
        let spill_path = self.directory.join(SPILL);
        let directory = self.directory.clone();
        let running = self.start()?;
        let Running {
            shared,
            chunks,
            written,
            list,
            finished,
        } = running;
        let counters = shared.counters.clone();
        let over = Token::new();
        let ended = task_group(async |g| {
            let mut workers = Vec::with_capacity(concurrency);
            let own = shared.clone();
            let fed = g.spawn_named("feeder", async move { feed(&own, chunks).await });
            let (own, until) = (shared.clone(), over.clone());
            g.spawn_named("timer", async move {
                until.until_cancelled(timer(&own)).await.unwrap_or(Ok(()))
            });
            let (own, until) = (shared.clone(), over.clone());
            g.spawn_named("commits", async move {
                let service = commits(&own, every);
                until.until_cancelled(service).await.unwrap_or(Ok(()))
            });
            let (own, until) = (shared.clone(), over.clone());
            g.spawn_named("watch", async move {
                until.until_cancelled(watch(&own)).await.unwrap_or(Ok(()))
            });
            let (own, until) = (shared.clone(), over.clone());
            g.spawn_named("looks", async move {
                until.until_cancelled(looks(&own)).await.unwrap_or(Ok(()))
            });
            let (own, until) = (shared.clone(), over.clone());
            g.spawn_named("spill", async move {
                let service = spill(&own, spill_path, list);
                until.until_cancelled(service).await.unwrap_or(Ok(()))
            });
            for number in 0..concurrency {
                let own = shared.clone();
                let worker = async move { work(&own, number).await };
                workers.push(g.spawn_named("worker", worker));
            }
            let mut all = pin!(async {
                fed.await;
                for worker in workers {
                    worker.await;
                }
            });
            let until_failures = async {
                tokio::select! {
                    biased;
                    () = &mut all => None,
                    () = shared.brake.pulled() => Some(StoppedBy::Failures),
                }
            };
            let stopped_by = stop.until_cancelled(until_failures).await;
            match stopped_by.unwrap_or(Some(StoppedBy::Request)) {
                None => finished.store(true, Ordering::Release),
                Some(by) if shared.is_finished_when_stopped(by).await => {
                    all.await;
                    finished.store(true, Ordering::Release);
                }
                Some(by) => {
                    shared.brake.stopped(by);
                    g.cancel();
                }
            }
            over.cancel();
            Ok(())
        })
        .await;
        set(&counters.waiting, shared.floor.lock().schedule.waiting());
        let client = shared.client.clone();
        // What was handed over and not sent yet; if the writer is gone, its error says why.
        let _ = shared.handover.send(false).await;
        drop(shared);
        let written = written.await;
        client.close().await;
        set(&counters.in_flight, 0);
        *counters.hosts() = HostsProgress::default();
        let _ = directory.remove(SPILL);
        let _ = directory.remove(SEEN);
        let written = written.map_err(|_| Error::Stopped("the writer"));
        // The writer's error is the cause of the others, where there is one.
        let summary = written.and_then(|written| written)?;
        match ended {
            Ok(()) | Err(group::Error::Cancelled(_)) => Ok(summary),
            Err(group::Error::Failed(errors)) => Err(first(errors)),
            Err(_) => Err(Error::Stopped("a task of the job")),
        }
    }

    fn start(self) -> Result<Running, Error> {
        let (config, directory) = (self.config, self.directory);
        let (batches, to_write) = mpsc::channel(BATCHES);
        let encoder = format::encoder(config.shape(), &directory);
        let bytes = encoder.as_ref().map_or(BYTES, |_| BLOCK_BYTES);
        let (send_chunks, chunks) = mpsc::channel(CHUNKS);
        let finished = Arc::new(AtomicBool::new(false));
        let turns = config.ordered.then(Arc::<Turns>::default);
        let budget = Arc::new(Budget::new(config.body_budget));
        let brake = Arc::new(Brake::new(config.failure_limit));
        let list = self.list.origin.clone();
        let spool = match (&self.list.stream, &list.bytes) {
            (Some(_), Bytes::File(spool)) => Some(spool.clone()),
            _ => None,
        };
        let shared = Arc::new(Shared {
            client: self.client,
            retries: config.all_retries()?,
            redirects: config.redirects,
            backoff: config.backoff,
            max_pause: config.max_pause.unwrap_or(Duration::MAX),
            archive: Archive::new(&config),
            files: config.format == Format::Files,
            continued: self.recovered.totals.runs > 1,
            turns: turns.clone().map(|turns| (turns, config.window)),
            floor: Floor::new(self.schedule, config.concurrency),
            handover: Handover::new(batches, bytes),
            budget: budget.clone(),
            counters: self.counters.clone(),
            brake: brake.clone(),
        });
        shared
            .handover
            .note(|batch| batch.hosts.extend(self.shortened));
        set(&self.counters.started, self.meter.started().as_nanos());
        let resume = self.recovered.resume.clone();
        let setup = sink::Setup {
            directory: directory.clone(),
            parts: self.parts,
            encoder,
            is_indexed: config.format == Format::Warc,
            turns: turns.clone(),
            json_bodies: config.json_bodies,
            ledger: self.ledger,
            recovered: self.recovered,
            budget,
            counters: self.counters,
            spool,
            commit_every: config.commit_every,
            meter: self.meter,
            durable: !config.without_ledger,
            finished: finished.clone(),
            asks_again: self.failed.is_some(),
            brake,
        };
        let failed = self.failed.map(again);
        let thread = |error| Error::Config(format!("cannot start a thread: {error}"));
        let written = sink::start(setup, to_write).map_err(thread)?;
        input::start(self.list, resume, failed, send_chunks).map_err(thread)?;
        Ok(Running {
            shared,
            chunks,
            written,
            list,
            finished,
        })
    }
}

fn again(mut lines: FailedLines) -> input::Failed {
    Box::new(move || lines.next())
}

/// The root cause of a failed run.
fn first(errors: group::ErrorGroup<Error>) -> Error {
    for leaf in errors {
        if let Cause::Error(error) = leaf.into_cause() {
            return error;
        }
    }
    Error::Stopped("a task of the job")
}
