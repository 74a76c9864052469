//! H18: a limit of the library before every attempt, in paused time without a network, and over
//! connections.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade::limit::{KeyedLimit, Limits, Rate};
use brigade_http::service::RequestBody;
use brigade_http::{
    Backoff, Client, ClientBuilder, HostLimit, Kind, Phase, PoolLimits, RetryPolicy, Timeouts,
};
use brigade_testkit::cancel::fuzz_cancel;
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;
use futures_util::future::join_all;
use http::{Request, Response};
use tokio::time::{Instant, sleep, timeout};
use tower::service_fn;

use super::{builder, read, refused, spawn};

const SECOND: Duration = Duration::from_secs(1);

/// What a server without a network was asked for, and when.
type Log = Arc<Mutex<Vec<(String, Duration)>>>;

/// Answers after a second what the path says: `/302/URL`, `/STATUS` (with `?SECONDS` to retry after)
/// for the first time it is asked, or `hello`.
fn world() -> (ClientBuilder, Log) {
    let log = Log::default();
    let noted = log.clone();
    let start = Instant::now();
    let service = service_fn(move |request: Request<RequestBody>| {
        let url = request.uri().to_string();
        let path = request.uri().path_and_query().unwrap().as_str()[1..].to_owned();
        let mut noted = noted.lock().unwrap();
        let is_first = noted.iter().all(|(seen, _)| *seen != url);
        noted.push((url, start.elapsed()));
        drop(noted);
        let response = match path.split_once('/') {
            Some(("302", to)) => Response::builder().status(302).header("location", to),
            _ => match path.split_once('?') {
                Some((status, after)) if is_first => Response::builder()
                    .status(status)
                    .header("retry-after", after),
                None if is_first && !path.is_empty() => Response::builder().status(&path[..]),
                _ => Response::builder(),
            },
        };
        let response = response.body("hello".to_owned()).unwrap();
        async move {
            sleep(SECOND).await;
            Ok::<_, Infallible>(response)
        }
    });
    let builder = Client::builder().timeouts(Timeouts::NONE).service(service);
    (builder, log)
}

fn limited(limit: impl Into<HostLimit>) -> (Client, Log) {
    let (builder, log) = world();
    let policy = RetryPolicy::default().backoff(Backoff {
        base: Duration::from_millis(2),
        ..Backoff::default()
    });
    (builder.limit(limit).retry(policy).build().unwrap(), log)
}

fn keyed(limits: Limits) -> KeyedLimit<String> {
    KeyedLimit::new(limits)
}

/// One at a time of each host.
fn one_each() -> KeyedLimit<String> {
    keyed(Limits::default().key_concurrency(1))
}

/// One at a time.
fn single() -> KeyedLimit<String> {
    keyed(Limits::default().concurrency(1))
}

fn times(log: &Log, part: &str) -> Vec<u128> {
    let log = log.lock().unwrap();
    let seen = log.iter().filter(|(url, _)| url.contains(part));
    seen.map(|(_, at)| at.as_millis()).collect()
}

async fn get(client: &Client, url: &str) -> usize {
    read(client, url.to_owned()).await.len()
}

#[tokio::test(start_paused = true)]
async fn h18a_so_many_at_once_are_on_their_way_of_all_and_of_each_host() {
    let limit = keyed(Limits::default().concurrency(4).key_concurrency(3));
    let (client, log) = limited(&limit);
    let urls = ["http://a.example/", "http://b.example/"];
    let before = Instant::now();
    join_all((0..12).map(|n| get(&client, urls[usize::from(n % 3 == 0)]))).await;
    let all = times(&log, "");
    let at_once = |times: &[u128]| {
        times
            .chunk_by(|a, b| a / 900 == b / 900)
            .map(<[_]>::len)
            .max()
    };
    assert_eq!(at_once(&all), Some(4), "{all:?}");
    assert_eq!(at_once(&times(&log, "a.ex")), Some(3));
    assert_eq!(before.elapsed().as_secs(), 4, "the hosts take turns");
    assert_eq!(limit.stats().active, 0);
}

#[tokio::test(start_paused = true)]
async fn h18a_a_host_is_a_name_with_the_port_unless_it_is_the_schemes() {
    let limit = one_each();
    let (client, log) = limited(&limit);
    let urls = [
        "http://a.example/",
        "https://A.example:443/",
        "http://a.example:8080/",
    ];
    join_all(urls.map(|url| get(&client, url))).await;
    assert_eq!(
        times(&log, "a.example/"),
        [0, 1000],
        "http and https are one host"
    );
    assert_eq!(times(&log, "8080"), [0]);
}

#[tokio::test(start_paused = true)]
async fn h18a_clients_share_a_limit_with_each_other_and_with_their_program() {
    let limit = single();
    let pass = limit.acquire("elsewhere".to_owned()).await;
    let ((one, first), (two, second)) = (limited(&limit), limited(&limit));
    let both = spawn(async move {
        tokio::join!(
            get(&one, "http://a.example/"),
            get(&two, "http://b.example/")
        )
    });
    until(|| limit.stats().waiting == 2).await;
    assert!(times(&first, "").is_empty());
    drop(pass);
    both.await.unwrap();
    let (first, second) = (times(&first, "")[0], times(&second, "")[0]);
    assert_eq!(second - first, 1000);
}

#[tokio::test]
async fn h18b_an_admission_is_held_until_the_response_has_ended_or_is_dropped() {
    let server = Server::start(|request| match request.path() {
        "/empty" => Reply::status(204),
        _ => Reply::ok(vec![b'x'; 4 << 20]),
    });
    let server = server.await.unwrap();
    let limit = single();
    let client = builder().limit(&limit).build().unwrap();
    let send = async |path| client.get(server.url(path)).unwrap().send().await.unwrap();
    let active = || limit.stats().active;

    let mut response = send("/").await;
    assert_eq!(active(), 1);
    while response.chunk().await.unwrap().is_some() {
        assert_eq!(active(), 1);
    }
    assert_eq!(
        active(),
        0,
        "the end was read, and the response is still there"
    );
    let response = send("/").await;
    assert_eq!(active(), 1);
    drop(response);
    assert_eq!(active(), 0);
    let response = send("/empty").await;
    assert_eq!((response.status().as_u16(), active()), (204, 0));
    let small = client.get(server.url("/")).unwrap().max_body(10);
    let mut response = small.send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap_err().kind(), Kind::TooLarge);
    assert_eq!(active(), 0, "the body has failed");
    let mut lines = send("/").await.lines();
    assert!(lines.next().await.unwrap().is_err(), "the line is too long");
    assert_eq!(active(), 1);
    drop(lines);
    assert_eq!(active(), 0);
}

#[tokio::test(start_paused = true)]
async fn h18c_each_hop_of_a_redirect_is_admitted_to_its_host_with_nothing_in_hand() {
    let limit = single();
    let (client, log) = limited(&limit);
    // Two that wait for each other's hosts would never end if they held their own.
    let urls = [
        "http://a.example/302/http://b.example/",
        "http://b.example/302/http://a.example/",
    ];
    let both = join_all(urls.map(|url| get(&client, url)));
    timeout(60 * SECOND, both).await.unwrap();
    assert_eq!(times(&log, ""), [0, 1000, 2000, 3000]);

    let limit = one_each();
    let (client, log) = limited(&limit);
    let pass = limit.acquire("b.example".to_owned()).await;
    let led = {
        let client = client.clone();
        spawn(async move { get(&client, urls[0]).await })
    };
    until(|| limit.stats().waiting == 1).await;
    let own = limit.acquire("a.example".to_owned()).await;
    drop(own);
    assert_eq!(
        times(&log, "b.example/").len(),
        1,
        "only the one that leads there"
    );
    drop(pass);
    assert_eq!(led.await.unwrap(), 5);
}

#[tokio::test(start_paused = true)]
async fn h18d_rates_hold_for_retries_and_hops_too() {
    let limit = keyed(Limits::default().rate(Rate::per_minute(6)));
    let (client, log) = limited(&limit);
    get(&client, "http://a.example/503").await;
    get(&client, "http://a.example/302/http://b.example/500").await;
    let times = times(&log, "");
    assert_eq!(times.len(), 5);
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.into_iter().all(|gap| gap >= 9_990), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn h18e_retry_after_pauses_the_host_for_everybody_and_no_other() {
    for status in [429, 503] {
        let limit = keyed(Limits::default());
        let (client, log) = limited(&limit);
        let busy = format!("http://a.example/{status}?30");
        let asked = {
            let client = client.clone();
            spawn(async move { get(&client, &busy).await })
        };
        until(|| limit.stats().paused == 1).await;
        tokio::join!(
            get(&client, "http://a.example/"),
            get(&client, "http://b.example/")
        );
        asked.await.unwrap();
        let log = log.lock().unwrap();
        let after = |end: &str, place: usize| {
            let mut seen = log.iter().filter(|(url, _)| url.ends_with(end));
            seen.nth(place).unwrap().1.as_secs()
        };
        assert_eq!(after("a.example/", 0), 31, "{status}");
        assert_eq!(after("b.example/", 0), 1);
        assert_eq!(after("?30", 1), 31, "it is sent again, too");
    }
}

#[tokio::test(start_paused = true)]
async fn h18e_a_pause_is_as_long_as_the_policy_heeds_at_most() {
    let limit = keyed(Limits::default());
    let (client, _) = limited(&limit);
    let left = |limit: &KeyedLimit<String>| limit.paused()[0].1.duration_since(Instant::now());
    let request = client.get("http://a.example/429?86400").unwrap();
    assert_eq!(
        request.send().await.unwrap().status(),
        429,
        "the answer stands"
    );
    assert_eq!(left(&limit).as_secs(), 120);
    let brief = RetryPolicy::default().retry_after_max(5 * SECOND);
    let request = client
        .get("http://b.example/503?86400")
        .unwrap()
        .retry(brief);
    assert_eq!(request.send().await.unwrap().status(), 503);
    assert_eq!(left(&limit).as_secs(), 5);
    for path in ["500?60", "429"] {
        let url = format!("http://c.example/{path}");
        let request = client.get(url).unwrap().retry(RetryPolicy::none());
        request.send().await.unwrap();
    }
    assert_eq!(limit.paused().len(), 2, "nobody asked to be left alone");
}

#[tokio::test(start_paused = true)]
async fn h18f_the_total_timeout_runs_while_a_request_waits_and_the_pool_timeout_does_not() {
    let limit = single();
    let pass = limit.acquire("b.example".to_owned()).await;
    let (client, log) = limited(&limit);
    let before = Instant::now();
    let request = client.get("http://a.example/").unwrap();
    let timeouts = Timeouts::NONE.pool(SECOND).total(5 * SECOND);
    let error = request.timeouts(timeouts).send().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout(Phase::Total));
    assert_eq!(before.elapsed().as_secs(), 5);
    assert!(error.url().is_some() && times(&log, "").is_empty());
    assert_eq!(limit.stats().waiting, 0);
    drop(pass);
    get(&client, "http://a.example/").await;
}

#[tokio::test(start_paused = true)]
async fn h18f_a_closed_client_waits_for_no_admission() {
    let limit = single();
    let pass = limit.acquire("b.example".to_owned()).await;
    let (client, log) = limited(&limit);
    let waiting = {
        let client = client.clone();
        spawn(async move {
            refused(&client, "http://a.example/".to_owned())
                .await
                .kind()
        })
    };
    until(|| limit.stats().waiting == 1).await;
    client.close().await;
    let ended = timeout(SECOND, waiting).await.unwrap();
    assert_eq!(ended.unwrap(), Kind::Closed);
    assert_eq!(limit.stats().waiting, 0);
    drop(pass);
    let late = refused(&client, "http://a.example/".to_owned()).await;
    assert_eq!((late.kind(), limit.stats().active), (Kind::Closed, 0));
    assert!(times(&log, "").is_empty());
}

#[tokio::test(start_paused = true)]
async fn h18g_a_dropped_request_gives_its_place_back_wherever_it_stands() {
    let limit = single();
    let (client, _) = limited(&limit);
    let polls = fuzz_cancel(
        || async {
            let url = "http://a.example/302/http://b.example/503";
            let held = get(&client, "http://c.example/");
            tokio::join!(held, get(&client, url)).1
        },
        async |outcome| {
            let stats = limit.stats();
            assert_eq!((stats.active, stats.waiting), (0, 0), "{outcome:?}");
        },
    );
    assert!(polls.await > 3);
}

#[tokio::test(start_paused = true)]
async fn h18h_where_too_many_wait_the_error_says_when_to_come_back() {
    let limit = keyed(Limits::default().key_rate(Rate::per_minute(6)));
    let (client, log) = limited(limit.clone().max_waiters(8).max_waiters_per_key(1));
    let url = "http://a.example/".to_owned();
    get(&client, &url).await;
    let waiting = {
        let (client, url) = (client.clone(), url.clone());
        spawn(async move { get(&client, &url).await })
    };
    until(|| limit.stats().waiting == 1).await;
    let error = refused(&client, url).await;
    assert_eq!(error.kind(), Kind::Overloaded);
    let wait = error.wait().unwrap();
    assert!((15 * SECOND..=20 * SECOND).contains(&wait), "{wait:?}");
    let text = error.without_url().to_string();
    let expected =
        "fetch: too many requests wait already: the limit lets 1 wait for a host; come back";
    assert!(text.starts_with(expected), "{text}");
    get(&client, "http://b.example/").await;
    waiting.await.unwrap();
    assert_eq!(
        log.lock().unwrap().len(),
        3,
        "it was not sent, nor tried again"
    );
}

#[tokio::test]
async fn h18i_the_limits_on_connections_hold_beside_it() {
    let server = Server::start(|_| Reply::ok("hello")).await.unwrap();
    let limit = keyed(Limits::default().concurrency(3));
    let client = builder()
        .limit(&limit)
        .limits(PoolLimits::default().total(2));
    let client = client.build().unwrap();
    join_all((0..30).map(|_| read(&client, server.url("/")))).await;
    assert!(server.connections().peak <= 2);
    assert_eq!((limit.stats().active, limit.stats().waiting), (0, 0));
    assert_eq!(server.requests().len(), 30);
}
