//! The events of one response.
//!
//! It reads only as fast as it is asked to, and never connects again.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::task::coop::poll_proceed;
use url::Url;

use super::head::check_type;
use super::parser::Parser;
use super::{Event, MAX_EVENT};
use crate::incoming::Body;
use crate::{Error, Kind, Response, Result};

/// The events of a response, until it ends or breaks; see [`Response::events`].
///
/// It is a [`Stream`] too. Dropping it gives up the rest of the response and frees its connection.
#[must_use = "events do nothing until they are asked for"]
pub struct Events {
    /// Gone after the end.
    body: Option<Body>,
    parser: Parser,
    url: Url,
}

impl Response {
    /// The events of this response, which is one of the type `text/event-stream`.
    ///
    /// The total timeout and the limit on the body hold as for every body: for a stream that goes
    /// on, switch them off, or let [`RequestBuilder::events`](crate::RequestBuilder::events) send
    /// the request.
    ///
    /// # Errors
    ///
    /// [`Kind::Decode`] if the type is another one, or names another charset than UTF-8.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// let server = Server::start(|_| {
    ///     let reply = Reply::ok("data: {\"n\": 1}\n\ndata: {\"n\": 2}\n\n");
    ///     reply.header("content-type", "text/event-stream")
    /// })
    /// .await?;
    /// let client = Client::new()?;
    /// let mut events = client.get(server.url("/"))?.send().await?.events()?;
    /// let mut sum = 0;
    /// while let Some(event) = events.next().await {
    ///     sum += event?.json::<serde_json::Value>()?["n"].as_u64().unwrap_or(0);
    /// }
    /// assert_eq!(sum, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(self) -> Result<Events> {
        let (head, body, url) = self.into_parts();
        check_type(&head.headers).map_err(|error| error.about(&url))?;
        Ok(Events {
            body: Some(body),
            parser: Parser::new(MAX_EVENT),
            url,
        })
    }
}

impl Events {
    /// Sets the most bytes of an event; by default [`MAX_EVENT`].
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.parser.set_limit(bytes);
        self
    }

    /// The id of the last event; empty if there was none.
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// The next event; `None` at the end of the response. An event that is cut off by the end is
    /// not one.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// As [`Response::chunk`], and [`Kind::TooLarge`] for an event beyond the limit. Nothing
    /// follows an error.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let event = ready!(poll_event(&mut self.parser, body, || {}, cx));
        if !matches!(event, Ok(Some(_))) {
            self.body = None;
        }
        let event = event.map_err(|error| error.about(&self.url));
        Poll::Ready(event.transpose())
    }
}

/// The next event of `body`; `None` at its end. `arrived` is called for each chunk.
pub(super) fn poll_event(
    parser: &mut Parser,
    body: &mut Body,
    mut arrived: impl FnMut(),
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Event>>> {
    loop {
        if let Some(event) = parser.next_event() {
            let event = event.map_err(|error| Error::new(Kind::TooLarge).from(error));
            return Poll::Ready(event.map(Some));
        }
        // Comments without end would not let others run.
        let turn = ready!(poll_proceed(cx));
        let chunk = ready!(body.poll_chunk(cx))?;
        turn.made_progress();
        let Some(chunk) = chunk else {
            return Poll::Ready(Ok(None));
        };
        arrived();
        parser.feed(chunk);
    }
}

impl Stream for Events {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

/// Without what was read, which may hold secrets.
impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("url", &self.url.as_str())
            .field("parser", &self.parser)
            .finish_non_exhaustive()
    }
}
