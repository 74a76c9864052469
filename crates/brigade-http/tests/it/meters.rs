//! H7 in metrics: the client as a recorder of the `metrics` facade sees it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_http::{PoolLimits, Timeouts};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::h2::H2Server;
use brigade_testkit::server::{Port, Reply, Server};
use brigade_testkit::wait::until;
use metrics::{
    Counter, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard, Metadata,
    Recorder, SharedString, Unit, set_default_local_recorder,
};

use super::{builder, client, read, refused};

#[derive(Debug, Default)]
struct State {
    gauges: BTreeMap<String, f64>,
    histograms: BTreeMap<String, Vec<f64>>,
    described: BTreeMap<String, Option<Unit>>,
}

/// A recorder that keeps all of one thread.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<State>>);

#[derive(Debug)]
struct One(Kept, String);

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        *self
            .0
            .0
            .lock()
            .unwrap()
            .gauges
            .entry(self.1.clone())
            .or_default() += value;
    }
    fn decrement(&self, value: f64) {
        self.increment(-value);
    }
    fn set(&self, _: f64) {
        unreachable!("gauges are moved, because clients share them");
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        let mut state = self.0.0.lock().unwrap();
        state
            .histograms
            .entry(self.1.clone())
            .or_default()
            .push(value);
    }
}

impl Kept {
    fn one(&self, key: &Key) -> Arc<One> {
        let mut labels: Vec<_> = key
            .labels()
            .filter(|label| label.key() != "server.port")
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        labels.sort();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Arc::new(One(self.clone(), name))
    }

    /// The values of the gauges that are not zero.
    fn gauges(&self) -> Vec<(String, f64)> {
        let state = self.0.lock().unwrap();
        let gauges = state.gauges.iter().filter(|(_, value)| **value != 0.0);
        gauges.map(|(name, value)| (name.clone(), *value)).collect()
    }

    /// How often each series of a histogram was recorded.
    fn counts(&self, name: &str) -> Vec<(String, usize)> {
        let state = self.0.lock().unwrap();
        let series = state.histograms.iter();
        series
            .filter_map(|(key, values)| {
                let labels = key.strip_prefix(name)?.strip_prefix(' ')?;
                Some((labels.to_owned(), values.len()))
            })
            .collect()
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        let name = name.as_str().to_owned();
        self.0.lock().unwrap().described.insert(name, unit);
    }
    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe_gauge(name, unit, text);
    }
    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}

fn kept() -> (&'static Kept, LocalRecorderGuard<'static>) {
    let kept: &Kept = Box::leak(Box::default());
    (kept, set_default_local_recorder(kept))
}

const ACTIVE: &str = "http.client.active_requests http.request.method=GET server.address=127.0.0.1";

fn open(state: &str) -> String {
    format!(
        "http.client.open_connections http.connection.state={state} \
         network.protocol.version=1.1 server.address=127.0.0.1"
    )
}

#[tokio::test]
async fn h7o_each_request_that_is_sent_is_measured_once() {
    let (kept, _guard) = kept();
    let server = Server::start(|request| match request.path() {
        "/1" => Reply::redirect(302, "/2"),
        "/2" => Reply::ok("hello"),
        _ => Reply::hang(),
    });
    let server = server.await.unwrap();
    let client = client();
    read(&client, server.url("/1")).await;
    let refusing = Port::refusing().unwrap();
    refused(&client, refusing.url("/")).await;
    let sent = client.post(server.url("/hang")).unwrap().send();
    let limit = Duration::from_millis(50);
    assert!(tokio::time::timeout(limit, sent).await.is_err());
    let at = "server.address=127.0.0.1";
    let answered = |status| {
        let version = "network.protocol.version=1.1";
        (
            format!("http.request.method=GET http.response.status_code={status} {version} {at}"),
            1,
        )
    };
    let failed = |kind, method| {
        (
            format!("error.type={kind} http.request.method={method} {at}"),
            1,
        )
    };
    let counts = kept.counts("http.client.request.duration");
    let expected = [
        failed("cancelled", "POST"),
        failed("connect", "GET"),
        answered("200"),
        answered("302"),
    ];
    assert_eq!(counts, expected);
    let state = kept.0.lock().unwrap();
    let cancelled = state
        .histograms
        .iter()
        .find(|(key, _)| key.contains("cancelled"));
    let (_, values) = cancelled.unwrap();
    assert!((0.05..5.0).contains(&values[0]), "{values:?} are seconds");
}

#[tokio::test]
async fn h7p_gauges_follow_requests_and_connections_and_come_back_to_zero() {
    let (kept, _guard) = kept();
    let server = Server::start(|request| match request.path() {
        "/hang" => Reply::hang(),
        _ => Reply::ok("hello"),
    });
    let server = server.await.unwrap();
    let client = client();
    let response = client.get(server.url("/")).unwrap().send().await.unwrap();
    // The head is there, but the body holds the connection, if the server is not that quick.
    response.bytes().await.unwrap();
    until(|| kept.gauges() == [(open("idle"), 1.0)]).await;
    let mut hung = Box::pin(client.get(server.url("/hang")).unwrap().send());
    tokio::select! {
        _ = &mut hung => unreachable!("nobody answers"),
        () = until(|| server.requests().len() == 2) => {}
    }
    assert_eq!(
        kept.gauges(),
        [(ACTIVE.to_owned(), 1.0), (open("active"), 1.0)]
    );
    drop(hung);
    until(|| kept.gauges().is_empty()).await;
    read(&client, server.url("/")).await;
    client.close().await;
    assert_eq!(kept.gauges(), []);
    let ended = kept.counts("http.client.connection.duration");
    let labels = "network.protocol.version=1.1 server.address=127.0.0.1";
    assert_eq!(ended, [(labels.to_owned(), 2)]);
}

#[tokio::test]
async fn h7p_a_connection_that_requests_share_is_active_until_the_last_of_them() {
    let (kept, _guard) = kept();
    let server = H2Server::start(|mut conn| async move {
        conn.settings(&[]).await?;
        let mut streams = Vec::new();
        while let Some(request) = conn.request().await? {
            streams.push(request.stream);
            if streams.len() == 3 {
                conn.respond(streams[1], 200, "hello").await?;
                conn.respond(streams[2], 200, "hello").await?;
            } else if streams.len() == 1 {
                conn.respond(streams[0], 200, "hello").await?;
            }
        }
        Ok(())
    });
    let server = server.unwrap();
    let client = builder().http2_prior_knowledge().build().unwrap();
    let open = |state| open(state).replace("version=1.1", "version=2");
    read(&client, server.url("/")).await;
    assert_eq!(kept.gauges(), [(open("idle"), 1.0)]);
    let get = || client.get(server.url("/")).unwrap().send();
    let (one, other) = tokio::join!(get(), get());
    assert_eq!(kept.gauges(), [(open("active"), 1.0)]);
    one.unwrap().bytes().await.unwrap();
    assert_eq!(kept.gauges(), [(open("active"), 1.0)]);
    other.unwrap().bytes().await.unwrap();
    assert_eq!(kept.gauges(), [(open("idle"), 1.0)]);
    client.close().await;
    assert_eq!(kept.gauges(), []);
}

#[tokio::test]
async fn h7p_gauges_come_back_to_zero_under_any_cancellation() {
    let (kept, _guard) = kept();
    let server = Server::start(|_| Reply::ok("hello").chunked(["hel", "lo"]))
        .await
        .unwrap();
    let limits = PoolLimits::default().total(2);
    let client = builder().limits(limits).build().unwrap();
    let polls = fuzz_cancel(
        || async { read(&client, server.url("/")).await.len() },
        async |_| {
            until(|| client.stats().active + client.stats().dialing == 0).await;
            let idle = client.stats().idle as f64;
            let expected: Vec<_> = (idle > 0.0)
                .then(|| (open("idle"), idle))
                .into_iter()
                .collect();
            until(|| kept.gauges() == expected).await;
        },
    );
    assert!(polls.await > 1);
    client.close().await;
    assert_eq!(kept.gauges(), []);
}

#[tokio::test]
async fn h7q_the_waits_for_a_connection_are_measured() {
    let (kept, _guard) = kept();
    let server = Server::start(|_| Reply::ok("hello")).await.unwrap();
    let limits = PoolLimits::default().total(1);
    let client = builder().limits(limits).build().unwrap();
    let holding = async {
        read(&client, server.url("/")).await;
        // What is there needs no wait.
        until(|| client.stats().idle == 1).await;
        client.get(server.url("/")).unwrap().send().await.unwrap()
    };
    let _held = holding.await;
    let at = "server.address=127.0.0.1".to_owned();
    assert_eq!(
        kept.counts("brigade.client.pool.wait.duration"),
        [(at.clone(), 1)]
    );
    let hung = Server::start(|_| Reply::hang()).await.unwrap();
    let mut hanging = Box::pin(client.get(hung.url("/")).unwrap().send());
    tokio::select! {
        _ = &mut hanging => unreachable!("nobody answers"),
        () = until(|| hung.requests().len() == 1) => {}
    }
    let timeouts = Timeouts::default().pool(Duration::from_millis(10));
    let request = client.get(server.url("/")).unwrap().timeouts(timeouts);
    request.send().await.unwrap_err();
    let late = format!("error.type=timeout.pool {at}");
    let request = client.get(server.url("/")).unwrap();
    tokio::select! {
        biased;
        _ = request.send() => unreachable!("its place is taken"),
        () = std::future::ready(()) => {}
    }
    let dropped = format!("error.type=cancelled {at}");
    let waits = kept.counts("brigade.client.pool.wait.duration");
    assert_eq!(waits, [(dropped, 1), (late, 1), (at, 2)]);
}

#[tokio::test]
async fn h7q_every_metric_is_described() {
    let (kept, _guard) = kept();
    let server = Server::start(|_| Reply::ok("hello")).await.unwrap();
    let client = client();
    read(&client, server.url("/")).await;
    client.close().await;
    let state = kept.0.lock().unwrap();
    let mut used: Vec<_> = state.histograms.keys().chain(state.gauges.keys()).collect();
    used.sort();
    let mut names: Vec<_> = used
        .iter()
        .filter_map(|key| key.split(' ').next())
        .collect();
    names.dedup();
    assert_eq!(names.len(), 5);
    for name in names {
        let unit = state.described.get(name).copied().flatten();
        let expected = match name.ends_with("duration") {
            true => Unit::Seconds,
            false => Unit::Count,
        };
        assert_eq!(unit, Some(expected), "{name}");
    }
}
