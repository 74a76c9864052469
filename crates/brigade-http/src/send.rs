//! From a request to its response: each hop of the redirects and each attempt of the retries.
//!
//! What is sent again, and why, is decided here and in [`crate::exchange`], nowhere else. Neither
//! ever sends anything twice that no rule allows.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use brigade::clock;
use brigade_core::time::Moment;
use http::StatusCode;
use tracing::Instrument;
use url::Url;

use crate::body::{Payload, RequestBody};
use crate::client::Inner;
use crate::deadline::Deadline;
use crate::draft::{Draft, Hop};
use crate::exchange::exchange;
use crate::head::merged;
use crate::redirect;
use crate::response::Response;
use crate::retry::{Failure, parse_retry_after, retry_after_max};
use crate::served::served;
use crate::settings::Settings;
use crate::watch::{Outcome, Watched};
use crate::{Error, Kind, Phase, Result};

/// Sends a request on its way.
pub(crate) async fn send(client: &Inner, mut draft: Box<Draft>) -> Result<Response> {
    let mut now = clock::now();
    let total = Deadline::total(now, draft.settings.timeouts.total);
    if let Some(later) = draft.later.take() {
        // Boxed, because it is rare and its state is large.
        let settled = Box::pin(total.bound(RequestBody::from(later).settle())).await;
        let settled = settled.and_then(|body| body.map_err(Error::of_body));
        draft.hop.body = settled.map_err(|error| error.about(&draft.hop.url))?;
        now = clock::now();
    }
    let mut attempts = Attempts {
        client,
        settings: &draft.settings,
        total,
        begun: Some(now),
        failures: 0,
        hops: 0,
    };
    let answer = loop {
        match attempts.once(&mut draft.hop).await {
            Ok(Next::Answer(answer)) => break answer,
            Ok(Next::Hop) => {}
            Ok(Next::Wait(delay)) => tokio::select! {
                biased;
                () = client.pool.closing() => {
                    return Err(Error::new(Kind::Closed).about(&draft.hop.url));
                }
                () = tokio::time::sleep(delay) => {}
            },
            Err(error) => return Err(error.about(&draft.hop.url)),
        }
    };
    Ok(answer.finish(draft.hop.url, &draft.settings))
}

/// How an attempt ended, for who watches it.
fn outcome(sent: &Result<Response>) -> Outcome {
    match sent {
        Ok(head) => Outcome::Answered {
            status: head.status(),
            version: head.version(),
            peer: head.peer(),
        },
        Err(error) => Outcome::Failed(error.kind()),
    }
}

/// What follows from one attempt.
enum Next {
    Answer(Response),
    /// The request goes to another URL.
    Hop,
    /// The request is sent again after a while.
    Wait(Duration),
}

/// What a request has behind it, and what it may still do.
struct Attempts<'a> {
    client: &'a Inner,
    settings: &'a Settings,
    total: Deadline,
    /// The time, as long as none has passed.
    begun: Option<Moment>,
    failures: u32,
    hops: u32,
}

impl Attempts<'_> {
    async fn once(&mut self, hop: &mut Hop) -> Result<Next> {
        let admitted = match &self.client.limit {
            None => None,
            // Boxed, because it is rare and its state is large.
            Some(limit) => {
                self.begun = None;
                Some(Box::pin(limit.admit(&hop.url, &self.client.pool, self.total)).await?)
            }
        };
        let now = self.begun.take().unwrap_or_else(clock::now);
        let resent = hop.resent.load(Relaxed);
        let mut watched = Watched::begin(&hop.method, &hop.url, resent);
        let mut sent = match watched.span.is_disabled() && self.client.service.is_none() {
            true => exchange(self.client, hop, &self.settings.timeouts, (self.total, now)).await,
            // Boxed, because it is rare and its state is large.
            false => Box::pin(self.aside(hop, now).instrument(watched.span.clone())).await,
        };
        let moved = hop.resent.load(Relaxed);
        watched.end(&outcome(&sent), (moved > resent).then_some(moved));
        let _in_span = watched.span.enter();
        if let (Ok(head), Some(admitted)) = (&mut sent, admitted) {
            self.heed(&hop.url, head);
            head.hold(admitted);
        }
        self.next(hop, sent)
    }

    /// What is off the common way: a request that is watched, or answered by a service.
    async fn aside(&self, hop: &Hop, now: Moment) -> Result<Response> {
        let timeouts = &self.settings.timeouts;
        match &self.client.service {
            Some(service) => served(&**service, self.client, hop, timeouts, self.total).await,
            None => exchange(self.client, hop, timeouts, (self.total, now)).await,
        }
    }

    /// Has everybody leave a host alone that asked for it.
    fn heed(&self, url: &Url, head: &Response) {
        let is_busy = matches!(
            head.status(),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        if is_busy
            && let Some(limit) = &self.client.limit
            && let Some(asked) = parse_retry_after(head.headers(), SystemTime::now())
        {
            let asked = asked.min(retry_after_max(self.settings.retry.as_deref()));
            tracing::debug!(server.address = url.host_str(), ?asked, "pausing the host");
            limit.pause(url, asked);
        }
    }

    fn next(&mut self, hop: &mut Hop, sent: Result<Response>) -> Result<Next> {
        match sent {
            Ok(head) => {
                #[cfg(feature = "cookies")]
                if let Some(jar) = &self.client.cookies {
                    jar.keep(&hop.url, head.headers());
                }
                let failure = Failure::Status(head.status(), head.headers());
                if let Some(delay) = self.delay(failure, hop) {
                    return Ok(Next::Wait(delay));
                }
                match self.follow(hop, &head)? {
                    true => Ok(Next::Hop),
                    false => Ok(Next::Answer(head)),
                }
            }
            Err(error) => {
                let failure = match error.kind() {
                    Kind::Dns | Kind::Connect | Kind::Timeout(Phase::Connect) => Failure::Unsent,
                    Kind::Protocol | Kind::Timeout(Phase::Read | Phase::Write) => {
                        Failure::Interrupted
                    }
                    _ => return Err(error),
                };
                self.delay(failure, hop).map(Next::Wait).ok_or(error)
            }
        }
    }

    /// How long to wait before the next attempt, if the policy and the total timeout allow one.
    fn delay(&mut self, failure: Failure<'_>, hop: &Hop) -> Option<Duration> {
        let policy = self.settings.retry.as_ref()?;
        let spent = &self.client.spent;
        if let Failure::Status(status, _) = failure
            && !policy.concerns(status)
        {
            // Most responses end here, before a clock is read for them.
            spent.succeeded(policy, &hop.url);
            return None;
        }
        let now = SystemTime::now();
        let is_affordable = spent.failed(policy, failure, &hop.url, now);
        if !hop.body.is_whole() {
            return None;
        }
        let (is_idempotent, random) = (hop.is_idempotent(), fastrand::f64());
        let delay = policy.wait(failure, is_idempotent, self.failures, now, random)?;
        // An answer now is worth more than a timeout later.
        if clock::now() + delay >= self.total.at {
            return None;
        }
        if !is_affordable {
            tracing::debug!("not sending again: the retry budget of the server is spent");
            return None;
        }
        self.failures += 1;
        hop.resent.fetch_add(1, Relaxed);
        let failures = self.failures;
        tracing::debug!(failures, ?delay, reason = failure.reason(), "sending again");
        Some(delay)
    }

    /// Turns `hop` into the next one if `head` redirects it.
    fn follow(&mut self, hop: &mut Hop, head: &Response) -> Result<bool> {
        let decision = redirect::decide(&redirect::Hop {
            status: head.status(),
            headers: head.headers(),
            method: &hop.method,
            url: &hop.url,
            hops: self.hops,
            limit: self.settings.redirects,
        });
        let Some(follow) = decision.map_err(Error::of_redirect)? else {
            return Ok(false);
        };
        if follow.keep_body && !hop.body.is_whole() {
            let detail = "the redirect asks for the body again, which is a stream that can be read \
                          only once (RequestBody::repeatable makes it anew)";
            return Err(Error::new(Kind::RequestBody).because(detail));
        }
        self.hops += 1;
        // The client's headers are subject to the same rules as the request's own.
        hop.headers = merged(self.client, hop, None);
        hop.merged = true;
        follow.apply(&mut hop.headers);
        if !follow.keep_body {
            hop.body = Payload::empty();
        }
        hop.method = follow.method;
        hop.url = follow.url;
        hop.resent.fetch_add(1, Relaxed);
        tracing::debug!(server.address = hop.url.host_str(), "following a redirect");
        Ok(true)
    }
}
