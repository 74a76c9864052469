//! One request as it is watched: its span and its metrics, from beginning to end.
//!
//! It is a value that a request holds, so that one that is dropped is seen to end as well. Where
//! nobody watches it reads no clock, allocates nothing and formats nothing.

use http::Method;
use tracing::field::{Empty, display};
use tracing::{Span, debug, info_span};
use url::Url;

use super::meter::RequestMeter;
use super::outcome::{Outcome, method_name, version_name};
use super::redact::{Shown, server};
use crate::Kind;

/// A request that has begun. Dropping it before its end means that it was cancelled.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) span: Span,
    meter: RequestMeter,
    is_over: bool,
}

impl Watched {
    /// `resent` is how often the request was sent before.
    pub(crate) fn begin(method: &Method, url: &Url, resent: u32) -> Self {
        let name = method_name(method);
        let span = info_span!(
            "HTTP request",
            otel.name = name.unwrap_or("HTTP"),
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = name.unwrap_or("_OTHER"),
            http.request.method_original = name.is_none().then(|| method.as_str()),
            http.request.resend_count = (resent > 0).then_some(resent),
            url.full = %Shown(url),
            server.address = server(url),
            server.port = url.port_or_known_default(),
            network.peer.address = Empty,
            network.peer.port = Empty,
            network.protocol.version = Empty,
            http.response.status_code = Empty,
            error.type = Empty,
        );
        Self {
            span,
            meter: RequestMeter::begin(method, url),
            is_over: false,
        }
    }

    /// The request has ended. `resent` is how often it was sent before, if that changed meanwhile.
    pub(crate) fn end(&mut self, outcome: &Outcome, resent: Option<u32>) {
        self.is_over = true;
        self.meter.end(outcome);
        if self.span.is_disabled() {
            return;
        }
        if let Some(resent) = resent {
            self.span.record("http.request.resend_count", resent);
        }
        if let Outcome::Answered {
            status,
            version,
            peer,
        } = outcome
        {
            self.span
                .record("http.response.status_code", status.as_u16());
            self.span
                .record("network.protocol.version", version_name(*version));
            if let Some(peer) = peer {
                self.span.record("network.peer.address", display(peer.ip()));
                self.span.record("network.peer.port", peer.port());
            }
        }
        if let Some(error_type) = outcome.error_type() {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", error_type);
        }
        match outcome {
            Outcome::Failed(kind @ Kind::Timeout(_)) => {
                debug!(parent: &self.span, error.type = kind.name(), "timed out");
            }
            Outcome::Failed(kind) => {
                debug!(parent: &self.span, error.type = kind.name(), "failed");
            }
            Outcome::Answered { .. } | Outcome::Cancelled => {}
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(&Outcome::Cancelled, None);
        }
    }
}

/// The span of a dial to the server of `url` that was begun for the request with the span `parent`.
pub(crate) fn dial(parent: Option<&Span>, url: &Url) -> Span {
    info_span!(
        parent: parent.and_then(Span::id),
        "connect",
        server.address = server(url),
        server.port = url.port_or_known_default(),
        error.type = Empty,
    )
}
