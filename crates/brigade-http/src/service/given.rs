//! The body of somebody else's request as one of the client's.
//!
//! It is streamed as it comes. What is there at once is kept in memory, so that it can be sent again
//! as bytes can. Nothing is waited for here.

use std::any::Any;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::{Buf, Bytes};
use futures_util::stream::{self, Stream, StreamExt};
use http_body::Body;

use crate::answered::BoxError;
use crate::body::RequestBody;
use crate::{Error, Result};

/// How much of a body is looked at before it is sent: whether it is all there. One piece has no
/// limit.
const READY_MAX: usize = 64 << 10;
const PIECES_MAX: usize = 64;

/// `body`, without its trailers.
pub(super) async fn given<B>(body: B) -> Result<RequestBody>
where
    B: Body<Error: Into<BoxError>, Data: Send> + Send + 'static,
{
    let mut body = Some(body);
    if let Some(own) = (&mut body as &mut dyn Any).downcast_mut::<Option<RequestBody>>() {
        return Ok(own.take().unwrap_or_default());
    }
    let Some(body) = body else {
        return Ok(RequestBody::default());
    };
    let length = body.size_hint().exact();
    let mut body = Box::pin(body);
    let mut pieces = Vec::new();
    let mut size = 0;
    while !body.is_end_stream() {
        if size > READY_MAX || pieces.len() == PIECES_MAX {
            return Ok(streamed(pieces, body, length));
        }
        match poll_fn(|cx| Poll::Ready(body.as_mut().poll_frame(cx))).await {
            Poll::Pending => return Ok(streamed(pieces, body, length)),
            Poll::Ready(None) => break,
            Poll::Ready(Some(frame)) => {
                let frame = frame.map_err(|error| Error::of_body(error.into()))?;
                let piece = frame.into_data().map_or(Bytes::new(), bytes);
                size += piece.len();
                pieces.push(piece);
            }
        }
    }
    // A body that is not what it says is an error once it is sent, as it is when it is streamed.
    match length.filter(|said| *said != size as u64) {
        Some(said) => {
            Ok(RequestBody::stream(stream::iter(pieces).map(Ok::<_, Infallible>)).length(said))
        }
        None => Ok(whole(pieces)),
    }
}

fn bytes(mut data: impl Buf) -> Bytes {
    data.copy_to_bytes(data.remaining())
}

fn whole(mut pieces: Vec<Bytes>) -> RequestBody {
    pieces.retain(|piece| !piece.is_empty());
    let length = pieces.iter().map(|piece| piece.len() as u64).sum();
    match pieces.len() {
        0 => RequestBody::default(),
        1 => pieces.swap_remove(0).into(),
        _ => {
            let pieces = move || stream::iter(pieces.clone()).map(Ok::<_, Infallible>);
            RequestBody::repeatable(pieces).length(length)
        }
    }
}

fn streamed<B>(pieces: Vec<Bytes>, body: Pin<Box<B>>, length: Option<u64>) -> RequestBody
where
    B: Body<Error: Into<BoxError>, Data: Send> + Send + 'static,
{
    let pieces = stream::iter(pieces).map(Ok);
    let body = RequestBody::stream(pieces.chain(rest(body)));
    match length {
        Some(length) => body.length(length),
        None => body,
    }
}

fn rest<B>(body: Pin<Box<B>>) -> impl Stream<Item = Result<Bytes, BoxError>> + Send
where
    B: Body<Error: Into<BoxError>, Data: Send> + Send + 'static,
{
    stream::unfold(body, |mut body| async move {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx)).await?;
        let frame = frame.map_err(Into::into);
        let piece = frame.map(|frame| frame.into_data().map_or(Bytes::new(), bytes));
        Some((piece, body))
    })
}
