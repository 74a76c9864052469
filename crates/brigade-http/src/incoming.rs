//! The body of a response on its way from the connection to the caller.
//!
//! Decoding, the limit and the reasons for a broken end meet here. Once it has ended or failed it
//! holds nothing of the connection any more, and a failure is never mistaken for an end.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::admission::Admitted;
use crate::answered::Answered;
use crate::decode::{self, Decoder};
use crate::pool::connection::{Exchange, Exchange2};
use crate::recording::Recorded;
use crate::settings::Settings;
use crate::{Error, Kind, Result};

#[derive(Debug)]
pub(crate) struct Body {
    /// Gone after the end.
    source: Option<Source>,
    decoder: Result<Decoder, decode::Error>,
    failed: Option<Kind>,
    /// Given back with the source; without a limit there is none.
    admitted: Option<Admitted>,
}

/// Where a body comes from. Dropping it gives up what is left of it.
#[derive(Debug)]
pub(crate) enum Source {
    Http1(Incoming, Exchange),
    Http2(Exchange2),
    /// One of HTTP/1.1 that is handed out as it came. Boxed, because it is rare.
    Recorded(Box<Recorded>),
    /// A service in place of the network. Boxed, because it is rare.
    Service(Box<Answered>),
}

impl Source {
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(incoming, _) => incoming.is_end_stream(),
            Self::Http2(exchange) => exchange.is_end_stream(),
            Self::Recorded(recorded) => recorded.is_end_stream(),
            Self::Service(answered) => answered.is_end_stream(),
        }
    }

    /// The next part of the body as it was sent; `None` at its end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let (incoming, exchange) = match self {
            Self::Http1(incoming, exchange) => (incoming, exchange),
            Self::Http2(exchange) => return exchange.poll_data(cx),
            Self::Recorded(recorded) => return recorded.poll_data(cx),
            Self::Service(answered) => return answered.poll_data(cx),
        };
        Poll::Ready(match ready!(Pin::new(incoming).poll_frame(cx)) {
            // Trailers say nothing about the body.
            Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
            Some(Err(error)) => Err(exchange.connection.broken(Some(error))),
            None => Ok(None),
        })
    }
}

impl Body {
    /// The body as it is sent.
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source: Some(source),
            decoder: Ok(Decoder::identity(None)),
            failed: None,
            admitted: None,
        }
    }

    /// Keeps the admission of the request for as long as there is something to be read.
    pub(crate) fn hold(&mut self, admitted: Admitted) {
        let source = self.source.as_ref();
        self.admitted = source
            .is_some_and(|source| !source.is_end_stream())
            .then_some(admitted);
    }

    /// Unpacks the body as the headers say, unless it is to stay as it came, within the limit on it.
    pub(crate) fn decode(&mut self, headers: &HeaderMap, settings: &Settings, as_it_came: bool) {
        let Some(source) = &self.source else { return };
        // A response without a body may still name the encoding that its body would have.
        let plain = source.is_end_stream() || as_it_came || !settings.compression;
        let limit = settings.body_max;
        let decoder = match plain || !headers.contains_key(CONTENT_ENCODING) {
            true => Ok(Decoder::identity(limit)),
            false => Decoder::new(headers, limit),
        };
        // What is announced to be too large need not be waited for.
        self.decoder = decoder.and_then(|decoder| match limit {
            Some(limit) if decoder.is_identity() && announced(source, headers) > limit => {
                Err(decode::Error::TooLarge { limit })
            }
            _ => Ok(decoder),
        });
    }

    /// Whether nothing is left to be read, as far as that is known without reading.
    pub(crate) fn is_over(&self) -> bool {
        self.failed.is_none() && self.decoder.is_ok() && self.source.is_none()
    }

    /// Whether it is handed out as something else than what was sent.
    pub(crate) fn is_decoded(&self) -> bool {
        self.decoder
            .as_ref()
            .is_ok_and(|decoder| !decoder.is_identity())
    }

    /// The other end of the socket that it comes from.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self.source.as_ref()? {
            Source::Http1(_, exchange) => exchange.connection.peer,
            Source::Http2(exchange) => exchange.peer(),
            Source::Recorded(recorded) => recorded.peer(),
            Source::Service(_) => None,
        }
    }

    /// The next decoded chunk, never empty.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        if let Some(kind) = self.failed {
            let again = Error::new(kind).because("the body has failed before");
            return Poll::Ready(Err(again));
        }
        let chunk = ready!(self.poll_advance(cx));
        if let Err(error) = &chunk {
            self.failed = Some(error.kind());
            tracing::debug!(error.type = error.kind().name(), "the body failed");
        }
        if !matches!(chunk, Ok(Some(_))) {
            self.source = None;
            self.admitted = None;
        }
        Poll::Ready(chunk)
    }

    fn poll_advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        let decoder = self.decoder.as_mut();
        let decoder = decoder.map_err(|error| Error::of_decode(error.clone()))?;
        loop {
            if let Some(chunk) = decoder.next_chunk().map_err(Error::of_decode)? {
                return Poll::Ready(Ok(Some(chunk)));
            }
            let Some(source) = &mut self.source else {
                return Poll::Ready(Ok(None));
            };
            match ready!(source.poll_data(cx))? {
                Some(bytes) => decoder.feed(bytes),
                None => {
                    decoder.finish().map_err(Error::of_decode)?;
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }
}

/// The length that the server has announced, or 0.
fn announced(source: &Source, headers: &HeaderMap) -> u64 {
    match source {
        Source::Http1(incoming, _) => incoming.size_hint().lower(),
        Source::Service(answered) => answered.length_min(),
        Source::Recorded(recorded) => recorded.length_min(),
        Source::Http2(exchange) if exchange.is_end_stream() => 0,
        Source::Http2(_) => headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse().ok())
            .unwrap_or(0),
    }
}
