//! What the bytes mean, how they are cut, and how many there may be.
//!
//! The table holds the cases of the Web Platform Tests for event streams, told anew.

use std::time::Duration;

use proptest::prelude::*;

use super::{LIMIT, Parser, Seen, TooLarge, cut, parse, stream};

const BOM: &str = "\u{FEFF}";

/// Whole, byte by byte, and halved everywhere, `bytes` are these messages.
fn check(bytes: impl AsRef<[u8]>, expected: &[&str]) {
    let bytes = bytes.as_ref();
    let halves = (0..=bytes.len()).map(|at| vec![&bytes[..at], &bytes[at..]]);
    let single = bytes.chunks(1).collect();
    for chunks in halves.chain([single]) {
        let (seen, error) = parse(LIMIT, chunks.clone());
        let data: Vec<_> = seen.iter().map(|(_, data, _)| data.as_str()).collect();
        assert_eq!(data, expected, "{chunks:?}");
        assert_eq!(error, None);
    }
}

#[test]
fn h14a_lines_end_with_lf_crlf_or_cr() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("data:a{end}data:b{end}{end}data:c{end}{end}");
        check(text, &["a\nb", "c"]);
    }
    check("data:test\r\ndata\ndata:test\r\n\r", &["test\n\ntest"]);
    check("data:a\r\r\ndata:b\n\r\n", &["a", "b"]);
    check("data:a\n\rdata:b\r\n\n", &["a", "b"]);
}

#[test]
fn h14a_a_byte_order_mark_is_one_at_the_start_only() {
    check(
        format!("{BOM}data:1\n\n{BOM}data:2\n\ndata:3\n\n"),
        &["1", "3"],
    );
    check(format!("{BOM}{BOM}data:1\n\ndata:2\n\ndata:3"), &["2"]);
    check(format!("{BOM}\ndata:{BOM}1\n\n"), &["\u{FEFF}1"]);
    check("\u{EF}data:1\n\ndata:2\n\n", &["2"]);
}

#[test]
fn h14a_comments_and_unknown_fields_say_nothing() {
    let long = "x".repeat(300);
    let text =
        format!("data:1\r:\0\n:\r\ndata:2\n:{long}\rdata:3\n:data:fail\r:{long}\ndata:4\n\n");
    check(text, &["1\n2\n3\n4"]);
    check(
        "data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n",
        &["test\n\ntest"],
    );
    check(": heartbeat\n\n:\n\n", &[]);
}

#[test]
fn h14a_fields_are_named_exactly_and_lose_one_space() {
    check(
        "data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n \
         data:32\ndata:4\n\n",
        &["\0\n 2\n1\n3\n\n4"],
    );
    check("data:\ttest\rdata: \ndata:test\n\n", &["\ttest\n\ntest"]);
    check("data:a:b: c\n\n", &["a:b: c"]);
    check("data: {\"a\": 1}\n\n", &["{\"a\": 1}"]);
}

#[test]
fn h14a_an_event_has_data_if_only_empty_and_an_end() {
    check("data:\n\ndata\ndata\n\ndata:test\n\n", &["", "\n", "test"]);
    check("\n\nevent:x\n\nid:7\n\n", &[]);
    check("data:\0\n\n\n\n", &["\0"]);
    check("data:1\n\ndata:2\n", &["1"]);
    check("data:1\n\ndata:2", &["1"]);
}

#[test]
fn h14a_the_kind_is_that_of_the_event_alone() {
    let text = "event:test\ndata:x\n\ndata:x\n\nevent: \ndata:x\n\nevent:a\nevent:b\ndata:x\n\n";
    let (seen, _) = parse(LIMIT, [text.as_bytes()]);
    let kinds: Vec<_> = seen.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds, ["test", "message", "message", "b"]);
    let (seen, _) = parse(LIMIT, [&b"event:lost\n\ndata:x\n\n"[..]]);
    assert_eq!(seen[0].0, "message", "a block without data leaves nothing");
}

#[test]
fn h14a_an_id_lasts_until_the_next_and_counts_with_its_block() {
    let mut parser = Parser::new(LIMIT);
    let mut ids = Vec::new();
    let text = "data:x\n\nid: 1\ndata:x\n\ndata:x\n\nid:2\0\ndata:x\n\nid:3\n\nid:4\ndata:x\n\nid\ndata:x\n\n";
    parser.feed(text);
    while let Some(event) = parser.next_event() {
        ids.push(event.unwrap().id().to_owned());
        assert_eq!(parser.last_event_id(), ids.last().unwrap());
    }
    assert_eq!(ids, ["", "1", "1", "1", "4", ""]);

    parser.feed("id:5\n\nid:6\ndata:x\n");
    assert_eq!(parser.next_event(), None);
    assert_eq!(parser.last_event_id(), "5", "the block of 6 has no end");
    parser.restart();
    parser.feed("data:x\n\n");
    assert_eq!(parser.next_event().unwrap().unwrap().id(), "5");
}

#[test]
fn h14a_retry_is_digits_only() {
    for (text, expected) in [
        ("retry:3000\n", Some(3000)),
        ("retry: 10\n", Some(10)),
        ("retry:0\n", Some(0)),
        ("retry:9\nretry:5\n", Some(5)),
        (
            "retry:3000\nretry:1000x\nretry\nretry:\nretry:-1\nretry:1.5\nretry: +4\n",
            Some(3000),
        ),
        ("retry:\u{661}\n", None),
        ("retry:99999999999999999999999\n", Some(u64::MAX)),
        ("retry:5", None),
    ] {
        let mut parser = Parser::new(LIMIT);
        parser.feed(text);
        assert_eq!(parser.next_event(), None);
        let expected = expected.map(Duration::from_millis);
        assert_eq!(parser.retry(), expected, "{text:?}");
    }
}

#[test]
fn h14b_what_is_not_utf8_is_replaced_as_the_standard_decodes() {
    check(b"data:ok\xE2\x80\xA6\n\n", &["ok\u{2026}"]);
    check(b"data:a\xFFb\n\n", &["a\u{FFFD}b"]);
    check(b"data:\xF0\x9F\n\n", &["\u{FFFD}"]);
    check(b"data:\xE2\x80\ndata:\x80\n\n", &["\u{FFFD}\n\u{FFFD}"]);
    check(b"data:\xED\xA0\x80\n\n", &["\u{FFFD}\u{FFFD}\u{FFFD}"]);
    let (seen, _) = parse(LIMIT, [&b"event:\xFF\nid:\xFF\ndata:x\n\n"[..]]);
    assert_eq!((&*seen[0].0, &*seen[0].2), ("\u{FFFD}", "\u{FFFD}"));
}

#[test]
fn h14l_an_event_is_there_with_its_last_byte() {
    for text in ["data:x\n\n", "data:x\r\r", "data:x\r\n\r", "data:x\n\r"] {
        check(text, &["x"]);
    }
}

/// The standard, word for word: decode, normalize, split, and read line by line.
fn model(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix(BOM).unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<_> = text.split('\n').collect();
    lines.pop();
    let (mut seen, mut last_id) = (Vec::new(), String::new());
    let (mut kind, mut data, mut id) = (String::new(), String::new(), String::new());
    for line in lines {
        if line.is_empty() {
            last_id.clone_from(&id);
            let kind = std::mem::take(&mut kind);
            if let Some(data) = std::mem::take(&mut data).strip_suffix('\n') {
                let kind = if kind.is_empty() {
                    "message".to_owned()
                } else {
                    kind
                };
                seen.push((kind, data.to_owned(), last_id.clone()));
            }
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut kind),
            "data" => data.push_str(&format!("{value}\n")),
            "id" if !value.contains('\0') => value.clone_into(&mut id),
            _ => {}
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn h14b_whatever_the_bytes_and_the_cuts_the_events_are_those_of_the_standard(
        bytes in stream(),
        lengths in proptest::collection::vec(0_usize..20, 0..40),
    ) {
        let chunks = cut(&bytes, &lengths);
        let (seen, error) = parse(LIMIT, chunks.iter().map(Vec::as_slice));
        prop_assert_eq!(seen, model(&bytes));
        prop_assert_eq!(error, None);
    }

    #[test]
    fn h14b_chunks_that_wait_for_each_other_give_the_same(
        bytes in stream(),
        lengths in proptest::collection::vec(0_usize..20, 0..10),
    ) {
        let mut parser = Parser::new(LIMIT);
        for chunk in cut(&bytes, &lengths) {
            parser.feed(chunk);
        }
        let events = std::iter::from_fn(|| parser.next_event());
        let seen: Seen = events.map(|event| super::tell(&event.unwrap())).collect();
        prop_assert_eq!(seen, model(&bytes));
    }

    #[test]
    fn h14c_a_limit_is_met_at_the_same_place_however_the_bytes_are_cut(
        bytes in stream(),
        lengths in proptest::collection::vec(0_usize..20, 0..40),
        limit in 0_usize..30,
    ) {
        let chunks = cut(&bytes, &lengths);
        let (seen, error) = parse(limit, chunks.iter().map(Vec::as_slice));
        prop_assert_eq!((&seen, error), (&parse(limit, [bytes.as_slice()]).0, parse(limit, [bytes.as_slice()]).1));
        for (kind, data, _) in seen {
            prop_assert!(data.len() <= limit);
            prop_assert!(kind == "message" || kind.len() + data.len() <= limit);
        }
    }
}

#[test]
fn h14c_an_event_of_exactly_the_limit_is_fine_and_one_more_is_not() {
    // The kind, and the longest line.
    let text = "event:k\ndata:12345\n\ndata:1\ndata:2\n\n";
    assert_eq!(parse(11, [text.as_bytes()]).0.len(), 2);
    let (seen, error) = parse(10, [text.as_bytes()]);
    assert_eq!((seen.len(), error), (0, Some(TooLarge { limit: 10 })));
    assert_eq!(
        error.unwrap().to_string(),
        "an event is larger than 10 bytes"
    );
}

/// How many bytes an endless repetition of `piece` takes until the error.
fn endless(limit: usize, piece: &[u8]) -> usize {
    let mut parser = Parser::new(limit);
    for fed in 0.. {
        parser.feed(piece.to_vec());
        match parser.next_event() {
            None => assert!(fed * piece.len() <= 20 * limit, "it goes on for ever"),
            Some(Ok(event)) => panic!("{event:?} has no end"),
            Some(Err(error)) => {
                assert_eq!(error, TooLarge { limit });
                assert_eq!(parser.next_event(), None);
                parser.feed("\n\ndata:x\n\n");
                assert_eq!(parser.next_event(), None, "nothing follows an error");
                parser.restart();
                parser.feed("data:x\n\n");
                assert_eq!(parser.next_event().unwrap().unwrap().data(), "x");
                return fed * piece.len();
            }
        }
    }
    0
}

#[test]
fn h14c_what_has_no_end_ends_at_the_limit() {
    let limit = 100_000;
    assert_eq!(endless(limit, &[b'x'; 1000]), limit, "a line");
    assert!(endless(limit, b":comment") <= limit, "a comment");
    assert!(endless(limit, &[0xFF; 100]) <= limit, "no text at all");
    assert!(endless(limit, b"data\n") <= 5 * limit + 100, "empty lines");
    assert!(endless(limit, b"data: 0123456789\n") <= 2 * limit, "lines");
    assert!(
        endless(limit, b"data:\xFF\xFF\xFF\xFF\n") <= limit,
        "text that grows"
    );
}

#[test]
fn h14c_heartbeats_without_end_cost_nothing() {
    let mut parser = Parser::new(100);
    for _ in 0..10_000 {
        parser.feed(": still here\nevent: tick\nid: 7\nretry: 5\n");
        assert_eq!(parser.next_event(), None);
    }
    parser.feed("data:x\n\n");
    assert_eq!(parser.next_event().unwrap().unwrap().kind(), "tick");
}
