//! Compresses a block into memory.
//!
//! The levels are those that the tools have by themselves: they are what people expect of a file,
//! and higher ones cost more time than a fetch takes.

use std::io::Write;

use flate2::write::GzEncoder;
use zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

use super::kind::Compression;

/// Room that the output grows by.
const ROOM: usize = 64 * 1024;
/// The level of Zstandard, from 1 to 22.
const ZSTD_LEVEL: i32 = 3;
/// The logarithm of the window of Zstandard in bytes, 1 MiB: a reader needs as much memory.
const ZSTD_WINDOW_LOG: u32 = 20;

pub(super) enum Compressor {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zstd(Box<CCtx<'static>>, Vec<u8>),
}

impl Compressor {
    pub(super) fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Plain(Vec::new()),
            Compression::Gzip => {
                let level = flate2::Compression::default();
                Self::Gzip(Box::new(GzEncoder::new(Vec::new(), level)))
            }
            Compression::Zstd => {
                let mut context = CCtx::create();
                let settings = [
                    CParameter::CompressionLevel(ZSTD_LEVEL),
                    CParameter::WindowLog(ZSTD_WINDOW_LOG),
                    CParameter::ChecksumFlag(true),
                ];
                for setting in settings {
                    // Constants within their bounds are never refused.
                    let _ = context.set_parameter(setting);
                }
                Self::Zstd(Box::new(context), Vec::new())
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        match self {
            Self::Plain(out) => out.extend_from_slice(bytes),
            // Writing to a Vec cannot fail.
            Self::Gzip(encoder) => _ = encoder.write_all(bytes),
            Self::Zstd(context, out) => {
                zstd(context, bytes, out, ZSTD_EndDirective::ZSTD_e_continue);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Plain(out) => out,
            Self::Gzip(encoder) => encoder.finish().unwrap_or_default(),
            Self::Zstd(mut context, mut out) => {
                zstd(&mut context, &[], &mut out, ZSTD_EndDirective::ZSTD_e_end);
                out
            }
        }
    }
}

/// Feeds `bytes` and takes what comes, until all is fed, or ended.
fn zstd(context: &mut CCtx<'_>, bytes: &[u8], out: &mut Vec<u8>, end: ZSTD_EndDirective) {
    let mut input = InBuffer::around(bytes);
    loop {
        out.reserve(ROOM);
        let at = out.len();
        let mut output = OutBuffer::around_pos(out, at);
        let left = context.compress_stream2(&mut output, &mut input, end);
        let ended = match end {
            ZSTD_EndDirective::ZSTD_e_end => left == Ok(0),
            _ => input.pos() == bytes.len(),
        };
        if ended || left.is_err() {
            debug_assert!(left.is_ok(), "zstd: {left:?}");
            return;
        }
    }
}
