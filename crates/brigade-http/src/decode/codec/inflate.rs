//! gzip and deflate, which are one compression in different wrappers.
//!
//! What the header calls deflate is twofold: RFC 9110 means the zlib wrapper, and some servers send
//! none. Nothing is guessed from more than the two bytes that a wrapper begins with.

use flate2::{Decompress, FlushDecompress, Status};

use super::{Codec, Step};
use crate::decode::Error;

const WINDOW_BITS: u8 = 15;

/// RFC 1952: any number of members.
#[derive(Debug)]
pub(crate) struct Gzip(Decompress);

impl Gzip {
    pub(crate) fn new() -> Self {
        Self(Decompress::new_gzip(WINDOW_BITS))
    }
}

impl Codec for Gzip {
    fn unpack(&mut self, input: &[u8], piece: &mut Vec<u8>) -> Result<Step, Error> {
        inflate(&mut self.0, input, piece).map_err(|why| Error::malformed("gzip", why))
    }

    fn start_again(&mut self, first: u8) -> bool {
        const MAGIC: u8 = 0x1f;
        self.0.reset(true);
        first == MAGIC
    }
}

/// RFC 1950, or RFC 1951 alone.
#[derive(Debug)]
pub(crate) enum Deflate {
    /// No byte came yet.
    Start,
    /// One byte came; the second tells whether there is a wrapper.
    Sniff(u8),
    Stream(Decompress),
}

impl Codec for Deflate {
    fn unpack(&mut self, input: &[u8], piece: &mut Vec<u8>) -> Result<Step, Error> {
        let malformed = |why| Error::malformed("deflate", why);
        match (&mut *self, input) {
            (Self::Start, [first, ..]) => {
                *self = Self::Sniff(*first);
                Ok(Step {
                    used: 1,
                    is_end: false,
                })
            }
            (Self::Sniff(first), [second, ..]) => {
                let mut stream = Decompress::new(is_wrapped(*first, *second));
                // One byte is too little to make any output.
                let begun = stream.decompress(&[*first], &mut [], FlushDecompress::None);
                begun.map_err(|why| malformed(why.to_string()))?;
                *self = Self::Stream(stream);
                self.unpack(input, piece)
            }
            (Self::Stream(stream), _) => inflate(stream, input, piece).map_err(malformed),
            (Self::Start | Self::Sniff(_), []) => Ok(Step {
                used: 0,
                is_end: false,
            }),
        }
    }

    fn start_again(&mut self, _: u8) -> bool {
        false
    }
}

/// Decides between a zlib wrapper and raw deflate by the two bytes that a wrapper begins with:
/// method 8, a window size of at most 7, and together a multiple of 31. No encoder begins raw
/// deflate like that: it would be a stored block with padding that is not zero.
fn is_wrapped(first: u8, second: u8) -> bool {
    first & 0x0f == 8
        && first >> 4 <= 7
        && (u16::from(first) << 8 | u16::from(second)).is_multiple_of(31)
}

fn inflate(stream: &mut Decompress, input: &[u8], piece: &mut Vec<u8>) -> Result<Step, String> {
    let before = stream.total_in();
    let status = stream
        .decompress_vec(input, piece, FlushDecompress::None)
        .map_err(|why| why.to_string())?;
    Ok(Step {
        used: (stream.total_in() - before) as usize,
        is_end: status == Status::StreamEnd,
    })
}
