//! The decoder against bytes that are cut anyhow, and bytes that mean nothing.

use brigade_testkit::websocket::{frame, kind};
use bytes::Bytes;
use proptest::prelude::*;

use super::decoder::{Decoder, Event, Limits};
use super::frame::{Opcode, mask};
use super::outbox::Outbox;
use super::violation::Violation;

const LIMITS: Limits = Limits {
    frame: 300_000,
    message: 400_000,
};

type Heard = (Vec<Event>, Option<Violation>);

/// What a decoder makes of these parts.
fn hear<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Heard {
    let mut decoder = Decoder::new(LIMITS);
    let mut events = Vec::new();
    for mut part in parts {
        loop {
            match decoder.decode(&mut part) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
        assert!(part.is_empty(), "all of it was taken");
    }
    (events, None)
}

/// The bytes, cut after the numbers of bytes that are given in turn.
fn cut<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut left = bytes;
    for length in lengths.iter().cycle() {
        let (part, rest) = left.split_at((*length).min(left.len()));
        parts.push(part);
        left = rest;
        if left.is_empty() {
            break;
        }
    }
    parts
}

/// Frames that are mostly lawful, in an order that mostly is.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..200),
        4 => "\\PC{0,60}".prop_map(String::into_bytes),
        1 => (65_530usize..65_540).prop_map(|length| vec![b'x'; length]),
    ];
    let first = prop_oneof![
        Just(kind::TEXT),
        Just(kind::BINARY),
        Just(kind::PING),
        Just(kind::PONG),
        Just(kind::TEXT & 0x7f),
        Just(kind::CONTINUATION & 0x7f),
        Just(kind::CONTINUATION),
    ];
    let one = (first, payload).prop_map(|(first, payload)| frame(first, payload));
    proptest::collection::vec(one, 1..8).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn h15g_however_bytes_are_cut_they_mean_the_same(
        bytes in frames(),
        lengths in proptest::collection::vec(1usize..40, 1..6),
    ) {
        prop_assert_eq!(hear(cut(&bytes, &lengths)), hear([&*bytes]));
    }

    #[test]
    fn h15t_bytes_that_mean_nothing_are_told_from_those_that_do(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        lengths in proptest::collection::vec(1usize..40, 1..6),
    ) {
        prop_assert_eq!(hear(cut(&bytes, &lengths)), hear([&*bytes]));
    }

    #[test]
    fn h15s_a_mask_goes_over_every_byte_wherever_it_begins(
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        key in any::<[u8; 4]>(),
        at in 0usize..100,
    ) {
        let mut masked = bytes.clone();
        mask(&mut masked, key, at);
        for (place, (masked, plain)) in masked.iter().zip(&bytes).enumerate() {
            prop_assert_eq!(*masked, plain ^ key[(at + place) % 4]);
        }
    }
}

#[test]
fn h15n_the_last_word_follows_an_empty_message() {
    let mut outbox = Outbox::default();
    outbox.pong(b"ping".to_vec());
    assert_eq!(outbox.chunk().unwrap().len(), 10);
    // The message is begun while a part of the pong is not written.
    outbox.advance(1);
    outbox.begin(Opcode::Binary, Bytes::new()).unwrap();
    assert_eq!(outbox.chunk().unwrap().len(), 9 + 6);
    outbox.close(vec![0x03, 0xe8]);
    outbox.advance(9 + 6);
    assert_eq!(outbox.chunk().unwrap().len(), 8);
}

#[test]
fn h15j_nothing_is_kept_that_is_only_announced() {
    let mut head: &[u8] = &[kind::BINARY, 127, 0, 0, 0, 0, 0, 4, 0x93, 0xe0];
    assert_eq!(hear([head]), (vec![], None), "300,000 bytes are allowed");
    let mut decoder = Decoder::new(LIMITS);
    assert_eq!(decoder.decode(&mut head), Ok(None));
    assert!(decoder.room() < 128 * 1024, "{}", decoder.room());
}
