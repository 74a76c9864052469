//! The writer: the one thread that owns the parts and the ledger.
//!
//! It takes batches in order and commits when enough results have gathered or when it is told to.
//! It never commits what is not on disk, and after the first error it writes nothing more: what
//! lies in whole is committed, the rest is cut off.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brigade_core::ranges::DoneSet;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::index;
use super::order::Order;
use super::outcome::Batch;
use super::press::Press;
use super::tally::Tally;
use super::turns::Turns;
use crate::brake::Brake;
use crate::budget::Budget;
use crate::directory::{Directory, SPOOL, SUMMARY};
use crate::error::Error;
use crate::format::Encode;
use crate::input::{Checkpoint, Consumed, Segment};
use crate::ledger::{Commit, HostState, Ledger, Recovered, Totals};
use crate::meter::{self, Meter};
use crate::parts::{PartState, Parts, Synced};
use crate::progress::{self, Counters};
use crate::summary::{State, Summary};
use crate::totals::JobTotals;

/// What the writer needs from its job.
pub(crate) struct Setup {
    pub(crate) directory: Arc<Directory>,
    pub(crate) parts: Parts,
    /// Encodes the results; without one they become plain lines of JSON.
    pub(crate) encoder: Option<Arc<dyn Encode>>,
    /// Whether there is an index of all parts.
    pub(crate) is_indexed: bool,
    /// Where lines in the order of the list are counted off; none if the order does not matter.
    pub(crate) turns: Option<Arc<Turns>>,
    /// Whether bodies in plain lines that are JSON become values.
    pub(crate) json_bodies: bool,
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
    /// Whether this run asks for failures of earlier runs again.
    pub(crate) asks_again: bool,
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

/// What is kept of a batch while it is encoded: its tally, and its bytes of the budget.
pub(super) type Kept = (Tally, usize);

/// The state of the writer thread.
pub(crate) struct Writer {
    pub(super) setup: Setup,
    pub(super) press: Option<Press<Kept>>,
    /// Set if the results keep the order of the list.
    pub(super) order: Option<Order>,
    pub(super) done: DoneSet,
    /// What lies in written bytes, and what is only in the buffer.
    pub(super) written: Tally,
    pub(super) buffered: Tally,
    /// The part at the last moment when the buffer was empty.
    pub(super) mark: Option<PartState>,
    checkpoints: VecDeque<Checkpoint>,
    checkpoint: Checkpoint,
    consumed: Consumed,
    segments: BTreeMap<u64, Segment>,
    hosts: BTreeMap<String, HostState>,
    totals: Totals,
    changed: bool,
    /// Results and failures that were taken since the last commit.
    pub(super) uncommitted: usize,
    /// Requests that had been sent when a commit was due last, and a moment after which no others
    /// were, in milliseconds since 1970.
    requests: u64,
    sent_at: i64,
}

impl Writer {
    pub(crate) fn new(mut setup: Setup) -> Self {
        let recovered = std::mem::take(&mut setup.recovered);
        let order = setup.turns.take().map(|turns| {
            let (directory, budget) = (setup.directory.clone(), setup.budget.clone());
            Order::new(turns, directory, budget)
        });
        Self {
            order,
            press: setup.encoder.take().map(Press::new),
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
            uncommitted: 0,
            requests: 0,
            sent_at: recovered.sent_at,
            setup,
        }
    }

    /// Takes all batches. Files and lock are let go before anybody hears of the end.
    fn run(mut self, batches: &mut mpsc::Receiver<Batch>) -> Result<Summary, Error> {
        while let Some(batch) = self.next(batches)? {
            self.take(batch)?;
        }
        self.finish()
    }

    /// The next batch. While there is none, what is being encoded is written.
    fn next(&mut self, batches: &mut mpsc::Receiver<Batch>) -> Result<Option<Batch>, Error> {
        while self.press.as_ref().is_some_and(|press| !press.is_idle()) {
            match batches.try_recv() {
                Ok(batch) => return Ok(Some(batch)),
                Err(TryRecvError::Disconnected) => return Ok(None),
                Err(TryRecvError::Empty) => {
                    if let Err(error) = self.append() {
                        self.rescue(error)?;
                    }
                }
            }
        }
        Ok(batches.blocking_recv())
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
        if let Some(order) = &mut self.order {
            order.expect(batch.expected);
        }
        let taken = self.outcomes(batch.outcomes);
        if let Err(error) = taken.and_then(|()| self.discard(&batch.discarded)) {
            return self.rescue(error);
        }
        let many = self.uncommitted >= self.setup.commit_every;
        if batch.commit || many || self.setup.parts.are_many() {
            self.commit("running")?;
        }
        Ok(())
    }

    pub(super) fn absorb(&mut self) {
        self.written.absorb(&mut self.buffered);
        self.mark = self.setup.parts.mark();
    }

    /// Puts everything on disk, then says so in one transaction.
    fn commit(&mut self, state: &'static str) -> Result<(), Error> {
        // Rates survive a kill only if the ledger says how lately something was sent.
        let requests = progress::get(&self.setup.counters.requests);
        let sent = std::mem::replace(&mut self.requests, requests) < requests;
        if sent {
            self.sent_at = meter::wall_ms();
        }
        if !self.changed && !sent && state == "running" {
            return Ok(());
        }
        if let Err(error) = self.flush() {
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
        if let Some(press) = &self.press {
            press.encoder().sync()?;
        }
        self.setup.parts.sync()
    }

    fn settle(&mut self, proof: &Synced, state: &'static str) -> Result<(), Error> {
        let tally = &mut self.written;
        let mut touched = std::mem::take(&mut tally.lines);
        let fetched = touched.len() as u64;
        for &line in &touched {
            self.done.insert(line);
        }
        for range in tally.skipped.iter().chain(&tally.duplicates) {
            self.done.insert_range(range.clone());
            touched.push(*range.start());
        }
        let (skipped, duplicates) = (count(&tally.skipped), count(&tally.duplicates));
        self.totals.skipped += skipped;
        self.totals.duplicates += duplicates;
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
            state: if self.is_finished() { "done" } else { state },
            now: meter::wall_ms(),
            sent_at: self.sent_at,
        };
        self.setup.ledger.commit(proof, &commit)?;
        let ended = fetched + skipped + duplicates;
        progress::add(&self.setup.counters.committed, ended);
        touched.clear();
        self.written.lines = touched;
        self.written.clear();
        self.changed = false;
        self.uncommitted = 0;
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
        if let Some(press) = &mut self.press {
            press.abandon();
        }
        self.setup.parts.cut(self.mark.take());
        self.buffered.clear();
        // Requests may be sent until everybody has heard of it.
        self.sent_at = meter::wall_ms();
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
        if self.setup.is_indexed && self.is_finished() {
            let changed = self.setup.parts.is_changed();
            index::write(&self.setup.directory, &self.setup.ledger, changed)?;
        }
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

    /// Whether every line of the list has ended.
    fn is_settled(&self) -> bool {
        self.consumed.complete && self.done.watermark() >= self.consumed.lines
    }

    /// Whether the run has done all that it was for. The run itself says so at its end; one that was
    /// dropped, or is not over, cannot, but the ledger can, unless it asks for failures again.
    fn is_finished(&self) -> bool {
        let settled = !self.setup.asks_again && self.is_settled();
        settled || self.setup.finished.load(Ordering::Acquire)
    }

    fn summary(&self) -> Result<Summary, Error> {
        let counts = self.setup.ledger.counts()?;
        let totals = JobTotals {
            output_bytes: self.setup.parts.bytes(),
            parts: self.setup.parts.count(),
            ..JobTotals::of(self.consumed, &self.totals_now(), counts)
        };
        let finished = self.is_finished();
        // The last guard: a job is never called done while the ledger misses a line.
        if finished && !totals.is_settled() {
            return Err(Error::Stopped("the job (lines are left)"));
        }
        Ok(Summary {
            state: if finished {
                State::Done
            } else {
                State::Interrupted
            },
            stopped_by: (!finished).then(|| self.setup.brake.stopped_by()),
            totals,
            last_run: self.setup.brake.counts(),
            peak_memory_bytes: meter::memory_peak(),
            latency_ms: self.setup.meter.quantiles(),
        })
    }
}

/// Lines in ranges.
fn count(ranges: &[RangeInclusive<u64>]) -> u64 {
    let lines = ranges.iter().map(|range| range.end() - range.start() + 1);
    lines.sum()
}
