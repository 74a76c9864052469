//! Lines, their places and the identity of a list, against plain models.

mod forms;
mod packed;
mod rows;
mod seen;

use std::sync::Arc;

use brigade_core::ranges::DoneSet;
use proptest::prelude::*;

use super::identity::{Hasher, SEGMENT, verify};
use super::lines::{LINE_MAX, Line, Splitter};
use super::parse::{Bad, Parsed, parse};
use super::reader::{Reader, Resume};
use super::*;

proptest! {
    #[test]
    fn f1d_lines_are_found_however_the_blocks_are_cut(
        text in "[a\n]{0,60}", cuts in prop::collection::vec(0usize..60, 0..6),
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let mut splitter = Splitter::new(0, 0, LINE_MAX);
        let mut found = Vec::new();
        let mut emit = |line: Line<'_>| {
            let text = String::from_utf8(line.bytes.to_vec()).unwrap();
            found.push((line.index, line.offset, line.length, text));
        };
        for pair in cuts.windows(2) {
            splitter.feed(&text.as_bytes()[pair[0]..pair[1]], &mut emit);
        }
        splitter.finish(&mut emit);
        let mut offset = 0;
        let mut expected = Vec::new();
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let bare = line.trim_end_matches('\n').to_owned();
            expected.push((index as u64, offset, bare.len() as u64, bare));
            offset += line.len() as u64;
        }
        prop_assert_eq!(found, expected);
    }
}

fn list(text: &str) -> List {
    List {
        name: "'list'".into(),
        kind: "file",
        metadata: Metadata::default(),
        origin: Origin::lines(Bytes::Memory(Arc::from(text.as_bytes()))),
        stream: None,
        seen: None,
    }
}

fn read_all(list: List, resume: Resume) -> (Vec<Entry>, Vec<Segment>, Consumed) {
    let mut reader = Reader::new(list, resume);
    let (mut entries, mut segments) = (Vec::new(), std::collections::BTreeMap::new());
    let mut consumed = Consumed::default();
    while let Some(chunk) = reader.next().unwrap() {
        entries.extend(chunk.entries);
        segments.extend(chunk.segments.into_iter().map(|each| (each.number, each)));
        consumed = chunk.consumed.unwrap_or(consumed);
    }
    (entries, segments.into_values().collect(), consumed)
}

fn long_list(lines: u64) -> String {
    (0..lines)
        .map(|n| format!("http://host/{n:08}\n"))
        .collect()
}

#[test]
fn f1b_reading_goes_on_at_the_checkpoint_and_leaves_out_what_is_done() {
    let text = long_list(100_000);
    let (entries, segments, consumed) = read_all(list(&text), Resume::default());
    assert_eq!(entries.len(), 100_000);
    assert_eq!(
        (consumed.lines, consumed.bytes),
        (100_000, text.len() as u64)
    );
    assert!(consumed.complete && consumed.terminated);
    assert_eq!(segments.len() as u64, (text.len() as u64).div_ceil(SEGMENT));
    let mut done = DoneSet::new();
    done.insert_range(0..=79_999);
    done.insert_range(80_010..=99_998);
    let resume = Resume {
        checkpoint: Checkpoint {
            index: 79_000,
            offset: 79_000 * 21,
        },
        done,
        consumed,
    };
    let (rest, again, end) = read_all(list(&text), resume);
    let indices = |entries: &[Entry]| -> Vec<u64> {
        let index = |entry: &Entry| match entry {
            Entry::Item(item) => item.index,
            other => panic!("{other:?}"),
        };
        entries.iter().map(index).collect()
    };
    let expected: Vec<_> = (80_000..80_010).chain([99_999]).collect();
    assert_eq!(indices(&rest), expected);
    assert_eq!(
        again,
        segments[1..],
        "the hashes are the same as when read from the start"
    );
    assert_eq!(end, consumed);
}

#[test]
fn f1i_a_changed_list_is_told_from_the_same_and_from_a_longer_one() {
    let text = long_list(100_000);
    let (_, segments, consumed) = read_all(list(&text), Resume::default());
    let check = |now: &str| verify(&mut now.as_bytes(), &segments, consumed).unwrap();
    assert_eq!(check(&text), Ok(()));
    assert_eq!(check(&format!("{text}http://host/more")), Ok(()));
    let changed = text.replace("00099999", "00099998");
    assert_eq!(
        check(&changed),
        Err("it differs within lines 99865 to 100000".into())
    );
    assert!(
        check(&text[1..])
            .unwrap_err()
            .starts_with("it differs within lines 1 to")
    );
    assert!(
        check(&text[..100])
            .unwrap_err()
            .starts_with("it is shorter")
    );
}

#[test]
fn f1i_what_was_hashed_in_pieces_verifies_as_a_whole() {
    let bytes: Vec<u8> = (0..3 * SEGMENT + 17).map(|n| (n % 255) as u8).collect();
    let mut hasher = Hasher::new(0);
    let mut segments = std::collections::BTreeMap::new();
    for piece in bytes.chunks(77_777) {
        hasher.update(piece);
        segments.extend(hasher.take().into_iter().map(|each| (each.number, each)));
    }
    let segments: Vec<_> = segments.into_values().collect();
    let consumed = Consumed {
        bytes: bytes.len() as u64,
        terminated: true,
        ..Consumed::default()
    };
    assert_eq!(
        verify(&mut bytes.as_slice(), &segments, consumed).unwrap(),
        Ok(())
    );
}

fn parsed(text: &[u8]) -> Parsed {
    parse(&Line {
        index: 0,
        offset: 0,
        bytes: text,
        length: text.len() as u64,
    })
}

#[test]
fn a_line_is_a_url_or_nothing_or_says_what_is_wrong() {
    for nothing in ["", "  \t", "\r", "# http://a/", "\u{feff}", "\u{feff}# x"] {
        assert_eq!(parsed(nothing.as_bytes()), Parsed::Nothing, "{nothing:?}");
    }
    for (bad, why) in [
        ("a", "relative URL"),
        ("ftp://a/", "scheme 'ftp'"),
        ("http://", "empty host"),
        ("mailto:me@a", "scheme 'mailto'"),
    ] {
        let Parsed::Bad(Bad { message, .. }) = parsed(bad.as_bytes()) else {
            panic!("{bad} was taken");
        };
        assert!(message.contains(why), "{message}");
    }
    let Parsed::Bad(Bad { shown, .. }) = parsed(b"http://me:secret@[x/a@b") else {
        panic!("it was taken");
    };
    assert_eq!(shown, "http://b");
}

#[test]
fn a_record_shows_the_url_as_written_and_without_credentials() {
    let shown = |text: &str| match parsed(text.as_bytes()) {
        Parsed::Item(item) => item.shown().into_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown("HTTP://Example.com"), "HTTP://Example.com");
    assert_eq!(
        shown("http://me:secret@Example.com/x"),
        "http://example.com/x"
    );
}

#[test]
fn a_list_of_another_sort_is_refused() {
    let before = Before {
        kind: "stream".into(),
        ..Before::default()
    };
    let input = Input::Urls(vec!["http://a.test/".to_owned()]);
    let mut opened = Opened::open(&input, &ListForm::Lines).unwrap();
    let error = opened.prepare(Some(&before)).unwrap_err().to_string();
    assert!(
        error.contains("(it is given URLs now and was a stream before)"),
        "{error}"
    );
}

#[test]
fn f1i_a_list_that_grew_while_its_job_was_stopped_amid_a_line_is_not_refused() {
    let text = long_list(10_000);
    let mut reader = Reader::new(list(&text), Resume::default());
    let chunk = reader.next().unwrap().unwrap();
    let consumed = chunk.consumed.unwrap();
    assert!(!consumed.complete && !consumed.terminated, "amid a line");
    let found = verify(&mut text.as_bytes(), &chunk.segments, consumed).unwrap();
    assert_eq!(found, Ok(()));
}

#[test]
fn f1i_a_run_that_stops_where_the_list_ended_still_knows_that_it_did() {
    // The last line has no end: were that forgotten, it could become another one.
    let text = "http://host/a\nhttp://host/b";
    let (_, segments, consumed) = read_all(list(text), Resume::default());
    assert_eq!((consumed.lines, consumed.complete), (2, true));
    let resume = Resume {
        consumed,
        ..Resume::default()
    };
    let mut reader = Reader::new(list(text), resume);
    let all = reader.next().unwrap().unwrap();
    assert_eq!((all.entries.len(), all.consumed), (1, None));
    let end = reader.next().unwrap().unwrap();
    assert_eq!((end.consumed, end.segments), (Some(consumed), segments));
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn f7j_a_last_line_without_its_end_can_have_ended() {
    let of = |complete, terminated| Consumed {
        lines: 1,
        bytes: 27,
        complete,
        terminated,
    };
    assert_eq!(of(false, false).lines_at_most(), 2);
    assert_eq!(of(true, false).lines_at_most(), 1);
    assert_eq!(of(false, true).lines_at_most(), 1);
    assert_eq!(Consumed::default().lines_at_most(), 0);
}
