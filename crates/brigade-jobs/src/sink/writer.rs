//! The writer: the one thread that owns the parts and the ledger.
//!
//! It takes batches in order and commits when enough results have gathered or when it is told to.
//! It never commits what is not on disk, and after the first error it writes nothing more: what
//! lies in whole is committed, the rest is cut off.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brigade_core::ranges::DoneSet;
use tokio::sync::{mpsc, oneshot};

use super::outcome::{Batch, Outcome, Success};
use super::tally::Tally;
use crate::brake::Brake;
use crate::budget::Budget;
use crate::directory::{Directory, SPOOL, SUMMARY};
use crate::error::Error;
use crate::input::{Checkpoint, Consumed, Segment};
use crate::ledger::{Commit, HostState, Ledger, Recovered, Totals};
use crate::meter::{self, Meter};
use crate::parts::{PartState, Parts, Synced};
use crate::progress::{self, Counters};
use crate::record;
use crate::summary::{State, Summary};

/// What the writer needs from its job.
pub(crate) struct Setup {
    pub(crate) directory: Arc<Directory>,
    pub(crate) parts: Parts,
    pub(crate) ledger: Ledger,
    pub(crate) recovered: Recovered,
    pub(crate) budget: Arc<Budget>,
    pub(crate) counters: Arc<Counters>,
    /// Synced before each commit, if the list is spooled.
    pub(crate) spool: Option<Arc<File>>,
    pub(crate) commit_every: usize,
    pub(crate) meter: Meter,
    /// False in measurements without a ledger: nothing is synced.
    pub(crate) durable: bool,
    /// Set when nothing of the list is left to do.
    pub(crate) finished: Arc<AtomicBool>,
    /// What this run has settled, and why it stopped.
    pub(crate) brake: Arc<Brake>,
}

/// Starts the writer. It ends when every sender is gone, or at its first error.
pub(crate) fn start(
    setup: Setup,
    mut batches: mpsc::Receiver<Batch>,
) -> io::Result<oneshot::Receiver<Result<Summary, Error>>> {
    let (send, receive) = oneshot::channel();
    std::thread::Builder::new()
        .name("brigade-writer".into())
        .spawn(move || {
            let result = Writer::new(setup).run(&mut batches);
            // Senders learn of an error by the closed channel, so it is closed before they are
            // told what it was.
            drop(batches);
            // Nobody listens any more if the job was dropped; what it handed over is committed.
            let _ = send.send(result);
        })?;
    Ok(receive)
}

/// The state of the writer thread.
pub(crate) struct Writer {
    setup: Setup,
    done: DoneSet,
    /// What lies in written bytes, and what is only in the buffer.
    written: Tally,
    buffered: Tally,
    /// The part at the last moment when the buffer was empty.
    mark: Option<PartState>,
    checkpoints: VecDeque<Checkpoint>,
    checkpoint: Checkpoint,
    consumed: Consumed,
    segments: BTreeMap<u64, Segment>,
    hosts: BTreeMap<String, HostState>,
    totals: Totals,
    changed: bool,
}

impl Writer {
    pub(crate) fn new(mut setup: Setup) -> Self {
        let recovered = std::mem::take(&mut setup.recovered);
        Self {
            done: recovered.resume.done,
            written: Tally::default(),
            buffered: Tally::default(),
            mark: setup.parts.mark(),
            checkpoints: VecDeque::new(),
            checkpoint: recovered.resume.checkpoint,
            consumed: recovered.resume.consumed,
            segments: BTreeMap::new(),
            hosts: BTreeMap::new(),
            totals: recovered.totals,
            changed: false,
            setup,
        }
    }

    /// Takes all batches. Files and lock are let go before anybody hears of the end.
    fn run(mut self, batches: &mut mpsc::Receiver<Batch>) -> Result<Summary, Error> {
        while let Some(batch) = batches.blocking_recv() {
            self.take(batch)?;
        }
        self.finish()
    }

    /// Takes a batch, and commits if one is due.
    pub(crate) fn take(&mut self, batch: Batch) -> Result<(), Error> {
        self.changed |= !batch.is_empty();
        self.checkpoints.extend(batch.checkpoints);
        self.consumed = batch.consumed.unwrap_or(self.consumed);
        for segment in batch.segments {
            self.segments.insert(segment.number, segment);
        }
        for host in batch.hosts {
            self.hosts.insert(host.name.clone(), host);
        }
        let mut released = 0;
        for outcome in batch.outcomes {
            match outcome {
                Outcome::Success(success) => {
                    released += success.budget;
                    if let Err(error) = self.success(&success) {
                        return self.rescue(error);
                    }
                }
                Outcome::Failure(failure) => {
                    self.buffered.lines.push(failure.index);
                    self.buffered.failures.push(failure);
                }
                Outcome::Skipped(range) => self.buffered.skipped.push(range),
            }
        }
        self.setup.budget.release(released);
        let gathered = self.written.lines.len() + self.buffered.lines.len();
        if batch.commit || gathered >= self.setup.commit_every {
            self.commit("running")?;
        }
        Ok(())
    }

    fn success(&mut self, success: &Success) -> Result<(), Error> {
        let (head, body) = success.data.split_at(success.body_at);
        let parts = &mut self.setup.parts;
        parts.buffer().extend_from_slice(head);
        let mut text = record::tail(success.elapsed_us, body, parts.buffer());
        while text.next(parts.buffer()) {
            parts.piece()?;
        }
        self.buffered.lines.push(success.index);
        *self.buffered.statuses.entry(success.status).or_default() += 1;
        self.buffered.ok += 1;
        self.buffered.body_bytes += body.len() as u64;
        if self.done.contains(success.index) {
            // It had ended as a failure, in an earlier run.
            self.buffered.healed.push(success.index);
        }
        self.setup.meter.latency(success.elapsed_us);
        if self.setup.parts.end_line()? {
            self.absorb();
        }
        Ok(())
    }

    fn absorb(&mut self) {
        self.written.absorb(&mut self.buffered);
        self.mark = self.setup.parts.mark();
    }

    /// Puts everything on disk, then says so in one transaction.
    fn commit(&mut self, state: &'static str) -> Result<(), Error> {
        if !self.changed && state == "running" {
            return Ok(());
        }
        if let Err(error) = self.setup.parts.write() {
            return self.rescue(error);
        }
        self.absorb();
        let proof = self.sync()?;
        self.settle(&proof, state)
    }

    fn sync(&mut self) -> Result<Synced, Error> {
        if !self.setup.durable {
            return Ok(Synced::nothing());
        }
        if let Some(spool) = &self.setup.spool {
            let path = self.setup.directory.join(SPOOL);
            spool
                .sync_data()
                .map_err(|error| Error::write(path, error))?;
        }
        self.setup.parts.sync()
    }

    fn settle(&mut self, proof: &Synced, state: &'static str) -> Result<(), Error> {
        let tally = &mut self.written;
        let mut touched = std::mem::take(&mut tally.lines);
        for &line in &touched {
            self.done.insert(line);
        }
        for range in &tally.skipped {
            self.done.insert_range(range.clone());
            touched.push(*range.start());
            self.totals.skipped += range.end() - range.start() + 1;
        }
        let ranges = self.done.ranges_around(&mut touched);
        while let Some(next) = self.checkpoints.front()
            && next.index <= self.done.watermark()
        {
            self.checkpoint = *next;
            self.checkpoints.pop_front();
        }
        self.totals.ok += tally.ok;
        self.totals.body_bytes += tally.body_bytes;
        let totals = self.totals_now();
        let segments: Vec<_> = std::mem::take(&mut self.segments).into_values().collect();
        let hosts: Vec<_> = std::mem::take(&mut self.hosts).into_values().collect();
        let finished = self.consumed.complete && self.done.watermark() >= self.consumed.lines;
        let commit = Commit {
            watermark: self.done.watermark(),
            done: &ranges,
            checkpoint: self.checkpoint,
            consumed: self.consumed,
            segments: &segments,
            parts: proof.parts(),
            failures: &self.written.failures,
            healed: &self.written.healed,
            statuses: &self.written.statuses,
            hosts: &hosts,
            totals: &totals,
            state: if finished { "done" } else { state },
            now: meter::wall_ms(),
        };
        self.setup.ledger.commit(proof, &commit)?;
        progress::add(&self.setup.counters.committed, touched.len() as u64);
        touched.clear();
        self.written.lines = touched;
        self.written.clear();
        self.changed = false;
        Ok(())
    }

    /// The totals with what this run has added outside of the results.
    fn totals_now(&self) -> Totals {
        let mut totals = self.totals.clone();
        totals.requests += progress::get(&self.setup.counters.requests);
        totals.retries += progress::get(&self.setup.counters.retries);
        totals.wall_ms += self.setup.meter.elapsed_ms();
        totals.cpu_ms += self.setup.meter.cpu_ms();
        totals
    }

    /// After a failed write: commits what lies on disk in whole, and gives the error back.
    fn rescue(&mut self, error: Error) -> Result<(), Error> {
        self.setup.parts.cut(self.mark.take());
        self.buffered.clear();
        if let Ok(proof) = self.sync() {
            // The first error is the one to report.
            let _ = self.settle(&proof, "interrupted");
        }
        Err(error)
    }

    /// The last commit, `failures.jsonl` and `summary.json`.
    pub(crate) fn finish(mut self) -> Result<Summary, Error> {
        self.commit("interrupted")?;
        crate::failures::write(&self.setup.directory, &self.setup.ledger)?;
        let summary = self.summary()?;
        self.setup.directory.replace(SUMMARY, |file| {
            let written = serde_json::to_writer_pretty(&mut *file, &summary);
            let ended = written
                .map_err(io::Error::from)
                .and_then(|()| file.write_all(b"\n"));
            ended.map_err(|error| Error::write(self.setup.directory.join(SUMMARY), error))
        })?;
        Ok(summary)
    }

    fn summary(&self) -> Result<Summary, Error> {
        let totals = self.totals_now();
        let counts = self.setup.ledger.counts()?;
        let failed: u64 = counts.by_kind.values().sum();
        let settled = totals.ok + totals.skipped + failed;
        let pending = self.consumed.lines.saturating_sub(settled);
        let finished = self.setup.finished.load(Ordering::Acquire);
        // The last guard: a job is never called done while the ledger misses a line.
        if finished && (pending > 0 || !self.consumed.complete) {
            return Err(Error::Stopped("the job (lines are left)"));
        }
        Ok(Summary {
            state: if finished {
                State::Done
            } else {
                State::Interrupted
            },
            stopped_by: (!finished).then(|| self.setup.brake.stopped_by()),
            input: self.consumed.lines,
            input_complete: self.consumed.complete,
            ok: totals.ok,
            failed,
            skipped: totals.skipped,
            pending,
            by_kind: counts.by_kind,
            examples: counts.examples,
            by_status: counts.by_status,
            requests: totals.requests,
            retries: totals.retries,
            body_bytes: totals.body_bytes,
            output_bytes: self.setup.parts.bytes(),
            parts: self.setup.parts.count(),
            runs: totals.runs,
            wall_seconds: totals.wall_ms as f64 / 1000.0,
            cpu_seconds: totals.cpu_ms as f64 / 1000.0,
            last_run: self.setup.brake.counts(),
            peak_memory_bytes: meter::memory_peak(),
            latency_ms: self.setup.meter.quantiles(),
        })
    }
}
