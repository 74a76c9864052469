//! Compressed lists, whole and broken.

use std::io::{self, Cursor, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

use crate::input::unpack::{Packing, Unpacked, packing};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &[u8], window: Option<u32>) -> Vec<u8> {
    let mut context = CCtx::create();
    if let Some(log) = window {
        context.set_parameter(CParameter::WindowLog(log)).unwrap();
        context
            .set_parameter(CParameter::EnableLongDistanceMatching(true))
            .unwrap();
    }
    let mut out = Vec::with_capacity(2 * zstd_safe::compress_bound(text.len()));
    let mut output = OutBuffer::around(&mut out);
    context
        .compress_stream(&mut output, &mut InBuffer::around(text))
        .unwrap();
    assert_eq!(context.end_stream(&mut output).unwrap(), 0);
    out
}

/// Reads of at most so many bytes, as a pipe gives them.
struct Pieces(Cursor<Vec<u8>>, usize);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// What was read until the end or an error.
fn unpacked(bytes: &[u8], piece: usize) -> (Vec<u8>, Result<(), String>) {
    let mut stream = Unpacked::new(Box::new(Pieces(Cursor::new(bytes.to_vec()), piece)));
    let mut read = Vec::new();
    let mut block = [0; 1000];
    loop {
        match stream.read(&mut block) {
            Ok(0) => return (read, Ok(())),
            Ok(count) => read.extend_from_slice(&block[..count]),
            Err(error) => return (read, Err(error.to_string())),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn f9e_members_and_frames_are_one_list_however_they_come(
        texts in prop::collection::vec("[a-z\n]{0,3000}", 1..4), piece in 1usize..2000,
    ) {
        let whole = texts.concat().into_bytes();
        let members: Vec<_> = texts.iter().flat_map(|text| gzip(text.as_bytes())).collect();
        let frames: Vec<_> = texts.iter().flat_map(|text| zstd(text.as_bytes(), None)).collect();
        for packed in [members, frames, whole.clone()] {
            prop_assert_eq!(unpacked(&packed, piece), (whole.clone(), Ok(())));
        }
    }

    #[test]
    fn f9e_of_a_list_that_breaks_off_only_what_was_there_is_read(
        text in "[a-z\n]{1,5000}", at in 0usize..10_000, piece in 1usize..2000,
    ) {
        for (name, packed) in [("gzip", gzip(text.as_bytes())), ("zstd", zstd(text.as_bytes(), None))] {
            // A cut within the mark is no compressed list any more.
            let cut = 4 + at % (packed.len() - 4);
            let (read, result) = unpacked(&packed[..cut], piece);
            prop_assert!(text.as_bytes().starts_with(&read));
            let error = result.unwrap_err();
            prop_assert_eq!(error, format!("its {name} data breaks off at byte {cut}"));
        }
    }
}

#[test]
fn f9e_damage_is_found_and_says_where() {
    let text = b"http://a.test/\n".repeat(20_000);
    for (name, mut packed) in [("gzip", gzip(&text)), ("zstd", zstd(&text, None))] {
        let middle = packed.len() / 2;
        packed[middle] ^= 0x55;
        packed[middle + 1] ^= 0xff;
        let (_, result) = unpacked(&packed, 4096);
        let error = result.unwrap_err();
        assert!(error.starts_with(&format!("its {name} data ")), "{error}");
        assert!(
            error.contains("at byte") || error.contains("near byte"),
            "{error}"
        );
        packed[middle] ^= 0x55;
        packed[middle + 1] ^= 0xff;
        packed.extend_from_slice(b"garbage behind it");
        let (read, result) = unpacked(&packed, 4096);
        assert!(read == text, "{name}: what came before it is whole");
        assert!(result.is_err(), "{name}");
    }
}

#[test]
fn f9e_a_window_that_takes_much_memory_is_refused_and_the_usual_ones_are_not() {
    let text = b"http://a.test/\n".repeat(1000);
    assert_eq!(unpacked(&zstd(&text, Some(23)), 100).1, Ok(()));
    let error = unpacked(&zstd(&text, Some(24)), 100).1.unwrap_err();
    assert!(error.contains("a window of more than 8 MiB"), "{error}");
    assert!(error.contains("zstd -dc --long=31 LIST"), "{error}");
}

#[test]
fn f9e_a_list_is_told_by_its_first_bytes() {
    assert_eq!(packing(&gzip(b"x")), Some(Packing::Gzip));
    assert_eq!(packing(&zstd(b"x", None)), Some(Packing::Zstd));
    let empty_frame = [&b"\x5e\x2a\x4d\x18\x02\0\0\0no"[..], &zstd(b"x", None)].concat();
    assert_eq!(unpacked(&empty_frame, 3), (b"x".to_vec(), Ok(())));
    for plain in ["", "\u{1f}", "Pages", "http://a/", "BZ", "(\u{b5}", "^*M"] {
        assert_eq!(packing(plain.as_bytes()), None, "{plain:?}");
        assert_eq!(unpacked(plain.as_bytes(), 2).0, plain.as_bytes());
    }
    let (_, refused) = unpacked(b"\xfd7zXZ\0...", 2);
    assert!(
        refused
            .unwrap_err()
            .contains("'xz -dc LIST | brigade fetch -i - ...'")
    );
}
