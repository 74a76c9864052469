//! H14: the grammar against tables and a naive model, and the decisions without a network.

mod decisions;
mod grammar;
mod peers;

use proptest::prelude::*;
use proptest::sample::select;

use super::{Event, Parser, TooLarge};

const LIMIT: usize = 1 << 20;

/// Kind, data and id of each event.
type Seen = Vec<(String, String, String)>;

/// The events of these chunks, and the error that ends them.
fn parse<'a>(limit: usize, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Seen, Option<TooLarge>) {
    let mut parser = Parser::new(limit);
    let mut seen = Vec::new();
    for chunk in chunks {
        parser.feed(chunk.to_vec());
        while let Some(event) = parser.next_event() {
            match event {
                Ok(event) => seen.push(tell(&event)),
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}

fn tell(event: &Event) -> (String, String, String) {
    let (kind, data, id) = (event.kind(), event.data(), event.id());
    (kind.to_owned(), data.to_owned(), id.to_owned())
}

/// Bytes that look like events more often than chance would have it.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let words: &[&[u8]] = &[
        b"data",
        b"data:",
        b"data: ",
        b"event:",
        b"id:",
        b"retry:",
        b":",
        b" ",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b"7",
        b"1000",
        b"x",
        b"\xEF\xBB\xBF",
        b"\xC3\xA9",
        b"\xF0\x9F",
        b"\xFF",
        b"Data:x",
        b"other: 1",
        b"\t",
    ];
    let words = proptest::collection::vec(select(words.to_vec()), 0..60);
    prop_oneof![
        9 => words.prop_map(|words| words.concat()),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
    ]
}

/// The same bytes, cut where the numbers say.
fn cut(bytes: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
    let (mut rest, mut chunks) = (bytes, Vec::new());
    for &length in lengths {
        let (chunk, after) = rest.split_at(length.min(rest.len()));
        chunks.push(chunk.to_vec());
        rest = after;
    }
    chunks.push(rest.to_vec());
    chunks
}
