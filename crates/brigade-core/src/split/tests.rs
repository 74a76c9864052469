//! Tables of lines in chunks of every size, and any bytes in any chunks against a naive splitter.

use bytes::Bytes;
use proptest::prelude::*;

use super::scan::line_end;
use super::*;

type Line = Result<Vec<u8>, TooLong>;

/// Everything at once, with what the standard library has.
fn naive(input: &[u8], limit: usize, skip_blank: bool) -> Vec<Line> {
    let mut lines: Vec<&[u8]> = input.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().filter(|last| !last.is_empty());
    let ended = lines
        .into_iter()
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let numbered = ended.chain(last).zip(1..);
    let kept = numbered.filter(|(line, _)| {
        line.len() > limit || !skip_blank || line.iter().any(|byte| !byte.is_ascii_whitespace())
    });
    kept.map(|(line, number)| match line.len() > limit {
        true => Err(TooLong {
            line: number,
            limit,
        }),
        false => Ok(line.to_vec()),
    })
    .collect()
}

/// How lines are taken between two chunks.
#[derive(Clone, Copy, Debug)]
enum Way {
    Owned,
    Blocks,
    /// Only a few at a time, so that chunks pile up.
    Few(usize),
}

fn split(chunks: &[Bytes], limit: usize, skip_blank: bool, way: Way) -> Vec<Line> {
    let mut splitter = Splitter::new(limit);
    splitter.set_skip_blank(skip_blank);
    let mut found = Vec::new();
    for chunk in chunks {
        splitter.feed(chunk.clone());
        match way {
            Way::Owned => {
                found.extend(std::iter::from_fn(|| splitter.next_line()).map(owned));
            }
            Way::Blocks => {
                while let Some(block) = splitter.block() {
                    found.extend(block.map(|line| line.map(<[u8]>::to_vec)));
                }
            }
            Way::Few(count) => {
                let lines = std::iter::from_fn(|| splitter.next_line());
                found.extend(lines.take(count).map(owned));
            }
        }
    }
    splitter.finish();
    found.extend(std::iter::from_fn(|| splitter.next_line()).map(owned));
    assert!(splitter.next_line().is_none());
    found
}

fn owned(line: Result<Bytes, TooLong>) -> Line {
    line.map(|line| line.to_vec())
}

#[track_caller]
fn check(input: &str, limit: usize, expected: &[Result<&str, u64>]) {
    let expected: Vec<Line> = expected
        .iter()
        .map(|line| match line {
            Ok(line) => Ok(line.as_bytes().to_vec()),
            Err(line) => Err(TooLong { line: *line, limit }),
        })
        .collect();
    for size in 1..=input.len().max(1) {
        let chunks: Vec<Bytes> = input
            .as_bytes()
            .chunks(size)
            .map(Bytes::copy_from_slice)
            .collect();
        let found = split(&chunks, limit, false, Way::Owned);
        assert_eq!(found, expected, "in chunks of {size}");
    }
}

#[test]
fn s3a_a_line_ends_with_lf_or_crlf_and_the_last_one_needs_no_end() {
    check("", 9, &[]);
    check("\n", 9, &[Ok("")]);
    check("a", 9, &[Ok("a")]);
    check("a\nb\n", 9, &[Ok("a"), Ok("b")]);
    check("a\r\nb\r\n", 9, &[Ok("a"), Ok("b")]);
    check("a\n\nb", 9, &[Ok("a"), Ok(""), Ok("b")]);
    check("\r\n\r\n", 9, &[Ok(""), Ok("")]);
    check("a\rb\r\r\nc\r", 9, &[Ok("a\rb\r"), Ok("c\r")]);
}

#[test]
fn s3c_the_length_counts_without_the_line_end_and_the_next_line_is_read() {
    check("abc\nde", 3, &[Ok("abc"), Ok("de")]);
    check("abc\r\nde", 3, &[Ok("abc"), Ok("de")]);
    check("abcd\nde", 3, &[Err(1), Ok("de")]);
    check("abcd\r\nde", 3, &[Err(1), Ok("de")]);
    check("a\nabcdefgh", 3, &[Ok("a"), Err(2)]);
    check("abc\r", 3, &[Err(1)]);
    check("abc\r\r\nx\n", 3, &[Err(1), Ok("x")]);
    check("abcdefgh\nijklmnop\n\n", 3, &[Err(1), Err(2), Ok("")]);
    check("a\n", 0, &[Err(1)]);
}

#[test]
fn s3c_the_error_says_the_line_and_the_limit() {
    let error = TooLong { line: 7, limit: 80 };
    assert_eq!(error.to_string(), "line 7 is longer than 80 bytes");
}

#[test]
fn s3g_a_line_within_one_chunk_is_not_copied() {
    let chunk = Bytes::from_static(b"one\ntwo\nthr");
    let inside = chunk.as_ptr_range();
    let mut splitter = Splitter::new(80);
    splitter.feed(chunk);
    let lines: Vec<_> = std::iter::from_fn(|| splitter.next_line())
        .flatten()
        .collect();
    assert_eq!(lines, ["one", "two"]);
    assert!(lines.iter().all(|line| inside.contains(&line.as_ptr())));
}

#[test]
fn s3g_memory_for_a_line_without_an_end_is_bounded_by_the_limit() {
    let mut splitter = Splitter::new(1000);
    let mut errors = 0;
    for _ in 0..10_000 {
        splitter.feed(Bytes::from_static(&[b'x'; 100]));
        errors += std::iter::from_fn(|| splitter.next_line()).count();
    }
    assert_eq!(errors, 1);
    splitter.feed("\nfine\n");
    assert_eq!(splitter.next_line().unwrap().unwrap(), "fine");
    assert_eq!(splitter.lines(), 2);
}

#[test]
fn s3a_the_end_of_a_line_of_any_length_is_found_at_its_place() {
    // Bytes beside the line end that differ from it by one bit or by a carry.
    let around = [b'x', b'\n' + 1, b'\n' - 1, b'\n' ^ 0x80, 0x00, 0xff];
    for fill in around {
        for length in (0..100).chain(500..530) {
            let mut line = vec![fill; length];
            assert_eq!(line_end(&line), None, "{length} of {fill}");
            line.push(b'\n');
            assert_eq!(line_end(&line), Some(length), "{length} of {fill}");
            line.extend_from_slice(b"\n\x0b\n".repeat(20).as_slice());
            assert_eq!(line_end(&line), Some(length), "{length} of {fill}");
        }
    }
}

/// Bytes in which line ends are common.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => Just(b'\n'),
        3 => Just(b'\r'),
        2 => Just(b' '),
        12 => any::<u8>(),
    ];
    proptest::collection::vec(byte, 0..300)
}

/// The input in pieces that end anywhere.
fn pieces(input: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    cuts.sort_unstable();
    let ends = cuts.iter().copied().chain([input.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    starts
        .zip(ends)
        .map(|(start, end)| Bytes::copy_from_slice(&input[start..end]))
        .collect()
}

proptest! {
    #[test]
    fn s3a_any_bytes_in_any_chunks_are_the_lines_of_a_naive_splitter(
        input in input(),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
        limit in prop_oneof![0..12_usize, Just(1000)],
        skip_blank in any::<bool>(),
        way in prop_oneof![Just(Way::Owned), Just(Way::Blocks), (0..4_usize).prop_map(Way::Few)],
    ) {
        let found = split(&pieces(&input, &cuts), limit, skip_blank, way);
        prop_assert_eq!(found, naive(&input, limit, skip_blank));
    }
}
