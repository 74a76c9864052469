//! Zstandard, RFC 8878, as a content coding, RFC 9659.
//!
//! A body is any number of frames, some of which may be skippable. It never makes room for a window
//! of more than 8 MiB, which is what every client of HTTP has to have and no more.

use std::fmt;

use zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd_safe::{DCtx, DParameter, ErrorCode, InBuffer, OutBuffer};

use super::{Codec, Step};
use crate::decode::Error;

const NAME: &str = "zstd";
const WINDOW_LOG_MAX: u32 = 23;
const WINDOW_MAX: u64 = 1 << WINDOW_LOG_MAX;

pub(crate) struct Zstd {
    frames: DCtx<'static>,
    /// No byte of the present frame came yet.
    is_at_start: bool,
}

impl Zstd {
    pub(crate) fn new() -> Self {
        let mut frames = DCtx::create();
        if let Err(code) = frames.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)) {
            unreachable!("zstd knows its limit: {}", zstd_safe::get_error_name(code));
        }
        Self {
            frames,
            is_at_start: true,
        }
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").finish_non_exhaustive()
    }
}

impl Codec for Zstd {
    fn unpack(&mut self, input: &[u8], piece: &mut Vec<u8>) -> Result<Step, Error> {
        // A small frame that is here at once is unpacked without a window, and so without a check:
        // whether it is an error would depend on how the body is cut.
        if self.is_at_start && window(input).is_some_and(|window| window > WINDOW_MAX) {
            return Err(too_large());
        }
        let mut input = InBuffer::around(input);
        let made = piece.len();
        let mut output = OutBuffer::around_pos(piece, made);
        let hint = self.frames.decompress_stream(&mut output, &mut input);
        let is_end = hint.map_err(error)? == 0;
        self.is_at_start = is_end;
        Ok(Step {
            used: input.pos,
            is_end,
        })
    }

    /// As the magic numbers of a frame and of a skippable one begin.
    fn start_again(&mut self, first: u8) -> bool {
        matches!(first, 0x28 | 0x50..=0x5f)
    }
}

/// The window that a frame says it needs, if its first bytes are there and name one.
fn window(frame: &[u8]) -> Option<u64> {
    const IS_WHOLE: u8 = 1 << 5;
    let [0x28, 0xb5, 0x2f, 0xfd, flags, window, ..] = *frame else {
        return None;
    };
    let base = 1_u64 << (10 + (window >> 3));
    (flags & IS_WHOLE == 0).then(|| base + base / 8 * u64::from(window & 7))
}

fn too_large() -> Error {
    Error::WindowTooLarge {
        coding: NAME,
        limit: WINDOW_MAX,
    }
}

fn error(code: ErrorCode) -> Error {
    let kind = ZSTD_ErrorCode::ZSTD_error_frameParameter_windowTooLarge;
    match zstd_safe::is_error_kind(code, kind) {
        true => too_large(),
        false => Error::malformed(NAME, zstd_safe::get_error_name(code).to_ascii_lowercase()),
    }
}
