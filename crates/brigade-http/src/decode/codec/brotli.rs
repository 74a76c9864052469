//! Brotli, RFC 7932.
//!
//! One stream is the body: the format has no magic number, no checksum and no way to go on. What
//! it needs is its window, of at most 16 MiB; the larger ones that an extension of the format
//! allows are no content coding, and are never made room for.

use std::fmt;

use brotli_decompressor::{
    BrotliDecoderErrorCode, BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc,
};

use super::{Codec, Step};
use crate::decode::Error;

const NAME: &str = "br";
const WINDOW_MAX: u64 = (1 << 24) - 16;
/// The decompressor counts in 32 bits.
const INPUT_MAX: usize = 1 << 30;

pub(crate) struct Brotli(BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>);

impl Brotli {
    pub(crate) fn new() -> Self {
        let alloc = StandardAlloc::default();
        Self(BrotliState::new_strict(alloc, alloc, alloc))
    }

    fn error(&self) -> Error {
        let code = self.0.error_code;
        if let BrotliDecoderErrorCode::BROTLI_DECODER_ERROR_FORMAT_WINDOW_BITS = code {
            return Error::WindowTooLarge {
                coding: NAME,
                limit: WINDOW_MAX,
            };
        }
        let why = format!("{code:?}").to_ascii_lowercase().replace('_', " ");
        let why = why.trim_start_matches("brotli decoder error ");
        Error::malformed(NAME, why.to_owned())
    }
}

impl fmt::Debug for Brotli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brotli").finish_non_exhaustive()
    }
}

impl Codec for Brotli {
    fn unpack(&mut self, input: &[u8], piece: &mut Vec<u8>) -> Result<Step, Error> {
        let (mut left, mut used) = (input.len().min(INPUT_MAX), 0);
        let mut made = piece.len();
        piece.resize(piece.capacity(), 0);
        let mut room = piece.len() - made;
        let result = BrotliDecompressStream(
            &mut left,
            &mut used,
            input,
            &mut room,
            &mut made,
            piece,
            &mut 0,
            &mut self.0,
        );
        piece.truncate(made);
        if let BrotliResult::ResultFailure = result {
            return Err(self.error());
        }
        Ok(Step {
            used,
            is_end: matches!(result, BrotliResult::ResultSuccess),
        })
    }

    fn start_again(&mut self, _: u8) -> bool {
        false
    }
}
