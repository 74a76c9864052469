//! What unpacks one coding: a decompressor behind one small face, whoever wrote it.
//!
//! Every library has a shape of its own for bytes in and bytes out. Behind [`Codec`] they are
//! alike, so what counts, limits and ends a body is written once, in `Stage`. A codec holds the
//! window of its format and nothing else: it never keeps input, makes no more than there is room
//! for, and knows nothing of limits.

#[cfg(feature = "brotli")]
mod brotli;
mod inflate;
#[cfg(feature = "zstd")]
mod zstd;

use std::fmt;

use super::Error;

#[cfg(feature = "brotli")]
pub(super) use brotli::Brotli;
pub(super) use inflate::{Deflate, Gzip};
#[cfg(feature = "zstd")]
pub(super) use zstd::Zstd;

/// Unpacks the streams of one coding, one after the other.
pub(super) trait Codec: fmt::Debug + Send + Sync {
    /// Takes bytes of the stream from the input, and adds what they give to `piece` until its
    /// capacity is full.
    ///
    /// It is called again without further input if the piece was filled, as there may be more.
    fn unpack(&mut self, input: &[u8], piece: &mut Vec<u8>) -> Result<Step, Error>;

    /// Gets ready for a further stream behind one that has ended, if the format allows one and
    /// it may begin with this byte; says whether.
    fn start_again(&mut self, first: u8) -> bool;
}

/// What a codec did with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// How many bytes of the input are used up.
    pub(super) used: usize,
    /// Whether the stream has ended behind them.
    pub(super) is_end: bool,
}
