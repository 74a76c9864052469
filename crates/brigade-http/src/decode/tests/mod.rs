//! The decoder against the encoders that servers use, in any cutting, and against bodies that lie.
//!
//! * `encoders`: bodies of every kind.
//! * `damage`: bodies that are not what they should be.
//! * `limits`: bodies that want too much.

mod damage;
mod encoders;
mod limits;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};
use proptest::prelude::*;

use super::{ACCEPT_ENCODING, Decoder, Error};
use encoders::{KINDS, gzip};

const PIECE_MAX: usize = 1 << 16;

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
fn h6h_every_coding_that_is_asked_for_is_understood() {
    assert_eq!(ACCEPT_ENCODING, "gzip, deflate, br, zstd");
    for name in ACCEPT_ENCODING.split(", ") {
        let decoder = Decoder::new(&headers(name), None).unwrap();
        assert!(!decoder.is_identity(), "{name}");
    }
}
