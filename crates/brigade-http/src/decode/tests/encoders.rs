//! Bodies made by the encoders that servers use, in every coding.
//!
//! The settings are the quick ones; what they make is no simpler to unpack, only longer.

use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

/// Each kind of body that the decoder understands: its header and how to make it.
pub(super) type Kind = (&'static str, fn(&[u8]) -> Vec<u8>);

/// Those whose body is changed by one coding.
pub(super) const SINGLE: std::ops::Range<usize> = 2..10;

pub(super) const KINDS: [Kind; 15] = [
    ("identity", |data| data.to_vec()),
    ("", |data| data.to_vec()),
    ("gzip", gzip),
    ("X-GZIP", gzip),
    ("gzip", members),
    ("deflate", zlib),
    ("Deflate", raw),
    ("br", brotli),
    ("zstd", zstd),
    ("ZSTD", frames),
    ("gzip, deflate", |data| zlib(&gzip(data))),
    ("deflate , identity,gzip", |data| members(&raw(data))),
    ("br, zstd", |data| zstd(&brotli(data))),
    ("zstd,gzip,deflate,br", |data| {
        brotli(&zlib(&gzip(&frames(data))))
    }),
    ("gzip,gzip,gzip,gzip,gzip", |data| {
        (0..5).fold(data.to_vec(), |data, _| gzip(&data))
    }),
];

/// Whether damage may go unnoticed, because the format has no checksum.
pub(super) fn is_unchecked(encoding: &str) -> bool {
    matches!(encoding, "Deflate" | "br")
}

/// Whether the body is complete wherever one of its streams ends.
pub(super) fn is_divisible(encoding: &str) -> bool {
    matches!(encoding, "gzip" | "ZSTD")
}

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn raw(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn members(data: &[u8]) -> Vec<u8> {
    let [a, b, c] = thirds(data);
    [gzip(a), gzip(b), gzip(b""), gzip(c)].concat()
}

pub(super) fn brotli(data: &[u8]) -> Vec<u8> {
    brotli_with(data, 16, false)
}

/// With a window of 2 to the power of `window` bytes.
pub(super) fn brotli_with(mut data: &[u8], window: i32, large: bool) -> Vec<u8> {
    let parameters = BrotliEncoderParams {
        quality: 2,
        lgwin: window,
        large_window: large,
        ..BrotliEncoderParams::default()
    };
    let mut body = Vec::new();
    brotli::BrotliCompress(&mut data, &mut body, &parameters).unwrap();
    body
}

pub(super) fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = CCtx::create();
    encoder
        .set_parameter(CParameter::ChecksumFlag(true))
        .unwrap();
    let mut body = Vec::with_capacity(zstd_safe::compress_bound(data.len()));
    encoder.compress2(&mut body, data).unwrap();
    body
}

/// As a server streams it that does not know how much there will be, with a window of 2 to the
/// power of `window` bytes.
pub(super) fn zstd_stream(data: &[u8], window: u32) -> Vec<u8> {
    let mut encoder = CCtx::create();
    for parameter in [
        CParameter::ChecksumFlag(true),
        CParameter::WindowLog(window),
    ] {
        encoder.set_parameter(parameter).unwrap();
    }
    let mut body = Vec::with_capacity(2 * zstd_safe::compress_bound(data.len()));
    let mut output = OutBuffer::around(&mut body);
    let mut input = InBuffer::around(data);
    while input.pos < data.len() {
        encoder.compress_stream(&mut output, &mut input).unwrap();
    }
    while encoder.end_stream(&mut output).unwrap() > 0 {}
    body
}

/// Frames of all kinds: sized and streamed, of nothing, and to be skipped.
pub(super) fn frames(data: &[u8]) -> Vec<u8> {
    let [a, b, c] = thirds(data);
    let skipped = b"\x5a\x2a\x4d\x18\x05\0\0\0notes";
    let nothing_skipped = b"\x50\x2a\x4d\x18\0\0\0\0";
    [
        skipped,
        &zstd_stream(a, 17)[..],
        nothing_skipped,
        &zstd(b""),
        &zstd(b),
        &zstd_stream(b"", 23),
        &zstd(c),
        skipped,
    ]
    .concat()
}

fn thirds(data: &[u8]) -> [&[u8]; 3] {
    let (a, rest) = data.split_at(data.len() / 3);
    let (b, c) = rest.split_at(rest.len() / 2);
    [a, b, c]
}
