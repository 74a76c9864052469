//! H6m, H6q and H6u: bodies that want too much, of bytes, of codings or of memory.
//!
//! What they would unpack to is never made.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, HeaderValue};

use super::encoders::{KINDS, SINGLE, brotli, brotli_with, gzip, zlib, zstd, zstd_stream};
use super::{Decoder, Error, PIECE_MAX, decode, decode_chunks, headers};

#[test]
fn h6m_a_body_may_fill_its_limit_and_not_exceed_it() {
    let data = vec![b'x'; 100_000];
    for (encoding, encode) in KINDS {
        let body = encode(&data);
        let limit = data.len() as u64;
        assert!(
            decode_chunks(encoding, [&body[..]], Some(limit)).is_ok(),
            "{encoding}"
        );
        let error = decode_chunks(encoding, [&body[..]], Some(limit - 1)).unwrap_err();
        assert_eq!(error, Error::TooLarge { limit: limit - 1 }, "{encoding}");
    }
    assert_eq!(
        decode_chunks("gzip", [&gzip(b"")[..]], Some(0)),
        Ok(Vec::new())
    );
    let error = decode_chunks("gzip", [&gzip(b"x")[..]], Some(0)).unwrap_err();
    assert_eq!(error, Error::TooLarge { limit: 0 });
}

/// 16 MiB of nothing but zero.
const MEMBER: u64 = 1 << 24;
/// Together 10 GiB.
const MEMBERS: usize = 640;

/// 10 GiB of zeros in two codings, as the outer one packs what the inner one repeats.
fn bombs() -> [(&'static str, Vec<u8>); 4] {
    let zeros = vec![0; MEMBER as usize];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&zeros).unwrap();
    let gzips = encoder.finish().unwrap().repeat(MEMBERS);
    let frames = zstd_stream(&zeros, 20).repeat(MEMBERS);
    [
        ("gzip, zstd", zstd(&gzips)),
        ("zstd, deflate", zlib(&frames)),
        ("zstd, br", brotli(&frames)),
        ("zstd, zstd", zstd(&frames)),
    ]
}

#[test]
fn h6m_a_bomb_goes_off_in_small_pieces_and_stops_at_the_limit() {
    let megabytes = vec![0; 8 << 20];
    let single = SINGLE.map(|kind| (KINDS[kind].0, KINDS[kind].1(&megabytes)));
    for (encoding, bomb) in single.chain(bombs()) {
        assert!(bomb.len() < 100_000, "{encoding}: {}", bomb.len());
        let mut decoder = Decoder::new(&headers(encoding), Some(1_000_000)).unwrap();
        decoder.feed(Bytes::from(bomb));
        let error = loop {
            match decoder.next_chunk() {
                Ok(piece) => assert!(piece.unwrap().len() <= PIECE_MAX),
                Err(error) => break error,
            }
        };
        assert_eq!(error, Error::TooLarge { limit: 1_000_000 }, "{encoding}");
        assert!(decoder.decoded() > 1_000_000 - PIECE_MAX as u64);
    }
}

#[test]
fn h6m_a_bomb_between_two_encodings_stops_though_it_makes_nothing() {
    // Empty members pack well, and unpack to a great many bytes of no content.
    let nothing = gzip(b"").repeat(100_000);
    let bomb = gzip(&nothing);
    assert!(bomb.len() < nothing.len() / 50);
    let error = decode_chunks("gzip, gzip", [&bomb[..]], Some(1000)).unwrap_err();
    assert_eq!(error, Error::TooLarge { limit: 1000 });
}

/// A frame of 256 times `x` that says how long it is, and needs a window of this descriptor.
fn frame(window: u8) -> Vec<u8> {
    let mut frame = b"\x28\xb5\x2f\xfd\x40_\0\0\x03\x08\0x".to_vec();
    frame[5] = window;
    frame
}

#[test]
fn h6u_a_zstd_window_beyond_8_mib_is_refused_however_it_comes() {
    let error = Error::WindowTooLarge {
        coding: "zstd",
        limit: 8 << 20,
    };
    let text = error.to_string();
    assert_eq!(
        text,
        "the zstd stream asks for a window of more than 8388608 bytes"
    );
    // Eight MiB; an eighth more; sixteen; the most that can be said.
    for (window, expected) in [
        (0x68, Ok(vec![b'x'; 256])),
        (0x69, Err(&error)),
        (0x70, Err(&error)),
        (0xff, Err(&error)),
    ] {
        let behind = [zstd(b""), frame(window)].concat();
        for (body, size) in [(frame(window), 256), (frame(window), 1), (behind, 256)] {
            let decoded = decode_chunks("zstd", body.chunks(size), None);
            assert_eq!(decoded.as_ref(), expected.as_ref().map_err(|error| *error));
        }
    }
    // Streams whose size is not announced, and one that is announced and needs no window but itself.
    let noise: Vec<_> = (0..9 << 20)
        .map(|at: u32| (at.wrapping_mul(at) >> 7) as u8)
        .collect();
    assert_eq!(
        decode("zstd", &zstd_stream(b"text", 24)),
        Err(error.clone())
    );
    assert_eq!(
        decode("zstd", &zstd_stream(&noise, 23)).as_ref(),
        Ok(&noise)
    );
    let whole = b"\x28\xb5\x2f\xfd\xa0\x01\0\x80\0";
    assert_eq!(decode("zstd", whole), Err(error));
}

#[test]
fn h6u_a_large_window_of_brotli_is_refused_however_it_comes() {
    let error = Error::WindowTooLarge {
        coding: "br",
        limit: (1 << 24) - 16,
    };
    let body = brotli_with(b"text", 25, true);
    for size in [1, body.len()] {
        assert_eq!(
            decode_chunks("br", body.chunks(size), None),
            Err(error.clone())
        );
    }
    assert_eq!(
        decode("br", &brotli_with(b"text", 24, false)).as_deref(),
        Ok(&b"text"[..])
    );
}

#[test]
fn h6q_unknown_encodings_are_refused_by_name() {
    for name in ["compress", "exi", "dcb", "dcz", "zstd;q=1", "aes128gcm"] {
        let error = Decoder::new(&headers(&format!("gzip, {name}")), None).unwrap_err();
        assert_eq!(error, Error::Unsupported(name.to_owned()));
    }
    let long = Decoder::new(&headers(&"x".repeat(5000)), None).unwrap_err();
    assert!(long.to_string().len() < 100, "{long}");
}

#[test]
fn h6q_a_tower_of_encodings_is_refused() {
    let error = Decoder::new(&headers(&["gzip"; 6].join(",")), None).unwrap_err();
    assert_eq!(error, Error::TooManyCodings { limit: 5 });
    let mut several = headers("gzip");
    several.append(CONTENT_ENCODING, HeaderValue::from_static("deflate"));
    assert!(Decoder::new(&several, None).is_ok());
}
