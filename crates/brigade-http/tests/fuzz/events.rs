//! Events of servers: however the bytes are cut, the events are the same, and none is larger than its
//! limit.

use brigade_http::events::Parser;
use bytes::Bytes;

use super::stage;

const LIMIT: usize = 1 << 10;

pub(crate) fn run(data: &[u8]) {
    let (settings, stream) = stage::settings(data);
    let seed = settings.first().copied().unwrap_or_default();
    let whole = parsed(vec![Bytes::copy_from_slice(stream)]);
    assert_eq!(whole, parsed(stage::pieces(stream, seed)));
}

fn parsed(pieces: Vec<Bytes>) -> Vec<Result<(String, String, String), ()>> {
    let mut parser = Parser::new(LIMIT);
    let mut events = Vec::new();
    for piece in pieces {
        parser.feed(piece);
        while let Some(event) = parser.next_event() {
            events.push(event.map_err(drop).map(|event| {
                assert!(event.data().len() <= LIMIT);
                assert!(!event.id().contains('\0'));
                (event.kind().to_owned(), event.id().to_owned(), event.into_data())
            }));
            if events.last().is_some_and(Result::is_err) {
                return events;
            }
        }
    }
    events
}
