//! Takes off one coding: the life of one compressed stream, or of several in a row.
//!
//! It unpacks only while it is asked to, into pieces of bounded size, and never beyond its limit.

use bytes::{Buf, Bytes};
use flate2::{Decompress, FlushDecompress, Status};

use super::Error;
use super::coding::Coding;

const WINDOW_BITS: u8 = 15;
/// Text unpacks to about four times its size, so one piece mostly holds what a chunk gives.
const EXPANSION: usize = 4;
const PIECE_MIN: usize = 1 << 10;
const PIECE_MAX: usize = 1 << 16;
/// How much of what is not the final body is let through beyond twice the limit of that.
const SLACK: u64 = 1 << 16;

#[derive(Debug)]
pub(super) struct Stage {
    coding: Coding,
    state: State,
    input: Bytes,
    /// The last piece was filled to the brim, so there may be more without further input.
    more: bool,
    /// What this stage may make, and the limit on the body that it stems from.
    made_max: u64,
    limit: u64,
    made: u64,
}

#[derive(Debug)]
enum State {
    /// No byte came yet.
    Start,
    /// One byte of deflate came; the second tells whether it is wrapped.
    Sniff(u8),
    Stream(Decompress),
    /// A stream has ended. The decompressor is kept for the next one.
    Ended(Decompress),
}

impl Stage {
    pub(super) const fn new(coding: Coding, limit: u64) -> Self {
        Self {
            coding,
            state: State::Start,
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
            match std::mem::replace(&mut self.state, State::Start) {
                State::Start => self.start()?,
                State::Sniff(first) => self.sniff(first)?,
                State::Stream(stream) => {
                    if piece.capacity() == 0 {
                        piece.reserve_exact(self.piece_size());
                    }
                    self.unpack(stream, &mut piece)?;
                }
                State::Ended(stream) => self.start_again(stream)?,
            }
            if !piece.is_empty() {
                return self.count(piece).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether not a single byte came.
    pub(super) const fn is_untouched(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// Whether a stream came, and the last one to its end.
    pub(super) const fn finish(&self) -> Result<(), Error> {
        match self.state {
            State::Ended(_) => Ok(()),
            State::Start | State::Sniff(_) | State::Stream(_) => Err(Error::Truncated {
                coding: self.coding.name(),
            }),
        }
    }

    fn start(&mut self) -> Result<(), Error> {
        self.state = match self.coding {
            Coding::Gzip => State::Stream(Decompress::new_gzip(WINDOW_BITS)),
            Coding::Deflate => State::Sniff(self.input.get_u8()),
        };
        Ok(())
    }

    /// Decides between a zlib wrapper and raw deflate by the two bytes that a wrapper begins with:
    /// method 8, a window size of at most 7, and together a multiple of 31. No encoder begins raw
    /// deflate like that: it would be a stored block with padding that is not zero.
    fn sniff(&mut self, first: u8) -> Result<(), Error> {
        let second = self.input[0];
        let is_wrapped = first & 0x0f == 8
            && first >> 4 <= 7
            && (u16::from(first) << 8 | u16::from(second)).is_multiple_of(31);
        let mut stream = Decompress::new(is_wrapped);
        // One byte is too little to make any output.
        stream
            .decompress(&[first], &mut [], FlushDecompress::None)
            .map_err(|why| self.malformed(&why))?;
        self.state = State::Stream(stream);
        Ok(())
    }

    /// Only gzip allows a further stream behind the first.
    fn start_again(&mut self, mut stream: Decompress) -> Result<(), Error> {
        const MAGIC: u8 = 0x1f;
        if self.coding != Coding::Gzip || self.input[0] != MAGIC {
            return Err(Error::TrailingData {
                coding: self.coding.name(),
            });
        }
        stream.reset(true);
        self.state = State::Stream(stream);
        Ok(())
    }

    fn unpack(&mut self, mut stream: Decompress, piece: &mut Vec<u8>) -> Result<(), Error> {
        let before = stream.total_in();
        let status = stream
            .decompress_vec(&self.input, piece, FlushDecompress::None)
            .map_err(|why| self.malformed(&why))?;
        let used = (stream.total_in() - before) as usize;
        let is_stuck = used == 0 && piece.is_empty() && !self.input.is_empty();
        self.input.advance(used);
        if status == Status::StreamEnd {
            self.more = false;
            self.state = State::Ended(stream);
            return Ok(());
        }
        if is_stuck {
            return Err(self.malformed(&"no progress"));
        }
        self.more = piece.len() == piece.capacity();
        self.state = State::Stream(stream);
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

    fn malformed(&self, why: &impl ToString) -> Error {
        Error::Malformed {
            coding: self.coding.name(),
            why: why.to_string(),
        }
    }
}
