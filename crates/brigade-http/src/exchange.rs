//! One request on one connection, and the cases in which it moves to another.
//!
//! A server may close an idle connection at the moment a request is sent on it. Then the request is
//! sent again: if no byte of it left, or, once, if it is idempotent and no byte of the response
//! arrived. A fresh connection that breaks is an error. With HTTP/2 a server may also say that it
//! has not looked at a request, which then moves on, a few times at most.

use std::future::poll_fn;
use std::time::Duration;

use brigade::clock;
use brigade_core::time::Moment;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode, Uri};

use crate::client::Inner;
use crate::deadline::Deadline;
use crate::draft::Hop;
use crate::head::{request1, request2, target};
use crate::incoming::Source;
use crate::pool::connection::{self, Asked2, Connection, Failure, Terms};
use crate::pool::{DialPlan, Lease};
use crate::proxy::Server;
use crate::recording::{self, Recorded};
use crate::response::Response;
use crate::{Error, Kind, Phase, Result, Timeouts};

/// How often a request moves on because a server has not looked at it. A connection on which it
/// has answered another one is not counted.
const UNPROCESSED_MAX: u32 = 5;

/// How long a refused request waits before it moves on, at first; it doubles each time.
const REFUSED_DELAY: Duration = Duration::from_millis(20);

/// Sends `hop` and waits for the head of its response. `now` is when it begins.
pub(crate) async fn exchange(
    client: &Inner,
    hop: &Hop,
    timeouts: &Timeouts,
    (total, now): (Deadline, Moment),
) -> Result<Response> {
    let proxy = match hop.switch {
        // A connection that leaves HTTP goes past every proxy.
        Some(_) => None,
        None => client.proxies().asked_for(&hop.url),
    };
    let mut attempt = Attempt {
        client,
        hop,
        terms: Terms {
            read: timeouts.read,
            write: timeouts.write,
            total: total.at,
        },
        // Before anything is opened, so that what cannot be sent costs no connection.
        target: Some(target(&hop.url, proxy.is_some())?),
        proxy,
        stale: None,
        unprocessed: 0,
        begun: None,
    };
    let key = hop.key();
    let mut now = Some(now);
    loop {
        let at = now.take().unwrap_or_else(clock::now);
        attempt.begun = Some(at);
        let lease = match client.pool.try_checkout(&key, at) {
            Some(lease) => {
                tracing::debug!(host = ?lease.connection().map(|used| &used.host), "reused");
                lease
            }
            // Boxed, because a wait is rare and its state is large.
            None => {
                attempt.begun = None;
                Box::pin(checkout(client, hop, &key, timeouts, total)).await?
            }
        };
        let next = match lease.connection().map(|connection| connection.is_http2) {
            Some(true) => attempt.http2(lease).await?,
            _ => attempt.http1(lease).await?,
        };
        match next {
            Next::Answer(answer) => return Ok(answer),
            Next::Again => {}
            Next::Later(delay) => total.bound(tokio::time::sleep(delay)).await?,
        }
    }
}

async fn checkout(
    client: &Inner,
    hop: &Hop,
    key: &str,
    timeouts: &Timeouts,
    total: Deadline,
) -> Result<Lease> {
    let to = DialPlan {
        url: hop.url.clone(),
        connect: timeouts.connect,
        total,
        is_switch: hop.switch.is_some(),
    };
    let limit = total.nearer(Phase::Pool, timeouts.pool);
    client.pool.checkout(key, to, limit).await
}

/// What follows from one connection's part in an exchange.
enum Next {
    Answer(Response),
    /// The request moves to another connection.
    Again,
    /// The same after a while.
    Later(Duration),
}

/// A request and what it has behind it.
struct Attempt<'a> {
    client: &'a Inner,
    hop: &'a Hop,
    terms: Terms,
    /// What the request line names, until it is used.
    target: Option<Uri>,
    /// Whom to ask for it instead of its origin.
    proxy: Option<&'a Server>,
    /// When the connection was used last that turned out to be dead.
    stale: Option<Moment>,
    /// How often a server has not looked at it.
    unprocessed: u32,
    /// The time, if nothing was waited for since it was read.
    begun: Option<Moment>,
}

impl Attempt<'_> {
    /// Whether a connection is no more suspect of being dead than a new one: after one that was last
    /// used at `stale` turned out dead, those that have been idle for longer are not tried.
    fn is_fresher(&self, connection: &Connection) -> bool {
        self.stale
            .is_none_or(|stale| connection.wire.rested() > stale)
    }

    fn target(&mut self) -> Result<Uri> {
        match self.target.take() {
            Some(target) => Ok(target),
            None => target(&self.hop.url, self.proxy.is_some()),
        }
    }

    async fn http1(&mut self, lease: Lease) -> Result<Next> {
        let Some(connection) = lease.connection() else {
            return Ok(Next::Again);
        };
        if !self.is_fresher(connection) {
            lease.dead();
            return Ok(Next::Again);
        }
        // A connection that is not used is the next one's.
        self.hop.may_leave()?;
        if let Some(switch) = &self.hop.switch {
            switch.ask(connection);
        }
        let is_fresh = connection.is_fresh();
        let target = self.target()?;
        let request = request1(self.client, self.hop, target, &connection.host, self.proxy);
        let tape = recording::tape(self.hop);
        let sent = connection::send(lease, request, self.terms, tape.as_ref());
        let (exchange, sent) = match sent {
            Ok(sent) => sent,
            Err(lease) => {
                let error = lease.connection().map(|connection| connection.broken(None));
                lease.dead();
                return match error.filter(|_| is_fresh) {
                    Some(error) => Err(error),
                    None => Ok(Next::Again),
                };
            }
        };
        let answer = sent.await;
        let connection = &exchange.connection;
        let framing = match &answer {
            Ok(head) => check_framing(connection, head.headers()),
            Err(_) => Ok(()),
        };
        let is_switched = |status| framing.is_ok() && status == StatusCode::SWITCHING_PROTOCOLS;
        if let Some(switch) = &self.hop.switch
            && !answer.as_ref().is_ok_and(|head| is_switched(head.status()))
        {
            switch.withdraw();
        }
        framing?;
        match answer {
            Ok(head) => {
                if let Some(keep) = keep_alive(head.headers()) {
                    self.client.pool.keep(connection, keep);
                }
                let (head, incoming) = head.into_parts();
                let source = match &tape {
                    None => Source::Http1(incoming, exchange),
                    Some(tape) => {
                        let tape = tape.clone();
                        let recorded = Recorded::new(incoming, exchange, tape, &head.headers);
                        Source::Recorded(recorded.into())
                    }
                };
                Ok(Next::Answer(Response::new(head, source).keep(tape)))
            }
            Err(error) => {
                let wire = &connection.wire;
                // Hyper has not taken it up, or nothing of it has left.
                let unsent = error.is_canceled() && !wire.is_written();
                let is_whole = self.hop.body.is_whole();
                let replayable = self.hop.method.is_idempotent() && !wire.is_answered();
                // A stream that failed is to blame itself.
                let may = is_whole && !error.is_user() && !self.client.pool.is_shut();
                let died = may && !is_fresh && wire.fault().is_none();
                if died && unsent {
                    return Ok(Next::Again);
                }
                if died && replayable && self.stale.is_none() {
                    self.stale = Some(wire.rested());
                    self.hop.move_on();
                    return Ok(Next::Again);
                }
                Err(connection.broken(Some(error)))
            }
        }
    }

    async fn http2(&mut self, lease: Lease) -> Result<Next> {
        let Some(connection) = lease.connection().cloned() else {
            return Ok(Next::Again);
        };
        let target = self.target()?;
        let request = request2(self.client, self.hop, target, &connection)?;
        let is_fresh = connection.is_fresh();
        let body = self.hop.body.body();
        let tape = recording::written(&request, self.hop);
        self.hop.may_leave()?;
        let failure = match Asked2::new(lease, request, body, (self.terms, self.begun)) {
            Ok(mut asked) => match poll_fn(|cx| asked.poll_head(cx)).await {
                Ok(head) => {
                    let (head, exchange) = asked.answered(head);
                    if let Some(tape) = &tape {
                        tape.set_head(recording::head(&head));
                    }
                    let source = Source::Http2(exchange);
                    return Ok(Next::Answer(Response::new(head, source).keep(tape)));
                }
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        self.after(failure, &connection, is_fresh)
    }

    /// What follows from a failure of HTTP/2.
    fn after(&mut self, failure: Failure, connection: &Connection, is_fresh: bool) -> Result<Next> {
        match failure {
            Failure::Final(error) => Err(error),
            Failure::Unprocessed { error, .. } | Failure::Died(error)
                if !self.hop.body.is_whole() =>
            {
                Err(error)
            }
            Failure::Unprocessed { error, is_refused } => {
                // A server that ends its connections after a few requests each gets on with them.
                if !is_refused && connection.wire.has_served() && !self.client.pool.is_shut() {
                    return Ok(Next::Again);
                }
                if self.unprocessed == UNPROCESSED_MAX || self.client.pool.is_shut() {
                    return Err(error);
                }
                let delay = REFUSED_DELAY * (1 << self.unprocessed);
                self.unprocessed += 1;
                self.hop.move_on();
                match is_refused {
                    true => Ok(Next::Later(delay.mul_f64(0.5 + fastrand::f64() / 2.0))),
                    false => Ok(Next::Again),
                }
            }
            Failure::Died(error) => {
                let may = self.hop.method.is_idempotent() && !self.client.pool.is_shut();
                if may && !is_fresh && self.stale.is_none() {
                    self.stale = Some(connection.opened);
                    self.hop.move_on();
                    return Ok(Next::Again);
                }
                Err(error)
            }
        }
    }
}

/// Whether everybody on the way agrees on where the response ends (RFC 9112, section 6).
fn check_framing(connection: &Connection, headers: &HeaderMap) -> Result<()> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else {
        return Ok(());
    };
    let is_chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if !is_chunked || codings.next().is_some() {
        connection.retire(false);
        let detail = "the response has a transfer encoding that was not asked for";
        return Err(Error::new(Kind::Protocol).because(detail));
    }
    if headers.contains_key(CONTENT_LENGTH) {
        // What follows may have been meant as a part of this response.
        connection.retire(false);
    }
    Ok(())
}

/// How long the server keeps the connection, less a margin for what is under way.
///
/// The margin is two seconds, or half of what the server gives if that is less.
fn keep_alive(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let seconds = value.split(',').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        is_timeout
            .then(|| value.trim().parse::<u32>().ok())
            .flatten()
    })?;
    let given = Duration::from_secs(seconds.into());
    Some(given - (given / 2).min(Duration::from_secs(2)))
}
