//! Lines of readers and of streams of chunks.

use std::cell::{Cell, RefCell};
use std::io;

use brigade_testkit::cancel::{Outcome, fuzz_cancel};
use bytes::Bytes;
use futures_core::Stream;
use proptest::prelude::*;

use super::*;

/// These chunks, and then `end` if there is one.
fn chunks(
    chunks: Vec<Bytes>,
    end: Option<&'static str>,
) -> Generator<Result<Bytes, &'static str>, impl Future<Output = Option<Result<Bytes, &'static str>>>>
{
    try_generate(async move |yielder| {
        for chunk in chunks {
            yielder.yield_item(chunk).await;
            tokio::task::yield_now().await;
        }
        end.map_or(Ok(()), Err)
    })
}

fn pieces(input: &[u8], size: usize) -> Vec<Bytes> {
    input.chunks(size).map(Bytes::copy_from_slice).collect()
}

async fn collect<S: Stream + Unpin>(mut stream: S) -> Vec<S::Item> {
    let mut items = Vec::new();
    while let Some(item) =
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut stream).poll_next(cx)).await
    {
        items.push(item);
    }
    items
}

#[tokio::test]
async fn s3a_a_reader_and_a_stream_of_chunks_give_the_same_lines() {
    let input = "one\r\n\ntwo\nthree".repeat(10_000);
    let expected: Vec<_> = input.lines().collect();
    let read = read_lines(input.as_bytes());
    let read: Vec<_> = collect(read)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read, expected);
    let streamed = lines(chunks(pieces(input.as_bytes(), 7777), None));
    let streamed: Vec<_> = collect(streamed)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(streamed, expected);
}

#[tokio::test]
async fn s3b_invalid_utf8_is_an_error_replaced_or_left_as_it_is_by_choice() {
    let input = b"fine\nab\xff\xfec\n\xc3\xa4";
    for size in 1..=input.len() {
        let source = || chunks(pieces(input, size), None);
        let (line, valid) = (2, 2);
        let not_utf8 = LinesError::Line(LineError::NotUtf8 { line, valid });
        assert_eq!(
            collect(lines(source())).await,
            [Ok("fine".into()), Err(not_utf8), Ok("ä".into())]
        );
        let lossy = ["fine", "ab\u{fffd}\u{fffd}c", "ä"].map(|line| Ok(line.to_owned()));
        assert_eq!(collect(lines(source()).lossy()).await, lossy);
        let raw = [&b"fine"[..], b"ab\xff\xfec", "ä".as_bytes()];
        let raw = raw.map(|line| Ok(Bytes::from_static(line)));
        assert_eq!(collect(lines(source()).bytes()).await, raw);

        let mut batched = Vec::new();
        let mut lent = lines(source());
        while let Some(batch) = lent.next_batch().await.unwrap() {
            batched.extend(batch.map(|line| line.map(str::to_owned)));
        }
        let not_utf8 = LineError::NotUtf8 { line, valid };
        assert_eq!(
            not_utf8.to_string(),
            "line 2 is not UTF-8 after its first 2 bytes"
        );
        let expected = [Ok("fine".to_owned()), Err(not_utf8), Ok("ä".to_owned())];
        assert_eq!(batched, expected, "in chunks of {size}");
        let mut lent = lines(source()).lossy();
        let mut replaced = Vec::new();
        while let Some(batch) = lent.next_batch().await.unwrap() {
            replaced.extend(batch.map(|line| line.unwrap().into_owned()));
        }
        assert_eq!(replaced, ["fine", "ab\u{fffd}\u{fffd}c", "ä"]);
    }
}

#[tokio::test]
async fn s3c_a_long_line_is_an_error_with_its_number_and_the_limit() {
    let mut lines = read_lines(&b"abc\nabcdef\nabcde"[..]).max_length(5);
    assert_eq!(lines.next().await.unwrap().unwrap(), "abc");
    let error = lines.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 2 is longer than 5 bytes");
    assert_eq!(lines.next().await.unwrap().unwrap(), "abcde");
    assert!(lines.next().await.is_none());
    assert!(lines.next().await.is_none());
}

#[tokio::test]
async fn s3c_a_line_is_at_most_a_mebibyte_long_by_default() {
    let line = "x".repeat((1 << 20) + 1);
    let mut lines = read_lines(line.as_bytes());
    let error = lines.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "line 1 is longer than 1048576 bytes");
    let mut lines = read_lines(&line.as_bytes()[1..]);
    assert_eq!(lines.next().await.unwrap().unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn s3d_blank_lines_are_left_out_and_still_count() {
    let input = &b"\n \t\r\none\n\n\ntwo\n \n"[..];
    let mut some = read_lines(input).skip_blank();
    assert_eq!(some.next().await.unwrap().unwrap(), "one");
    assert_eq!(some.line(), 3);
    assert_eq!(some.next().await.unwrap().unwrap(), "two");
    assert_eq!(some.line(), 6);
    assert!(some.next().await.is_none());
    let mut lent = read_lines(input).skip_blank();
    let mut seen = Vec::new();
    while let Some(batch) = lent.next_batch().await.unwrap() {
        seen.extend(batch.map(|line| line.unwrap().to_owned()));
    }
    assert_eq!(seen, ["one", "two"]);
    assert_eq!(collect(read_lines(input)).await.len(), 7);
}

#[tokio::test]
async fn s3e_values_are_parsed_line_by_line_and_an_error_has_the_number_of_its_line() {
    let input = &b"1\n\nx\n2\xff\n123456789\n3"[..];
    let mut numbers = read_lines(input)
        .skip_blank()
        .max_length(8)
        .parse(str::parse::<u32>);
    let mut found = Vec::new();
    while let Some(number) = numbers.next().await {
        found.push(number.map_err(|error| (error.line(), error.to_string())));
    }
    let refused = |line, message: &str| Err((Some(line), format!("line {line}{message}")));
    let expected = [
        Ok(1),
        refused(3, ": invalid digit found in string"),
        refused(4, " is not UTF-8 after its first 1 bytes"),
        refused(5, " is longer than 8 bytes"),
        Ok(3),
    ];
    assert_eq!(found, expected);
    assert_eq!(numbers.line(), 6);
    assert!(numbers.next().await.is_none());
}

#[tokio::test]
async fn s3e_json_lines_are_typed_and_borrow_from_the_line_while_they_are_parsed() {
    let input = &b"{\"id\":1}\n{\"id\":\n{\"id\":2}\n"[..];
    let rows = read_lines(input)
        .bytes()
        .parse(|line| serde_json::from_slice::<serde_json::Value>(line));
    let ids: Vec<_> = collect(rows).await;
    assert_eq!(ids[0].as_ref().unwrap()["id"], 1);
    let error = ids[1].as_ref().unwrap_err();
    assert_eq!(error.line(), Some(2));
    assert_eq!(ids[2].as_ref().unwrap()["id"], 2);
}

#[tokio::test]
async fn s3f_an_error_of_the_source_comes_behind_the_whole_lines_and_is_the_end() {
    let source = || chunks(vec![Bytes::from("one\ntwo\nhal")], Some("reset"));
    let expected = [
        Ok("one".to_owned()),
        Ok("two".to_owned()),
        Err(LinesError::Source("reset")),
    ];
    assert_eq!(collect(lines(source())).await, expected);
    let mut lent = lines(source());
    let batch = lent.next_batch().await.unwrap().unwrap();
    assert_eq!(batch.count(), 2);
    assert_eq!(lent.next_batch().await.map(|_| ()), Err("reset"));
    assert!(lent.next_batch().await.unwrap().is_none());
}

#[tokio::test]
async fn s3f_what_is_not_taken_of_a_batch_comes_with_the_next() {
    let mut lent = read_lines(&b"1\n2\n3\n4\n5"[..]);
    let mut batch = lent.next_batch().await.unwrap().unwrap();
    assert_eq!(batch.next().unwrap().unwrap(), "1");
    assert_eq!(lent.next().await.unwrap().unwrap(), "2");
    let batch = lent.next_batch().await.unwrap().unwrap();
    assert_eq!(batch.map(Result::unwrap).collect::<Vec<_>>(), ["3", "4"]);
    assert_eq!(lent.next().await.unwrap().unwrap(), "5");
    assert!(lent.next_batch().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn s3f_dropping_next_loses_no_line() {
    let input: String = (0..40).map(|n| format!("line {n}\n")).collect();
    let reader = tokio::sync::Mutex::new(None);
    let seen = RefCell::new(String::new());
    let begin = Cell::new(true);
    let polls = fuzz_cancel(
        || {
            if begin.replace(false) {
                seen.borrow_mut().clear();
                let source = chunks(pieces(input.as_bytes(), 5), None);
                *reader.try_lock().unwrap() = Some(lines(source));
            }
            async {
                let mut taken = reader.lock().await;
                let Some(lines) = taken.as_mut() else { return };
                loop {
                    // Both ways in turn.
                    let Some(line) = lines.next().await else {
                        break;
                    };
                    seen.borrow_mut().push_str(&(line.unwrap() + "\n"));
                    let Some(batch) = lines.next_batch().await.unwrap() else {
                        break;
                    };
                    for line in batch {
                        seen.borrow_mut()
                            .push_str(&(line.unwrap().to_owned() + "\n"));
                    }
                }
            }
        },
        async |outcome| {
            if matches!(outcome, Outcome::Completed(())) {
                assert_eq!(*seen.borrow(), input);
                begin.set(true);
            }
        },
    );
    assert!(polls.await > 1);
}

#[tokio::test]
async fn s3g_the_source_is_gone_when_the_last_chunk_has_been_read() {
    let held = std::sync::Arc::new(());
    let source = try_generate({
        let held = held.clone();
        async move |yielder| {
            let _held = &held;
            yielder.yield_item("one\ntwo").await;
            Ok::<_, io::Error>(())
        }
    });
    let mut lines = lines(source);
    assert_eq!(lines.next().await.unwrap().unwrap(), "one");
    assert_eq!(std::sync::Arc::strong_count(&held), 2);
    assert_eq!(lines.next().await.unwrap().unwrap(), "two");
    assert_eq!(std::sync::Arc::strong_count(&held), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn s3b_text_in_any_chunks_is_the_same_in_batches_one_by_one_and_at_once(
        input in proptest::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'a'), Just(0xc3_u8), Just(0xa4_u8), any::<u8>()],
            0..200,
        ),
        size in 1..50_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let whole = lines(chunks(vec![Bytes::from(input.clone())], None));
            let whole: Vec<_> = collect(whole).await.into_iter().map(Result::ok).collect();
            let source = || chunks(pieces(&input, size), None);
            let single = collect(lines(source())).await.into_iter().map(Result::ok);
            assert_eq!(single.collect::<Vec<_>>(), whole);
            let mut batched = Vec::new();
            let mut lent = lines(source());
            while let Some(batch) = lent.next_batch().await.unwrap() {
                batched.extend(batch.map(|line| line.map(str::to_owned).ok()));
            }
            assert_eq!(batched, whole);
        });
    }
}
