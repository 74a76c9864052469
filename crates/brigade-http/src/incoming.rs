//! The body of a response on its way from the connection to the caller.
//!
//! Decoding, the limit and the reasons for a broken end meet here. Once it has ended or failed it
//! holds nothing of the connection any more, and a failure is never mistaken for an end.

use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use hyper::body::Incoming;

use crate::decode::{self, Decoder};
use crate::exchange::broken;
use crate::pool::connection::Exchange;
use crate::settings::Settings;
use crate::{Error, Kind, Result};

#[derive(Debug)]
pub(crate) struct Body {
    /// Gone after the end.
    source: Option<Source>,
    decoder: Result<Decoder, decode::Error>,
    failed: Option<Kind>,
}

#[derive(Debug)]
struct Source {
    incoming: Incoming,
    exchange: Exchange,
}

impl Body {
    pub(crate) fn new(
        incoming: Incoming,
        exchange: Exchange,
        headers: &HeaderMap,
        settings: &Settings,
    ) -> Self {
        // A response without a body may still name the encoding that its body would have.
        let plain = incoming.is_end_stream() || !settings.compression;
        let limit = settings.body_max;
        let decoder = match plain {
            true => Decoder::new(&HeaderMap::new(), limit),
            false => Decoder::new(headers, limit),
        };
        // What is announced to be too large need not be waited for.
        let announced = incoming.size_hint().lower();
        let decoder = decoder.and_then(|decoder| match limit {
            Some(limit) if decoder.is_identity() && announced > limit => {
                Err(decode::Error::TooLarge { limit })
            }
            _ => Ok(decoder),
        });
        Self {
            source: Some(Source { incoming, exchange }),
            decoder,
            failed: None,
        }
    }

    /// The next decoded chunk, never empty.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        if let Some(kind) = self.failed {
            return Err(Error::new(kind).because("the body has failed before"));
        }
        let chunk = self.advance().await;
        if let Err(error) = &chunk {
            self.failed = Some(error.kind());
        }
        if !matches!(chunk, Ok(Some(_))) {
            self.source = None;
        }
        chunk
    }

    async fn advance(&mut self) -> Result<Option<Bytes>> {
        let decoder = self.decoder.as_mut();
        let decoder = decoder.map_err(|error| Error::of_decode(error.clone()))?;
        loop {
            if let Some(chunk) = decoder.next_chunk().map_err(Error::of_decode)? {
                return Ok(Some(chunk));
            }
            let Some(source) = &mut self.source else {
                return Ok(None);
            };
            let incoming = &mut source.incoming;
            match std::future::poll_fn(|cx| Pin::new(&mut *incoming).poll_frame(cx)).await {
                // Trailers say nothing about the body.
                Some(Ok(frame)) => decoder.feed(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Err(broken(&source.exchange.connection, Some(error))),
                None => {
                    decoder.finish().map_err(Error::of_decode)?;
                    return Ok(None);
                }
            }
        }
    }
}
