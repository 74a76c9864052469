//! Names as a client sees them: whom it asks, how often, and what the server gets to know of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use brigade_http::dns::{Answer, Resolve, Resolving};
use brigade_http::{Kind, PoolLimits};
use brigade_testkit::server::{Reply, Server};

use crate::{builder, read, refused};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Finds every name on loopback, and counts.
#[derive(Debug, Default)]
struct Counting(AtomicUsize);

impl Resolve for Counting {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(Answer::new([LOOPBACK])) })
    }
}

#[tokio::test]
async fn h3e_a_client_looks_a_name_up_as_often_as_its_setting_says() {
    const REQUESTS: usize = 10;
    // Each request needs a connection of its own.
    let server = Server::start(|_| Reply::ok("here").keep_alive(false));
    let server = server.await.unwrap();
    let url = format!("http://a.test:{}/", server.address().port());
    for (ttl, expected) in [
        (None, 1),
        (Some(Duration::from_secs(60)), 1),
        (Some(Duration::ZERO), REQUESTS),
    ] {
        let resolver = Arc::new(Counting::default());
        let mut builder = builder().resolver(resolver.clone());
        if let Some(ttl) = ttl {
            builder = builder.dns_ttl(ttl);
        }
        let client = builder.build().unwrap();
        for _ in 0..REQUESTS {
            assert_eq!(read(&client, url.clone()).await, b"here");
        }
        assert_eq!(resolver.0.load(Ordering::SeqCst), expected, "{ttl:?}");
        client.close().await;
    }
    server.finish().await;
}

#[tokio::test]
async fn h3h_a_fixed_name_is_still_the_name_of_the_request() {
    let server = Server::start(|_| Reply::ok("here")).await.unwrap();
    let port = server.address().port();
    let resolver = Arc::new(Counting::default());
    let client = builder()
        .resolver(resolver.clone())
        .resolve("shop.test", [LOOPBACK])
        .build()
        .unwrap();
    assert_eq!(
        read(&client, format!("http://Shop.test:{port}/")).await,
        b"here"
    );
    assert_eq!(resolver.0.load(Ordering::SeqCst), 0);
    client.close().await;
    let requests = server.finish().await;
    let host = format!("shop.test:{port}");
    assert_eq!(requests[0].header("host"), Some(host.as_str()));
}

/// Panics the first time it is asked.
#[derive(Debug, Default)]
struct Panicking(Counting, AtomicBool);

impl Resolve for Panicking {
    fn resolve<'a>(&'a self, name: &'a str) -> Resolving<'a> {
        assert!(
            self.1.swap(true, Ordering::SeqCst),
            "the registry is broken"
        );
        self.0.resolve(name)
    }
}

#[tokio::test]
async fn h3f_a_resolver_that_panics_fails_one_request_and_costs_no_slot() {
    let server = Server::start(|_| Reply::ok("here")).await.unwrap();
    let url = format!("http://a.test:{}/", server.address().port());
    let client = builder().resolver(Panicking::default());
    let limits = PoolLimits::default().total(1);
    let client = client.limits(limits).build().unwrap();
    let error = refused(&client, url.clone()).await;
    assert_eq!(error.kind(), Kind::Connect);
    assert!(error.to_string().contains("panicked"), "{error}");
    assert_eq!(read(&client, url).await, b"here");
}
