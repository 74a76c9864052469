//! The way of results into the parts: as lines through the writer's buffer, or as blocks that were
//! encoded beside it.
//!
//! What is said of a result is tallied only once its bytes are written, so a failed write costs
//! nothing that lies on disk in whole.

use super::press::Press;
use super::tally::Tally;
use super::writer::Writer;
use crate::error::Error;
use crate::record::{self, Success};

impl Writer {
    /// Takes the results of a batch, in their order.
    pub(super) fn results(&mut self, results: Vec<Success>) -> Result<(), Error> {
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
            parts.append(&block.bytes, block.records, &block.index)
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
