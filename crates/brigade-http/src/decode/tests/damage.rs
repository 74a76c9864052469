//! H6o: bodies that are cut short, damaged, or followed by something else.
//!
//! Each is an error as far as its format can tell, and never a panic.

use bytes::Bytes;
use proptest::prelude::*;

use super::encoders::{KINDS, SINGLE, brotli, gzip, is_divisible, is_unchecked, raw, zlib, zstd};
use super::{Decoder, Error, any_data, cut, decode, decode_chunks, headers};

proptest! {
    #[test]
    fn h6o_a_body_cut_short_is_an_error(
        data in any_data(), kind in 2..KINDS.len(), at in 0.0..1.0, seed in any::<u64>(),
    ) {
        let (encoding, encode) = KINDS[kind];
        let body = encode(&data);
        // Nothing at all is complete, and brotli needs no more than a byte to say nothing.
        prop_assume!(body.len() > 1);
        let len = 1 + (at * (body.len() - 1) as f64) as usize;
        let result = decode_chunks(encoding, cut(&body[..len], &[seed as f64 / u64::MAX as f64]), None);
        // Between two members or frames a body is complete.
        let is_whole = is_divisible(encoding) && result.as_ref().is_ok_and(|got| data.starts_with(got));
        prop_assert!(
            matches!(result, Err(Error::Truncated { .. })) || is_whole, "{encoding}: {result:?}"
        );
    }

    #[test]
    fn h6o_a_damaged_body_is_an_error_or_unharmed(
        data in any_data(), kind in 2..KINDS.len(), at in 0.0..1.0, bit in 0..8_u32,
    ) {
        let (encoding, encode) = KINDS[kind];
        prop_assume!(!is_unchecked(encoding));
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
fn h6o_nothing_in_an_encoding_is_not_a_stream_of_the_next() {
    let error = decode("deflate, gzip", &gzip(b"")).unwrap_err();
    assert_eq!(error, Error::Truncated { coding: "deflate" });
}

#[test]
fn h6o_data_behind_the_end_is_an_error() {
    for (encoding, encode) in &KINDS[SINGLE] {
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
    for (encoding, encode) in [("deflate", zlib as fn(&[u8]) -> Vec<u8>), ("br", brotli)] {
        let result = decode(encoding, &encode(b"payload").repeat(2));
        assert_eq!(result, Err(Error::TrailingData { coding: encoding }));
    }
}

#[test]
fn h6o_a_wrong_checksum_or_length_is_an_error() {
    for (encoding, encode, from_end) in [
        ("gzip", gzip as fn(&[u8]) -> Vec<u8>, 8),
        ("gzip", gzip, 4),
        ("deflate", zlib, 4),
        ("zstd", zstd, 4),
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
    for (encoding, says) in [
        ("deflate", "not valid deflate: "),
        ("br", "not valid br: format "),
        ("zstd", "not valid zstd: unknown frame descriptor"),
    ] {
        let error = decode(encoding, &gzip(b"payload")).unwrap_err();
        assert!(error.to_string().starts_with(says), "{error}");
    }
}

#[test]
fn h6o_a_frame_that_needs_a_dictionary_is_an_error() {
    // One byte names the dictionary, one the size.
    let error = decode("zstd", b"\x28\xb5\x2f\xfd\x21\x07\x01\x09\0\0x").unwrap_err();
    assert_eq!(error.to_string(), "not valid zstd: dictionary mismatch");
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
