//! H7 in spans and events: the client as a subscriber of `tracing` sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use brigade_http::{Backoff, CookieJar, Kind, Method, Phase, PoolLimits, RetryPolicy, Timeouts};
use brigade_testkit::h2::{H2Server, code};
use brigade_testkit::server::{Port, Reply, Server};
use brigade_testkit::wait::until;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest, set_default};
use tracing::{Instrument, Metadata, info_span};
use tracing_core::span::Current;

use super::{builder, client, read, refused, spawn};

type Fields = BTreeMap<&'static str, String>;

/// A span or an event, in the order in which they began.
#[derive(Clone, Debug, Default)]
struct Seen {
    name: String,
    fields: Fields,
    parent: Option<u64>,
    is_span: bool,
    /// How many hold the span.
    references: usize,
    metadata: Option<&'static Metadata<'static>>,
}

#[derive(Debug, Default)]
struct State {
    seen: Mutex<Vec<Seen>>,
    entered: Mutex<Vec<u64>>,
    declines: AtomicBool,
}

/// A subscriber that keeps all of this crate and of the tests.
#[derive(Clone, Debug, Default)]
struct Watcher(Arc<State>);

impl Watcher {
    fn set() -> (Self, DefaultGuard) {
        let watcher = Self::default();
        let guard = set_default(watcher.clone());
        (watcher, guard)
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.seen.lock().unwrap()
    }

    fn add(&self, mut seen: Seen, parent: Option<&Id>, is_root: bool) -> u64 {
        let current = || self.0.entered.lock().unwrap().last().copied();
        seen.parent = match (parent, is_root) {
            (Some(id), _) => Some(id.into_u64()),
            (None, true) => None,
            (None, false) => current(),
        };
        let mut all = self.seen();
        // A registry keeps a span as long as one of its children.
        if let (Some(parent), true) = (seen.parent, seen.is_span) {
            all[parent as usize - 1].references += 1;
        }
        all.push(seen);
        all.len() as u64
    }

    fn spans(&self, name: &str) -> Vec<Seen> {
        let is_it = |seen: &&Seen| seen.is_span && seen.name == name;
        self.seen().iter().filter(is_it).cloned().collect()
    }

    /// The names of the events in the only span of that name that has a field of that value.
    fn events(&self, of: impl Fn(&Seen) -> bool) -> Vec<String> {
        let seen = self.seen();
        let mut matching = seen
            .iter()
            .zip(1..)
            .filter(|(span, _)| span.is_span && of(span));
        let (_, id) = matching.next().expect("there is such a span");
        assert!(matching.next().is_none(), "one span is meant");
        let events = seen
            .iter()
            .filter(|seen| !seen.is_span && seen.parent == Some(id));
        events.map(|event| event.name.clone()).collect()
    }

    fn drop_reference(&self, id: u64) {
        let mut all = self.seen();
        let span = &mut all[id as usize - 1];
        span.references -= 1;
        let parent = span.parent.filter(|_| span.references == 0);
        drop(all);
        if let Some(parent) = parent {
            self.drop_reference(parent);
        }
    }
}

impl Seen {
    fn id(&self, watcher: &Watcher) -> u64 {
        let seen = watcher.seen();
        let same =
            |other: &Seen| other.is_span && other.name == self.name && other.fields == self.fields;
        seen.iter().position(same).expect("it was seen") as u64 + 1
    }
}

struct Values<'a>(&'a mut Seen);

impl Visit for Values<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "message" => self.0.name = value,
            name => {
                self.0.fields.insert(name, value);
            }
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.fields.insert(field.name(), value.to_owned());
    }
}

impl tracing::Subscriber for Watcher {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.enabled(metadata) {
            true => Interest::sometimes(),
            false => Interest::never(),
        }
    }
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_ours = ["brigade_http", "it"]
            .iter()
            .any(|root| metadata.target().starts_with(root));
        is_ours && !self.0.declines.load(SeqCst)
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut seen = Seen {
            name: span.metadata().name().to_owned(),
            is_span: true,
            references: 1,
            metadata: Some(span.metadata()),
            ..Seen::default()
        };
        span.record(&mut Values(&mut seen));
        Id::from_u64(self.add(seen, span.parent(), span.is_root()))
    }
    fn record(&self, id: &Id, values: &Record<'_>) {
        values.record(&mut Values(&mut self.seen()[id.into_u64() as usize - 1]));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut seen = Seen::default();
        event.record(&mut Values(&mut seen));
        self.add(seen, event.parent(), event.is_root());
    }
    fn enter(&self, id: &Id) {
        self.0.entered.lock().unwrap().push(id.into_u64());
    }
    fn exit(&self, _: &Id) {
        self.0.entered.lock().unwrap().pop();
    }
    fn clone_span(&self, id: &Id) -> Id {
        self.seen()[id.into_u64() as usize - 1].references += 1;
        id.clone()
    }
    fn try_close(&self, id: Id) -> bool {
        self.drop_reference(id.into_u64());
        false
    }
    fn current_span(&self) -> Current {
        let Some(id) = self.0.entered.lock().unwrap().last().copied() else {
            return Current::none();
        };
        let metadata = self.seen()[id as usize - 1].metadata;
        Current::new(Id::from_u64(id), metadata.expect("a span has metadata"))
    }
}

const REQUEST: &str = "HTTP request";

fn fields<const N: usize>(fields: [(&'static str, &str); N]) -> Fields {
    fields.map(|(name, value)| (name, value.to_owned())).into()
}

/// A policy without waits worth mentioning.
fn quick() -> RetryPolicy {
    RetryPolicy::default().backoff(Backoff {
        base: Duration::from_millis(1),
        ..Backoff::default()
    })
}

#[tokio::test]
async fn h7h_a_request_is_a_span_with_the_fields_of_the_conventions() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|_| Reply::ok("hello")).await.unwrap();
    let port = server.address().port().to_string();
    let url = server.url("/p?q=1");
    assert_eq!(read(&client(), format!("{url}#there")).await, b"hello");
    let [span] = watcher.spans(REQUEST).try_into().unwrap();
    let expected = fields([
        ("otel.name", "GET"),
        ("otel.kind", "client"),
        ("http.request.method", "GET"),
        ("url.full", &url),
        ("server.address", "127.0.0.1"),
        ("server.port", &port),
        ("network.peer.address", "127.0.0.1"),
        ("network.peer.port", &port),
        ("network.protocol.version", "1.1"),
        ("http.response.status_code", "200"),
    ]);
    assert_eq!(span.fields, expected);
    assert_eq!(span.references, 0, "it is over");
}

#[tokio::test]
async fn h7h_a_method_that_is_not_common_is_named_apart() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|_| Reply::status(200)).await.unwrap();
    let method = Method::from_bytes(b"PURGE").unwrap();
    let client = client();
    let request = client.request(method, server.url("/")).unwrap();
    request.send().await.unwrap();
    let [span] = watcher.spans(REQUEST).try_into().unwrap();
    assert_eq!(span.fields["otel.name"], "HTTP");
    assert_eq!(span.fields["http.request.method"], "_OTHER");
    assert_eq!(span.fields["http.request.method_original"], "PURGE");
}

#[tokio::test]
async fn h7i_no_credential_is_in_a_span_or_an_event() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|request| match request.path() {
        "/" => Reply::redirect(302, "//localhost:1/?sig=hunter2"),
        _ => Reply::ok("").header("set-cookie", "hunter2"),
    });
    let server = server.await.unwrap();
    let url = server
        .url("/?Signature=hunter2")
        .replace("://", "://me:hunter2@");
    let client = builder()
        .header("authorization", "hunter2")
        .build()
        .unwrap();
    let request = client.get(url).unwrap().header("cookie", "a=hunter2");
    request.retry(quick()).send().await.unwrap_err();
    let all = format!("{:?}", watcher.seen());
    assert!(
        all.contains("Signature=REDACTED") && all.contains("/?sig=REDACTED"),
        "{all}"
    );
    assert!(!all.contains("hunter2"), "{all}");
}

#[tokio::test]
async fn h13n_a_cookie_that_is_refused_is_an_event_with_the_reason_and_without_its_value() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|_| {
        Reply::ok("")
            .header("set-cookie", "a=hunter2; Domain=hunter2.test")
            .header("set-cookie", "b=hunter2")
            .header("set-cookie", "hunter2")
    });
    let server = server.await.unwrap();
    let jar = CookieJar::new();
    let client = builder().cookies(jar.clone()).build().unwrap();
    for _ in 0..2 {
        read(&client, server.url("/")).await;
    }
    assert_eq!(jar.get(server.url("/"), "b").as_deref(), Some("hunter2"));
    let all = format!("{client:?} {:?}", watcher.seen());
    assert!(all.contains("its domain is not that of the URL"), "{all}");
    assert!(!all.contains("hunter2"), "{all}");
    let refused = |seen: &&Seen| seen.name == "refused a cookie";
    assert_eq!(watcher.seen().iter().filter(refused).count(), 4);
}

#[tokio::test]
async fn h7j_each_request_that_is_sent_is_a_span_beside_the_others() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|request| match request.path() {
        "/1" => Reply::redirect(307, "/2"),
        "/2" if request.connection() == 0 => Reply::status(503).then_close(),
        _ => Reply::ok("hello"),
    });
    let server = server.await.unwrap();
    let client = client();
    let request = client.get(server.url("/1")).unwrap().retry(quick());
    let caller = info_span!("caller");
    let response = request.send().instrument(caller).await.unwrap();
    assert_eq!(response.status(), 200);
    let spans = watcher.spans(REQUEST);
    let sent: Vec<_> = spans
        .iter()
        .map(|span| {
            let resent = span.fields.get("http.request.resend_count");
            let status = &span.fields["http.response.status_code"];
            (resent.map(String::as_str), status.as_str())
        })
        .collect();
    assert_eq!(
        sent,
        [(None, "307"), (Some("1"), "503"), (Some("2"), "200")]
    );
    let caller = watcher.spans("caller")[0].id(&watcher);
    assert!(
        spans.iter().all(|span| span.parent == Some(caller)),
        "{spans:?}"
    );
    assert!(spans.iter().all(|span| span.references == 0), "{spans:?}");
    let events = |status: &str| {
        let status = Some(status.to_owned());
        watcher.events(|span| span.fields.get("http.response.status_code").cloned() == status)
    };
    assert_eq!(events("307"), ["following a redirect"]);
    assert_eq!(events("503"), ["reused", "sending again"]);
    let again = watcher
        .seen()
        .iter()
        .find(|seen| seen.name == "sending again")
        .cloned();
    let again = again.unwrap().fields;
    assert_eq!(again["reason"], "503");
    assert!(again.contains_key("delay"), "{again:?}");
}

#[tokio::test]
async fn h7j_a_request_that_moves_to_another_connection_counts_that() {
    let (watcher, _guard) = Watcher::set();
    // The second request on the first connection kills it.
    let server = Server::start(|request| match (request.path(), request.connection()) {
        ("/2", 0) => Reply::close(),
        _ => Reply::ok("hello"),
    });
    let server = server.await.unwrap();
    let client = client();
    read(&client, server.url("/1")).await;
    assert_eq!(read(&client, server.url("/2")).await, b"hello");
    let [first, second] = watcher.spans(REQUEST).try_into().unwrap();
    assert_eq!(first.fields.get("http.request.resend_count"), None);
    assert_eq!(second.fields["http.request.resend_count"], "1");
    let events = watcher.events(|span| span.fields.contains_key("http.request.resend_count"));
    assert_eq!(events, ["reused", "moving to another connection"]);
}

#[tokio::test]
async fn h7j_a_request_that_a_server_of_http2_did_not_look_at_counts_that() {
    let (watcher, _guard) = Watcher::set();
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        let Some(first) = conn.request().await? else {
            return Ok(());
        };
        match conn.number() {
            0 => conn.goaway(0, code::NO_ERROR).await,
            _ => conn.respond(first.stream, 200, "hello").await,
        }
    });
    let server = server.unwrap();
    let client = builder().http2_prior_knowledge().build().unwrap();
    assert_eq!(read(&client, server.url("/")).await, b"hello");
    let [span] = watcher.spans(REQUEST).try_into().unwrap();
    assert_eq!(span.fields["network.protocol.version"], "2");
    assert_eq!(span.fields["network.peer.address"], "127.0.0.1");
    assert_eq!(span.fields["http.request.resend_count"], "1");
    assert_eq!(
        watcher.events(|span| span.name == REQUEST),
        ["moving to another connection"]
    );
}

#[tokio::test]
async fn h7k_a_dial_is_in_the_span_of_its_request() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|_| Reply::ok("hello")).await.unwrap();
    read(&client(), server.url("/")).await;
    let [request] = watcher.spans(REQUEST).try_into().unwrap();
    let [dial] = watcher.spans("connect").try_into().unwrap();
    assert_eq!(dial.parent, Some(request.id(&watcher)));
    assert_eq!(dial.references, 0, "it is over");
    let port = server.address().port().to_string();
    let expected = fields([("server.address", "127.0.0.1"), ("server.port", &port)]);
    assert_eq!(dial.fields, expected);
    assert_eq!(watcher.events(|span| span.name == "connect"), ["connected"]);
}

#[tokio::test]
async fn h7k_a_dial_that_fails_says_why() {
    let (watcher, _guard) = Watcher::set();
    let port = Port::refusing().unwrap();
    refused(&client(), port.url("/")).await;
    let [dial] = watcher.spans("connect").try_into().unwrap();
    assert_eq!(dial.fields["error.type"], "connect");
    let [request] = watcher.spans(REQUEST).try_into().unwrap();
    assert_eq!(request.fields["error.type"], "connect");
    assert_eq!(request.fields["otel.status_code"], "ERROR");
    assert_eq!(watcher.events(|span| span.name == REQUEST), ["failed"]);
}

#[tokio::test]
async fn h7k_a_request_that_is_gone_is_not_kept_open_by_its_dial() {
    let (watcher, _guard) = Watcher::set();
    let port = Port::full().await.unwrap();
    let client = client();
    let url = port.url("/");
    let sent = spawn({
        let client = client.clone();
        async move { read(&client, url).await }
    });
    until(|| client.stats().dialing == 1).await;
    sent.abort();
    assert!(sent.await.unwrap_err().is_cancelled());
    // The dial is a task of the pool and goes on.
    assert_eq!(client.stats().dialing, 1);
    let [request] = watcher.spans(REQUEST).try_into().unwrap();
    let [dial] = watcher.spans("connect").try_into().unwrap();
    assert_eq!((request.references, dial.references), (0, 0));
    assert_eq!(request.fields["error.type"], "cancelled");
    client.close().await;
}

#[tokio::test]
async fn h7l_a_timeout_and_an_eviction_are_events() {
    let (watcher, _guard) = Watcher::set();
    let silent = Server::start(|_| Reply::hang()).await.unwrap();
    let timeouts = Timeouts::default().read(Duration::from_millis(20));
    let client = builder()
        .limits(PoolLimits::default().total(1))
        .build()
        .unwrap();
    let request = client.get(silent.url("/")).unwrap().timeouts(timeouts);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Read));
    let events = watcher.events(|span| span.name == REQUEST);
    assert_eq!(events, ["timed out"]);
    let [span] = watcher.spans(REQUEST).try_into().unwrap();
    assert_eq!(span.fields["error.type"], "timeout.read");

    let one = Server::start(|_| Reply::ok("1")).await.unwrap();
    let other = Server::start(|_| Reply::ok("2")).await.unwrap();
    read(&client, one.url("/")).await;
    until(|| client.stats().idle == 1).await;
    read(&client, other.url("/evicting")).await;
    let events = watcher.events(|span| {
        span.fields
            .get("url.full")
            .is_some_and(|url| url.ends_with("/evicting"))
    });
    assert_eq!(events, ["evicted"]);
}

#[tokio::test]
async fn h7l_a_body_that_fails_is_an_event() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|_| Reply::ok("hello").close_after(3));
    let server = server.await.unwrap();
    let client = client();
    let response = client.get(server.url("/")).unwrap().send().await;
    let reading = response.unwrap().bytes().instrument(info_span!("reader"));
    assert_eq!(reading.await.unwrap_err().kind(), Kind::Protocol);
    assert_eq!(
        watcher.events(|span| span.name == "reader"),
        ["the body failed"]
    );
}

#[tokio::test]
async fn h7m_a_status_from_400_on_and_a_dropped_request_count_as_errors() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|request| match request.path() {
        "/gone" => Reply::status(410),
        _ => Reply::hang(),
    });
    let server = server.await.unwrap();
    let client = client();
    read(&client, server.url("/gone")).await;
    let sent = client.get(server.url("/hang")).unwrap().send();
    let limit = Duration::from_millis(50);
    assert!(tokio::time::timeout(limit, sent).await.is_err());
    let [gone, hung] = watcher.spans(REQUEST).try_into().unwrap();
    assert_eq!(gone.fields["error.type"], "410");
    assert_eq!(gone.fields["otel.status_code"], "ERROR");
    assert_eq!(hung.fields["error.type"], "cancelled");
    assert_eq!(hung.references, 0, "it is over");
}

#[tokio::test]
async fn h7n_nothing_is_made_for_a_subscriber_that_is_not_interested() {
    let (watcher, _guard) = Watcher::set();
    let server = Server::start(|_| Reply::ok("hello")).await.unwrap();
    let client = client();
    watcher.0.declines.store(true, SeqCst);
    read(&client, server.url("/")).await;
    let before = watcher.seen().len();
    read(&client, server.url("/")).await;
    assert_eq!((before, watcher.seen().len()), (0, 0));
    // The same subscriber sees the next one.
    watcher.0.declines.store(false, SeqCst);
    tracing::callsite::rebuild_interest_cache();
    read(&client, server.url("/")).await;
    assert_eq!(watcher.spans(REQUEST).len(), 1);
}
