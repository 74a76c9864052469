//! The bytes of a request's body that was given as a stream.
//!
//! Uploads are not streamed yet, so a body is in memory before it is sent. One that is given in one
//! piece is there already and has no limit; what has to be put together has.

use std::future::poll_fn;
use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;

use crate::answered::{BoxError, foreign};
use crate::{Error, Kind, Result};

/// The largest body that is put together from several pieces.
pub(super) const COLLECT_MAX: usize = 16 << 20;

/// All of a body but its trailers.
pub(super) async fn collect<B>(body: B) -> Result<Bytes>
where
    B: Body<Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let mut bytes = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| foreign(error.into()))?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        let piece = data.copy_to_bytes(data.remaining());
        if piece.is_empty() {
            continue;
        }
        if bytes.is_empty() && joined.is_empty() {
            bytes = piece;
            continue;
        }
        joined.extend_from_slice(&std::mem::take(&mut bytes));
        if joined.len() + piece.len() > COLLECT_MAX {
            let detail =
                "bodies of requests are not streamed yet, and at most 16 MiB are put together";
            return Err(Error::new(Kind::TooLarge).because(detail));
        }
        joined.extend_from_slice(&piece);
    }
    Ok(match joined.is_empty() {
        true => bytes,
        false => joined.freeze(),
    })
}
