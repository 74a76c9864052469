//! The metrics of requests, waits and connections, on the `metrics` facade.
//!
//! A gauge must come back to zero whatever happens, so each is moved by a value that is dropped, or
//! by the transitions of one atomic number. Foreign code (the recorder) is never called under a
//! lock of the client.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::AcqRel};

use brigade::clock;
use brigade_core::time::Moment;
use http::{Method, Version};
use metrics::{Gauge, Label, Unit, gauge, histogram};
use url::Url;

use super::outcome::{Outcome, method_name, version_name};
use super::redact::server;
use crate::Error;

const REQUEST_DURATION: &str = "http.client.request.duration";
const ACTIVE_REQUESTS: &str = "http.client.active_requests";
const OPEN_CONNECTIONS: &str = "http.client.open_connections";
const CONNECTION_DURATION: &str = "http.client.connection.duration";
const WAIT_DURATION: &str = "brigade.client.pool.wait.duration";

/// Says what the metrics mean. Each client does, because a recorder may come after the first.
pub(crate) fn describe() {
    use metrics::{describe_gauge, describe_histogram};
    describe_histogram!(
        REQUEST_DURATION,
        Unit::Seconds,
        "How long requests took, from their begin to the head of their response."
    );
    describe_gauge!(ACTIVE_REQUESTS, Unit::Count, "Requests without a response.");
    describe_gauge!(OPEN_CONNECTIONS, Unit::Count, "Connections that are open.");
    describe_histogram!(
        CONNECTION_DURATION,
        Unit::Seconds,
        "How long connections were open."
    );
    describe_histogram!(
        WAIT_DURATION,
        Unit::Seconds,
        "How long requests waited that had to wait for a connection."
    );
}

fn seconds(since: Moment) -> f64 {
    clock::now().since(since).as_secs_f64()
}

/// The labels of a server, with room for others.
fn server_labels(url: &Url) -> Vec<Label> {
    let port = url.port_or_known_default().unwrap_or_default();
    let mut labels = Vec::with_capacity(6);
    labels.push(Label::new("server.address", server(url).to_owned()));
    labels.push(Label::new("server.port", port.to_string()));
    labels
}

/// A request from its begin to its end.
pub(super) struct RequestMeter {
    since: Moment,
    labels: Vec<Label>,
    active: Gauge,
}

impl std::fmt::Debug for RequestMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestMeter").finish_non_exhaustive()
    }
}

impl RequestMeter {
    pub(super) fn begin(method: &Method, url: &Url) -> Self {
        let mut labels = server_labels(url);
        let method = method_name(method).unwrap_or("_OTHER");
        labels.push(Label::from_static_parts("http.request.method", method));
        let active = gauge!(ACTIVE_REQUESTS, labels.clone());
        active.increment(1.0);
        Self {
            since: clock::now(),
            labels,
            active,
        }
    }

    /// Must be called once, however the request ends.
    pub(super) fn end(&mut self, outcome: &Outcome) {
        self.active.decrement(1.0);
        let mut labels = std::mem::take(&mut self.labels);
        if let Outcome::Answered {
            status, version, ..
        } = outcome
        {
            labels.push(Label::new(
                "http.response.status_code",
                status.as_str().to_owned(),
            ));
            let version = version_name(*version);
            labels.push(Label::from_static_parts(
                "network.protocol.version",
                version,
            ));
        }
        if let Some(error_type) = outcome.error_type() {
            labels.push(Label::new("error.type", error_type.to_owned()));
        }
        histogram!(REQUEST_DURATION, labels).record(seconds(self.since));
    }
}

/// A wait for a connection. Dropping it means that it was cancelled.
pub(crate) struct WaitMeter {
    since: Moment,
    labels: Vec<Label>,
    error_type: Option<&'static str>,
}

impl WaitMeter {
    pub(crate) fn begin(url: &Url) -> Self {
        Self {
            since: clock::now(),
            labels: server_labels(url),
            error_type: Some("cancelled"),
        }
    }

    pub(crate) fn end<T>(mut self, result: &Result<T, Error>) {
        self.error_type = result.as_ref().err().map(|error| error.kind().name());
    }
}

impl Drop for WaitMeter {
    fn drop(&mut self) {
        let mut labels = std::mem::take(&mut self.labels);
        let error_type = self.error_type;
        labels.extend(error_type.map(|name| Label::from_static_parts("error.type", name)));
        histogram!(WAIT_DURATION, labels).record(seconds(self.since));
    }
}

/// Stands for a connection that has ended, above any number of requests on it.
const CLOSED: u64 = 1 << 63;

/// A connection from the moment it is open until its socket is gone.
pub(crate) struct ConnectionMeter {
    labels: Vec<Label>,
    open: OnceLock<Open>,
    /// How many requests are on it.
    requests: AtomicU64,
}

struct Open {
    since: Moment,
    active: Gauge,
    idle: Gauge,
}

impl std::fmt::Debug for ConnectionMeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionMeter").finish_non_exhaustive()
    }
}

impl ConnectionMeter {
    pub(crate) fn new(url: &Url, is_http2: bool) -> Self {
        let version = match is_http2 {
            true => Version::HTTP_2,
            false => Version::HTTP_11,
        };
        let version = version_name(version);
        let mut labels = server_labels(url);
        labels.push(Label::from_static_parts(
            "network.protocol.version",
            version,
        ));
        Self {
            labels,
            open: OnceLock::new(),
            requests: AtomicU64::new(0),
        }
    }

    /// It is open, and idle until it is taken.
    pub(crate) fn open(&self) {
        let of_state = |state| {
            let mut labels = self.labels.clone();
            labels.push(Label::from_static_parts("http.connection.state", state));
            gauge!(OPEN_CONNECTIONS, labels)
        };
        let open = self.open.get_or_init(|| Open {
            since: clock::now(),
            active: of_state("active"),
            idle: of_state("idle"),
        });
        open.idle.increment(1.0);
    }

    /// A request has got a place on it.
    pub(crate) fn take(&self) {
        if self.requests.fetch_add(1, AcqRel) == 0
            && let Some(open) = self.open.get()
        {
            open.idle.decrement(1.0);
            open.active.increment(1.0);
        }
    }

    /// A place on it is free again.
    pub(crate) fn free(&self) {
        if self.requests.fetch_sub(1, AcqRel) == 1
            && let Some(open) = self.open.get()
        {
            open.active.decrement(1.0);
            open.idle.increment(1.0);
        }
    }

    /// Its socket is gone.
    pub(crate) fn close(&self) {
        let requests = self.requests.fetch_or(CLOSED, AcqRel);
        let Some(open) = self.open.get() else { return };
        match requests {
            0 => open.idle.decrement(1.0),
            _ => open.active.decrement(1.0),
        }
        histogram!(CONNECTION_DURATION, self.labels.clone()).record(seconds(open.since));
    }
}
