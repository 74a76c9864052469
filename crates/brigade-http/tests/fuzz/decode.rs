//! Content codings: any bytes decode to the same however they are cut, never beyond the limit, or are
//! an error.

use brigade_http::decode::Decoder;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use super::stage;

const LIMIT: u64 = 1 << 16;
/// What a coding of one letter stands for.
const CODINGS: [(u8, &str); 5] = [
    (b'g', "gzip"),
    (b'd', "deflate"),
    (b'b', "br"),
    (b'z', "zstd"),
    (b'i', "identity"),
];

pub(crate) fn run(data: &[u8]) {
    let (settings, body) = stage::settings(data);
    let (seed, codings) = settings.split_first().unwrap_or((&0, b"g"));
    let mut headers = HeaderMap::new();
    for letter in codings {
        let named = CODINGS.iter().find(|(known, _)| known == letter);
        let name = named.map_or("gzip", |(_, name)| name);
        headers.append(CONTENT_ENCODING, name.try_into().expect("a name"));
    }
    let whole = decoded(&headers, vec![Bytes::copy_from_slice(body)]);
    let cut = decoded(&headers, stage::pieces(body, *seed));
    match (whole, cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut),
        (Err(()), Err(())) => {}
        (whole, cut) => panic!("whole {}, cut {}", whole.is_ok(), cut.is_ok()),
    }
}

fn decoded(headers: &HeaderMap, pieces: Vec<Bytes>) -> Result<Vec<u8>, ()> {
    let mut decoder = Decoder::new(headers, Some(LIMIT)).map_err(drop)?;
    let mut made = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while let Some(part) = decoder.next_chunk().map_err(drop)? {
            assert!(!part.is_empty());
            made.extend_from_slice(&part);
            assert!(made.len() as u64 <= LIMIT);
        }
    }
    decoder.finish().map_err(drop)?;
    Ok(made)
}
