//! H1 and H7 for a client that more than one runtime uses, or that outlives its runtime.

use std::time::Duration;

use brigade_http::PoolLimits;
use brigade_testkit::server::{Reply, Server};
use brigade_testkit::wait::until;

use super::{limited, read, spawn};

#[test]
fn h1j_a_runtime_that_ends_with_many_who_wait_frees_their_slots() {
    let ours = tokio::runtime::Runtime::new().unwrap();
    let server = ours.block_on(Server::start(|request| match request.path() {
        "/hang" => Reply::hang(),
        _ => Reply::ok("x"),
    }));
    let server = server.unwrap();
    let client = limited(PoolLimits::default().total(1));
    let theirs = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    theirs.block_on(async {
        for _ in 0..20_000 {
            spawn(client.get(server.url("/hang")).unwrap().send());
        }
        until(|| client.stats().waiting == 19_999).await;
    });
    theirs.shutdown_timeout(Duration::from_secs(20));
    assert_eq!((client.stats().waiting, client.stats().total()), (0, 0));
    ours.block_on(async { assert_eq!(read(&client, server.url("/")).await, b"x") });
}
