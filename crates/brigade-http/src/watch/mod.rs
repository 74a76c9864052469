//! What can be watched of a client from outside: spans, events and metrics, by the names of
//! OpenTelemetry's conventions for HTTP clients.
//!
//! Nothing here has to be switched on in the client: a subscriber of [`tracing`], or a recorder of
//! the `metrics` facade with the feature `metrics`, sees it. Without one, a request pays for a
//! few loads of memory. What a client is doing at the moment is [`Client::stats`](crate::Client::stats).
//!
//! No header value, password or login of a proxy is in any of it. The query of a URL is, because it
//! is a part of what was asked for, but for the values of signatures: those that the conventions
//! name (`AWSAccessKeyId`, `Signature`, `sig`, `X-Goog-Signature`) and those of AWS
//! (`X-Amz-Credential`, `X-Amz-Security-Token`, `X-Amz-Signature`), in any case.
//!
//! # Spans
//!
//! Each request that is sent is a span at the level `INFO`, in the span of the caller: one for the
//! first and one for each that follows it, after a redirect or because of the retry policy. As the
//! conventions want it, there is none for all of them together. It begins before the request waits for a
//! connection and ends when the head of its response is there, because a body may be read much
//! later or not at all.
//!
//! | field | value |
//! |---|---|
//! | `otel.name` | the method, `HTTP` if it is not a common one |
//! | `otel.kind` | `client` |
//! | `otel.status_code` | `ERROR` if it failed, or was answered with 400 or above |
//! | `http.request.method` | the method; `_OTHER` and `http.request.method_original` if it is not a common one |
//! | `http.request.resend_count` | how often it was sent before, if it was, whatever the reason |
//! | `url.full` | the URL without user, password and fragment |
//! | `server.address`, `server.port` | those of the URL |
//! | `network.peer.address`, `network.peer.port` | those of the socket, of a proxy if there is one |
//! | `network.protocol.version` | `1.0`, `1.1` or `2` |
//! | `http.response.status_code` | the status |
//! | `error.type` | [`Kind::name`](crate::Kind::name), the status from 400 on, or `cancelled` if the request was dropped |
//!
//! A request that moves to another connection because the one it was on was dead stays in its span,
//! whose `http.request.resend_count` then counts that too.
//!
//! The dial that was begun for a request is a span `connect` in that of the request, with
//! `server.address`, `server.port` and `error.type`. It ends when the request has no more use for
//! the dial, which may go on.
//!
//! # Events
//!
//! At the level `DEBUG`, in the span of what they are about: `connected`, `reused` (a connection),
//! `moving to another connection`, `following a redirect`, `sending again` (with `delay` and
//! `reason`), `timed out` and `failed` (with `error.type`), `evicted` (a connection, because somebody
//! waits for its place) and `retired` (one that is not needed). A body that fails later says so in the
//! span of who reads it.
//!
//! # Metrics
//!
//! With the feature `metrics`:
//!
//! | metric | unit | labels |
//! |---|---|---|
//! | `http.client.request.duration`, a histogram, over the same time as a span | s | `http.request.method`, `server.address`, `server.port`, and where known `http.response.status_code`, `network.protocol.version`, `error.type` |
//! | `http.client.active_requests`, a gauge, those with an open span | | `http.request.method`, `server.address`, `server.port` |
//! | `http.client.open_connections`, a gauge | | `http.connection.state` (`active` or `idle`), `server.address`, `server.port`, `network.protocol.version` |
//! | `http.client.connection.duration`, a histogram of connections that have ended | s | `server.address`, `server.port`, `network.protocol.version` |
//! | `brigade.client.pool.wait.duration`, a histogram of requests that had to wait for a connection, dials included | s | `server.address`, `server.port`, and `error.type` if they got none |
//!
//! Labels of servers are as many as the servers that are asked: a program that asks millions should
//! let its recorder drop `server.address`.

#[cfg(feature = "metrics")]
mod meter;
#[cfg(not(feature = "metrics"))]
#[path = "unmeasured.rs"]
mod meter;
mod outcome;
mod redact;
mod request;

pub(crate) use meter::{ConnectionMeter, WaitMeter, describe};
pub(crate) use outcome::Outcome;
pub(crate) use request::{Watched, dial};
