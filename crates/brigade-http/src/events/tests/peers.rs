//! The parser against that of another crate.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;
use sse_stream::SseByteStream;

use super::{LIMIT, Seen, cut, parse, stream as bytes_like_events};

/// What the peer sees, with what it leaves to its callers: ids that last, kinds that are empty.
fn peer(chunks: Vec<Vec<u8>>) -> Seen {
    let chunks = chunks
        .into_iter()
        .map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
    let blocks = SseByteStream::new(stream::iter(chunks)).collect::<Vec<_>>();
    let blocks = blocks.now_or_never().unwrap();
    let (mut seen, mut last_id) = (Vec::new(), String::new());
    for block in blocks {
        let block = block.unwrap();
        last_id = block.id.unwrap_or(last_id);
        if let Some(data) = block.data {
            let kind = block.event.filter(|kind| !kind.is_empty());
            seen.push((kind.unwrap_or("message".to_owned()), data, last_id.clone()));
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn h14a_another_parser_sees_the_same_events(
        bytes in bytes_like_events(),
        lengths in proptest::collection::vec(0_usize..20, 0..40),
    ) {
        // The peer takes no text that is not UTF-8.
        let text = String::from_utf8_lossy(&bytes);
        let chunks = cut(text.as_bytes(), &lengths);
        let (seen, _) = parse(LIMIT, chunks.iter().map(Vec::as_slice));
        prop_assert_eq!(seen, peer(chunks));
    }
}
