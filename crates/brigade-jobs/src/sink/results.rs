//! The way of results into the parts: as lines through the writer's buffer, or as blocks that were
//! encoded beside it.
//!
//! What is said of a result is tallied only once its bytes are written, so a failed write costs
//! nothing that lies on disk in whole.

use super::outcome::Outcome;
use super::press::Press;
use super::tally::Tally;
use super::writer::Writer;
use crate::error::Error;
use crate::record::{self, Success};

/// Results that are handed on together when many have their turn at the same time.
const AT_ONCE: usize = 64;
const BYTES_AT_ONCE: usize = 256 * 1024;

impl Writer {
    /// Takes how lines ended: results in this order, or, once it is their turn, in that of the list.
    pub(super) fn outcomes(&mut self, outcomes: Vec<Outcome>) -> Result<(), Error> {
        let mut results = Vec::new();
        for outcome in outcomes {
            match (outcome, &mut self.order) {
                (Outcome::Success(success), None) => results.push(success),
                (Outcome::Success(success), Some(order)) => order.put(success)?,
                (Outcome::Skipped(range), _) => self.buffered.skipped.push(range),
                (Outcome::Duplicates(range), _) => self.buffered.duplicates.push(range),
                (Outcome::Failure(failure), order) => {
                    if let Some(order) = order {
                        order.failed(failure.index);
                    }
                    self.uncommitted += 1;
                    self.buffered.lines.push(failure.index);
                    self.buffered.failures.push(failure);
                }
            }
        }
        self.results(results)?;
        while let Some(results) = self.whose_turn_it_is()? {
            self.results(results)?;
        }
        Ok(())
    }

    /// Some results whose turn it is; none if it is nobody's.
    fn whose_turn_it_is(&mut self) -> Result<Option<Vec<Success>>, Error> {
        let Some(order) = &mut self.order else {
            return Ok(None);
        };
        let (mut results, mut bytes) = (Vec::new(), 0);
        while results.len() < AT_ONCE && bytes < BYTES_AT_ONCE {
            let Some(result) = order.next()? else {
                break;
            };
            bytes += result.data.len();
            results.push(result);
        }
        Ok(Some(results).filter(|results| !results.is_empty()))
    }

    /// Takes the results of a batch, in their order.
    fn results(&mut self, results: Vec<Success>) -> Result<(), Error> {
        self.uncommitted += results.len();
        let held = results.iter().map(|result| result.budget).sum();
        for result in &results {
            self.setup.meter.latency(result.elapsed_us);
        }
        if self.press.is_some() {
            return self.press(results, held);
        }
        for result in &results {
            self.line(result)?;
        }
        self.setup.budget.release(held);
        Ok(())
    }

    /// Has results encoded, once there is room for them.
    fn press(&mut self, results: Vec<Success>, held: usize) -> Result<(), Error> {
        while self.press.as_ref().is_some_and(Press::is_full) {
            self.append()?;
        }
        if let Some(press) = &mut self.press
            && !results.is_empty()
        {
            let mut tally = Tally::default();
            for result in &results {
                tally.result(result, self.done.contains(result.index));
            }
            press.push(results, (tally, held));
        }
        Ok(())
    }

    /// Appends the oldest block that is being encoded. False if there is none.
    pub(super) fn append(&mut self) -> Result<bool, Error> {
        let Some((block, (mut tally, held))) = self.press.as_mut().and_then(Press::take) else {
            return Ok(false);
        };
        let appended = block.and_then(|block| {
            let parts = &mut self.setup.parts;
            parts.append(&block.bytes, block.records, &block.index)?;
            if let Some(press) = &self.press {
                press.encoder().appended(block);
            }
            Ok(())
        });
        self.setup.budget.release(held);
        appended?;
        self.written.absorb(&mut tally);
        self.mark = self.setup.parts.mark();
        Ok(true)
    }

    /// Takes away what an earlier run may have left of lines that are failures now.
    pub(super) fn discard(&self, places: &[Box<str>]) -> Result<(), Error> {
        let Some(press) = &self.press else {
            return Ok(());
        };
        places
            .iter()
            .try_for_each(|place| press.encoder().discard(place))
    }

    /// Writes a plain line.
    fn line(&mut self, success: &Success) -> Result<(), Error> {
        let (head, body) = success.data.split_at(success.body_at);
        let parts = &mut self.setup.parts;
        parts.buffer().extend_from_slice(head);
        let mut text = record::tail(
            success.elapsed_us,
            body,
            self.setup.json_bodies,
            parts.buffer(),
        );
        while text.next(parts.buffer()) {
            parts.piece()?;
        }
        let again = self.done.contains(success.index);
        self.buffered.result(success, again);
        if self.setup.parts.end_line()? {
            self.absorb();
        }
        Ok(())
    }

    /// Writes all that was taken.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        while self.append()? {}
        self.setup.parts.write()
    }
}
