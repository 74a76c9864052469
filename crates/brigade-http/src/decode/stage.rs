//! Takes off one coding: the life of one compressed stream, or of several in a row.
//!
//! It unpacks only while it is asked to, into pieces of bounded size, and never beyond its limit.

use bytes::{Buf, Bytes};

use super::Error;
use super::codec::Codec;
use super::coding::Coding;

/// Text unpacks to about four times its size, so one piece mostly holds what a chunk gives.
const EXPANSION: usize = 4;
const PIECE_MIN: usize = 1 << 10;
const PIECE_MAX: usize = 1 << 16;
/// How much of what is not the final body is let through beyond twice the limit of that.
const SLACK: u64 = 1 << 16;

#[derive(Debug)]
pub(super) struct Stage {
    coding: Coding,
    /// Made for the first byte, so that a body of none costs nothing.
    codec: Option<Box<dyn Codec>>,
    /// The codec is behind the end of a stream, and no byte came since.
    ended: bool,
    input: Bytes,
    /// The last piece was filled to the brim, so there may be more without further input.
    more: bool,
    /// What this stage may make, and the limit on the body that it stems from.
    made_max: u64,
    limit: u64,
    made: u64,
}

impl Stage {
    pub(super) const fn new(coding: Coding, limit: u64) -> Self {
        Self {
            coding,
            codec: None,
            ended: false,
            input: Bytes::new(),
            more: false,
            made_max: limit,
            limit,
            made: 0,
        }
    }

    /// Lets more through, because what this stage makes is not the body yet.
    pub(super) const fn widen(&mut self) {
        self.made_max = self.limit.saturating_mul(2).saturating_add(SLACK);
    }

    /// Where the next chunk goes once the last one is used up.
    pub(super) const fn input(&mut self) -> &mut Bytes {
        &mut self.input
    }

    /// The next piece, or `None` if more input is needed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let mut piece = Vec::new();
        while self.more || !self.input.is_empty() {
            if piece.capacity() == 0 {
                piece.reserve_exact(self.piece_size());
            }
            self.unpack(&mut piece)?;
            if !piece.is_empty() {
                return self.count(piece).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether not a single byte came.
    pub(super) const fn is_untouched(&self) -> bool {
        self.codec.is_none()
    }

    /// Whether a stream came, and the last one to its end.
    pub(super) const fn finish(&self) -> Result<(), Error> {
        match self.ended {
            true => Ok(()),
            false => Err(Error::Truncated {
                coding: self.coding.name(),
            }),
        }
    }

    fn unpack(&mut self, piece: &mut Vec<u8>) -> Result<(), Error> {
        let codec = self.codec.get_or_insert_with(|| self.coding.codec());
        if self.ended && !codec.start_again(self.input[0]) {
            return Err(Error::TrailingData {
                coding: self.coding.name(),
            });
        }
        let step = codec.unpack(&self.input, piece)?;
        let is_idle = step.used == 0 && piece.is_empty() && !self.input.is_empty();
        // A stream may turn out to have ended before, but not one that begins here.
        if is_idle && (self.ended || !step.is_end) {
            let why = "no progress".to_owned();
            return Err(Error::malformed(self.coding.name(), why));
        }
        self.input.advance(step.used);
        self.ended = step.is_end;
        self.more = !step.is_end && piece.len() == piece.capacity();
        Ok(())
    }

    /// Room for what the input at hand probably gives, and for no more than one byte beyond the
    /// limit, which is enough to know.
    fn piece_size(&self) -> usize {
        let left = self.made_max.saturating_sub(self.made).saturating_add(1);
        let likely = self.input.len().saturating_mul(EXPANSION);
        likely
            .clamp(PIECE_MIN, PIECE_MAX)
            .min(usize::try_from(left).unwrap_or(PIECE_MAX))
    }

    fn count(&mut self, piece: Vec<u8>) -> Result<Bytes, Error> {
        self.made = self.made.saturating_add(piece.len() as u64);
        if self.made > self.made_max {
            return Err(Error::TooLarge { limit: self.limit });
        }
        Ok(piece.into())
    }
}
