//! One sequence of events out of as many responses as it takes.
//!
//! The state lives here and not in the future of `next`, so a dropped `next` loses nothing and
//! sends nothing twice. No request is sent while another one of the same source is under way.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use brigade::clock;
use brigade_core::backoff::Backoff;
use futures_util::Stream;
use http::header::{ACCEPT, CACHE_CONTROL, HeaderName, HeaderValue};
use url::Url;

use super::open::{Open, opened};
use super::parser::Parser;
use super::reconnect::{Lost, Next, Rules, only};
use super::{Event, MAX_EVENT};
use crate::deadline::Deadline;
use crate::{Client, Error, Kind, RequestBuilder, Response, Result};

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Events from a server, over as many connections as it takes; see [`RequestBuilder::events`].
///
/// It is a [`Stream`] too. Dropping it ends the response and frees its connection.
#[must_use = "an event source does nothing until it is asked for events"]
pub struct EventSource {
    /// Gone once it was sent and cannot be sent again.
    request: Option<RequestBuilder>,
    /// Where it leads.
    url: Url,
    rules: Rules,
    parser: Parser,
    state: State,
    /// How often in a row it has connected again without success.
    failures: u32,
    reconnected: u64,
}

enum State {
    Idle,
    /// Waits, and then for the head of a response.
    Connecting(Pin<Box<dyn Future<Output = Result<Response>> + Send>>),
    Open(Box<Open>),
    Ended,
}

impl RequestBuilder {
    /// The events that the server sends in answer to this request, a GET in most cases: they go on
    /// when the connection is lost.
    ///
    /// The request is sent when the first event is asked for, with `Accept: text/event-stream` and
    /// `Cache-Control: no-cache` if it does not set these itself, and follows redirects as always.
    /// It is sent again, with the id of the last event in `Last-Event-ID`, when the stream ends or
    /// breaks, when there is no connection, and after the statuses 408, 429 and 5xx:
    ///
    /// * if its method is idempotent; a POST is sent once, unless [`EventSource::any_method`] says
    ///   that it may be repeated, and the end of its stream is the end of the events;
    /// * after the time that the server has set (the field `retry`, a header `Retry-After`), or
    ///   three seconds, and longer while it fails again and again ([`EventSource::backoff`]);
    /// * ten times in a row at most ([`EventSource::reconnects`]). An event begins a new row, and
    ///   so does a heartbeat on a stream that is older than ten seconds.
    ///
    /// 204 ends the events. Another status than 200, another type than `text/event-stream` and an
    /// event that is too large are errors, and final.
    ///
    /// Of the timeouts, the total one ends with the head of each response, since a stream has no
    /// end. The read timeout finds servers that are gone: if a server sends heartbeats more seldom
    /// than every 30 seconds, give it more time, or `None`. The limit on the body does not apply,
    /// that on an event does. A retry policy is not needed, and not used where this one is.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// // Ends after each event, and ends for good after the second.
    /// let server = Server::start(|request| {
    ///     let reply = match request.header("last-event-id") {
    ///         None => Reply::ok("retry: 10\nid: 1\ndata: one\n\n"),
    ///         Some("1") => Reply::ok("id: 2\ndata: two\n\n"),
    ///         Some(_) => Reply::status(204),
    ///     };
    ///     reply.header("content-type", "text/event-stream")
    /// })
    /// .await?;
    /// let client = Client::new()?;
    /// let mut events = client.get(server.url("/"))?.events();
    /// let mut seen = Vec::new();
    /// while let Some(event) = events.next().await {
    ///     seen.push(event?.into_data());
    /// }
    /// assert_eq!(seen, ["one", "two"]);
    /// assert_eq!(events.reconnected(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn events(mut self) -> EventSource {
        let mut parser = Parser::new(MAX_EVENT);
        let hop = &mut self.draft_mut().hop;
        let (url, headers) = (hop.url.clone(), &mut hop.headers);
        let event_stream = HeaderValue::from_static("text/event-stream");
        headers.entry(ACCEPT).or_insert(event_stream);
        let no_cache = HeaderValue::from_static("no-cache");
        headers.entry(CACHE_CONTROL).or_insert(no_cache);
        // From now on it is the source's.
        if let Some(id) = headers.remove(&LAST_EVENT_ID) {
            parser.set_last_event_id(&String::from_utf8_lossy(id.as_bytes()));
        }
        EventSource {
            request: Some(self.max_body(None)),
            url,
            rules: Rules::default(),
            parser,
            state: State::Idle,
            failures: 0,
            reconnected: 0,
        }
    }
}

/// The settings, to be made before the first event is asked for.
impl EventSource {
    /// Goes on behind the event with this id, which was seen earlier, by another run perhaps.
    ///
    /// An id with bytes that no header can carry is not sent.
    pub fn resume_after(mut self, id: &str) -> Self {
        self.parser.set_last_event_id(id);
        self
    }

    /// Begins with this response, which the same request has got already, instead of sending it: for
    /// those who ask first and then see that events are the answer.
    ///
    /// # Examples
    ///
    /// ```
    /// use brigade_http::Client;
    /// # use brigade_testkit::server::{Reply, Server};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = Server::start(|_| {
    /// #     Reply::ok("data: one\n\n").header("content-type", "text/event-stream")
    /// # })
    /// # .await?;
    /// # let url = server.url("/");
    /// let client = Client::new()?;
    /// let response = client.get(&url)?.send().await?;
    /// if response.headers()["content-type"] == "text/event-stream" {
    ///     let mut events = client.get(&url)?.events().begin_with(response);
    ///     assert_eq!(events.next().await.unwrap()?.data(), "one");
    /// }
    /// # assert_eq!(server.requests().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin_with(mut self, response: Response) -> Self {
        self.state = State::Connecting(Box::pin(std::future::ready(Ok(response))));
        self
    }

    /// How often in a row it connects again without having received an event; by default 10. With
    /// 0 it does not connect again, and the end of the stream is the end of the events.
    pub fn reconnects(mut self, times: u32) -> Self {
        self.rules.reconnects = times;
        self
    }

    /// Says that a request with any method may be sent again to this server, a POST too.
    pub fn any_method(mut self) -> Self {
        self.rules.any_method = true;
        self
    }

    /// How the wait grows while connecting again fails; by default from half a second to a minute.
    /// The time that the server has set is a minimum.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.rules.backoff = backoff;
        self
    }

    /// The longest wait that the server may ask for; by default one hour. A longer one is an error
    /// instead of being cut short.
    pub fn wait_max(mut self, longest: Duration) -> Self {
        self.rules.wait_max = longest;
        self
    }

    /// The most bytes of an event; by default [`MAX_EVENT`].
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.parser.set_limit(bytes);
        self
    }
}

impl EventSource {
    /// The id to resume after: that of the last event, or what the server has set since then
    /// without an event; empty if there was none.
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// How often it has connected again, or tried to, or is about to.
    pub fn reconnected(&self) -> u64 {
        self.reconnected
    }

    /// Ends the response, frees its connection, and ends the events.
    pub fn close(&mut self) {
        self.state = State::Ended;
        self.request = None;
    }

    /// The next event; `None` when the server has said that there are no more, or the stream has
    /// ended and is not asked for again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped: the next call goes on where it was, be it in
    /// the middle of connecting.
    ///
    /// # Errors
    ///
    /// Only what is final: the last failure when connecting again was tried often enough or is not
    /// allowed, [`Kind::Status`] for a status that is not 200, [`Kind::Decode`] for a response that
    /// is not a stream of events, [`Kind::TooLarge`] for an event beyond the limit, and whatever
    /// another attempt would not change. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            let lost = match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Idle => {
                    self.connect(Duration::ZERO);
                    continue;
                }
                State::Connecting(head) => match opened(ready!(head.as_mut().poll(cx))) {
                    Ok(open) => {
                        self.state = State::Open(open.into());
                        continue;
                    }
                    Err(lost) => lost,
                },
                State::Open(open) => {
                    match ready!(open.poll_event(&mut self.parser, &mut self.failures, cx)) {
                        Ok(event) => return Poll::Ready(Some(Ok(event))),
                        Err(lost) => lost,
                    }
                }
            };
            match self.after(lost) {
                Next::Wait(delay) => self.connect(delay),
                Next::End => self.close(),
                Next::Fail(error) => {
                    self.close();
                    return Poll::Ready(Some(Err(error.about(&self.url))));
                }
            }
        }
    }

    fn after(&mut self, lost: Lost) -> Next {
        if !self.may_repeat() {
            return only(lost);
        }
        let reason = lost.reason().to_owned();
        let (failures, retry) = (self.failures, self.parser.retry());
        let next = self.rules.next(lost, failures, retry, fastrand::f64());
        if let Next::Wait(delay) = &next {
            self.failures += 1;
            self.reconnected += 1;
            tracing::debug!(failures, ?delay, reason, "the events are asked for again");
        }
        next
    }

    /// Whether the request is still here and may be sent again.
    fn may_repeat(&self) -> bool {
        let draft = self.request.as_ref().map(RequestBuilder::draft);
        draft.is_some_and(|draft| draft.is_repeatable() && self.rules.repeat(&draft.hop.method))
    }

    /// The request as it is sent next.
    fn request(&mut self) -> Option<RequestBuilder> {
        let may_repeat = self.may_repeat();
        let again = self.request.as_ref().and_then(RequestBuilder::again);
        let mut request = again.or_else(|| self.request.take())?;
        let draft = request.draft_mut();
        if may_repeat {
            // Two rules for the same would multiply.
            draft.settings.retry = None;
        }
        match HeaderValue::from_bytes(self.parser.last_event_id().as_bytes()) {
            Ok(id) if !id.is_empty() => {
                draft.hop.headers.insert(&LAST_EVENT_ID, id);
            }
            Ok(_) => {}
            Err(_) => tracing::debug!("the id of the last event cannot be sent"),
        }
        Some(request)
    }

    /// Begins to wait, and then to connect.
    fn connect(&mut self, delay: Duration) {
        self.parser.restart();
        let Some(mut request) = self.request() else {
            return self.close();
        };
        let total = request.draft_mut().settings.timeouts.total.take();
        self.state = State::Connecting(Box::pin(async move {
            if !delay.is_zero() {
                wait(request.client(), delay).await?;
            }
            let limit = Deadline::total(clock::now(), total);
            limit.bound(request.send()).await?
        }));
    }
}

async fn wait(client: &Client, delay: Duration) -> Result<()> {
    tokio::select! {
        biased;
        () = client.inner.pool.closing() => Err(Error::new(Kind::Closed)),
        () = tokio::time::sleep(delay) => Ok(()),
    }
}

impl Stream for EventSource {
    type Item = Result<Event>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx)
    }
}

/// Without what was read, which may hold secrets.
impl fmt::Debug for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Idle => "idle",
            State::Connecting(_) => "connecting",
            State::Open(_) => "open",
            State::Ended => "ended",
        };
        f.debug_struct("EventSource")
            .field("url", &self.url.as_str())
            .field("state", &state)
            .field("rules", &self.rules)
            .field("reconnected", &self.reconnected)
            .finish_non_exhaustive()
    }
}
