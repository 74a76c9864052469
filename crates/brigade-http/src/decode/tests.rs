//! The decoder against flate2's encoders, in any cutting, and against bodies that lie.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};
use proptest::prelude::*;

use super::{Decoder, Error};

const PIECE_MAX: usize = 1 << 16;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn members(data: &[u8]) -> Vec<u8> {
    let (a, rest) = data.split_at(data.len() / 3);
    let (b, c) = rest.split_at(rest.len() / 2);
    [gzip(a), gzip(b), gzip(b""), gzip(c)].concat()
}

fn headers(encoding: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_str(encoding).unwrap());
    headers
}

/// Decodes a body that arrives in these chunks; counts the pieces' sizes.
fn decode_chunks<'a>(
    encoding: &str,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    limit: Option<u64>,
) -> Result<Vec<u8>, Error> {
    let mut decoder = Decoder::new(&headers(encoding), limit)?;
    let mut body = Vec::new();
    for chunk in chunks {
        decoder.feed(Bytes::copy_from_slice(chunk));
        while let Some(piece) = decoder.next_chunk()? {
            assert!(!piece.is_empty());
            assert!(decoder.is_identity() || piece.len() <= PIECE_MAX);
            body.extend_from_slice(&piece);
            assert_eq!(decoder.decoded(), body.len() as u64);
        }
    }
    decoder.finish()?;
    Ok(body)
}

fn decode(encoding: &str, body: &[u8]) -> Result<Vec<u8>, Error> {
    decode_chunks(encoding, [body], None)
}

/// Each kind of body that the decoder understands: its header and how to make it.
type Kind = (&'static str, fn(&[u8]) -> Vec<u8>);

const KINDS: [Kind; 10] = [
    ("identity", |data| data.to_vec()),
    ("", |data| data.to_vec()),
    ("gzip", gzip),
    ("X-GZIP", gzip),
    ("gzip", members),
    ("deflate", zlib),
    ("Deflate", raw),
    ("gzip, deflate", |data| zlib(&gzip(data))),
    ("deflate , identity,gzip", |data| members(&raw(data))),
    ("gzip,gzip,gzip,gzip,gzip", |data| {
        (0..5).fold(data.to_vec(), |data, _| gzip(&data))
    }),
];

/// Words, noise and runs: what compresses well, not at all, and extremely.
fn any_data() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..300),
        "[a-e ]{0,300}".prop_map(String::into_bytes),
        (any::<u8>(), 0_usize..70_000).prop_map(|(byte, len)| vec![byte; len]),
    ];
    proptest::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

/// Cuts the body where the fractions say.
fn cut<'a>(body: &'a [u8], at: &[f64]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = at
        .iter()
        .map(|at| (at * body.len() as f64) as usize)
        .collect();
    at.sort_unstable();
    let (mut chunks, mut from) = (Vec::new(), 0);
    for to in at {
        chunks.push(&body[from..to]);
        from = to;
    }
    chunks.push(&body[from..]);
    chunks
}

proptest! {
    #[test]
    fn h6n_any_cutting_of_any_encoding_gives_the_same_bytes(
        data in any_data(), kind in 0..KINDS.len(), at in proptest::collection::vec(0.0..1.0, 0..20),
    ) {
        let (encoding, encode) = KINDS[kind];
        let body = encode(&data);
        let decoded = decode_chunks(encoding, cut(&body, &at), Some(data.len() as u64));
        prop_assert!(decoded.as_deref() == Ok(&data[..]), "{encoding}");
    }

    #[test]
    fn h6o_a_body_cut_short_is_an_error(
        data in any_data(), kind in 2..KINDS.len(), at in 0.0..1.0, seed in any::<u64>(),
    ) {
        let (encoding, encode) = KINDS[kind];
        let body = encode(&data);
        let len = 1 + (at * (body.len() - 1) as f64) as usize;
        let result = decode_chunks(encoding, cut(&body[..len], &[seed as f64 / u64::MAX as f64]), None);
        // Between two members a body is complete.
        let is_whole = encoding == "gzip" && result.as_ref().is_ok_and(|got| data.starts_with(got));
        prop_assert!(
            matches!(result, Err(Error::Truncated { .. })) || is_whole, "{encoding}: {result:?}"
        );
    }

    #[test]
    fn h6o_a_damaged_body_is_an_error_or_unharmed(
        data in any_data(), kind in 2..KINDS.len(), at in 0.0..1.0, bit in 0..8_u32,
    ) {
        // Raw deflate has no checksum, so damage may go unnoticed there.
        let (encoding, encode) = KINDS[kind];
        prop_assume!(encoding != "Deflate");
        let mut body = encode(&data);
        let place = (at * body.len() as f64) as usize;
        body[place] ^= 1_u8 << bit;
        if let Ok(got) = decode(encoding, &body) {
            prop_assert!(got == data, "{encoding} at {place}");
        }
    }

    #[test]
    fn h6o_noise_ends_in_a_result(
        noise in proptest::collection::vec(any::<u8>(), 0..2000), kind in 0..KINDS.len(),
        at in proptest::collection::vec(0.0..1.0, 0..5),
    ) {
        let _ = decode_chunks(KINDS[kind].0, cut(&noise, &at), Some(1 << 20));
    }
}

#[test]
fn h6n_a_body_may_arrive_byte_by_byte() {
    let data = b"brigade ".repeat(50);
    for (encoding, encode) in KINDS {
        let body = encode(&data);
        let decoded = decode_chunks(encoding, body.chunks(1), None);
        assert_eq!(decoded.as_deref(), Ok(&data[..]), "{encoding}");
    }
}

#[test]
fn h6n_identity_hands_the_chunk_through_without_a_copy() {
    let mut decoder = Decoder::new(&HeaderMap::new(), None).unwrap();
    let chunk = Bytes::from_static(b"the same bytes");
    decoder.feed(chunk.clone());
    let piece = decoder.next_chunk().unwrap().unwrap();
    assert_eq!(piece.as_ptr(), chunk.as_ptr());
    assert_eq!(decoder.next_chunk(), Ok(None));
}

#[test]
fn h6n_an_empty_body_is_complete_in_every_encoding() {
    for (encoding, _) in KINDS {
        assert_eq!(
            decode_chunks(encoding, [], None),
            Ok(Vec::new()),
            "{encoding}"
        );
        assert_eq!(decode(encoding, b""), Ok(Vec::new()), "{encoding}");
    }
}

#[test]
fn h6n_a_gzip_header_with_all_its_fields_is_skipped() {
    let plain = gzip(b"payload");
    let mut body =
        b"\x1f\x8b\x08\x1c\x01\x02\x03\x04\x00\x03\x05\x00extraname\0a comment\0".to_vec();
    body.extend_from_slice(&plain[10..]);
    for size in [1, 7, body.len()] {
        let decoded = decode_chunks("gzip", body.chunks(size), None);
        assert_eq!(decoded.as_deref(), Ok(&b"payload"[..]));
    }
}

#[test]
fn h6o_nothing_in_an_encoding_is_not_a_stream_of_the_next() {
    let error = decode("deflate, gzip", &gzip(b"")).unwrap_err();
    assert_eq!(error, Error::Truncated { coding: "deflate" });
}

#[test]
fn h6o_data_behind_the_end_is_an_error() {
    for (encoding, encode) in &KINDS[2..7] {
        for garbage in [&b"garbage"[..], b"\0", b"\0\0\0\0", b"\n"] {
            let mut body = encode(b"payload");
            body.extend_from_slice(garbage);
            let result = decode(encoding, &body);
            assert!(
                matches!(result, Err(Error::TrailingData { .. })),
                "{encoding}: {result:?}"
            );
            let result = decode_chunks(encoding, body.chunks(1), None);
            assert!(
                matches!(result, Err(Error::TrailingData { .. })),
                "{encoding}: {result:?}"
            );
        }
    }
    let twice = [zlib(b"payload"), zlib(b"payload")].concat();
    let result = decode("deflate", &twice);
    assert!(
        matches!(result, Err(Error::TrailingData { .. })),
        "{result:?}"
    );
}

#[test]
fn h6o_a_wrong_checksum_or_length_is_an_error() {
    for (encoding, encode, from_end) in [
        ("gzip", gzip as fn(&[u8]) -> Vec<u8>, 8),
        ("gzip", gzip, 4),
        ("deflate", zlib, 4),
    ] {
        let mut body = encode(b"payload");
        let at = body.len() - from_end;
        body[at] ^= 1;
        let error = decode(encoding, &body).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }
}

#[test]
fn h6o_a_body_that_is_not_what_its_header_says_is_an_error() {
    for body in [&b"<!doctype html>"[..], b"{}", &zlib(b"x"), &raw(b"x")] {
        let error = decode("gzip", body).unwrap_err();
        assert!(error.to_string().starts_with("not valid gzip: "), "{error}");
    }
    let error = decode("deflate", &gzip(b"payload")).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
}

#[test]
fn h6o_an_error_is_final() {
    let mut decoder = Decoder::new(&headers("gzip"), None).unwrap();
    decoder.feed(Bytes::from_static(b"nonsense"));
    let error = decoder.next_chunk().unwrap_err();
    decoder.feed(Bytes::new());
    assert_eq!(decoder.next_chunk(), Err(error.clone()));
    assert_eq!(decoder.finish(), Err(error));
}

#[test]
fn h6q_unknown_encodings_are_refused_by_name() {
    for name in ["br", "zstd", "compress", "gzip;q=1", "aes128gcm"] {
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

#[test]
fn h6m_a_bomb_goes_off_in_small_pieces_and_stops_at_the_limit() {
    let megabyte = vec![0; 1 << 20];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..8 {
        encoder.write_all(&megabyte).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 20_000);
    let mut decoder = Decoder::new(&headers("gzip"), Some(1_000_000)).unwrap();
    decoder.feed(Bytes::from(bomb));
    let error = loop {
        match decoder.next_chunk() {
            Ok(piece) => assert!(piece.unwrap().len() <= PIECE_MAX),
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::TooLarge { limit: 1_000_000 });
    assert!(decoder.decoded() > 1_000_000 - PIECE_MAX as u64);
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
