//! H4 and H6 from one request to the next: redirects and retries.

use std::time::Duration;

use brigade_http::{Backoff, Client, HeaderValue, Kind, Method, RetryPolicy};
use brigade_testkit::server::{Port, Reply, Server};

use super::{builder, client, tell};

#[tokio::test]
async fn redirects_are_followed_and_the_response_names_the_last_url() {
    let server = Server::start(|request| match request.path() {
        "/a" => Reply::redirect(302, "b/c?d=e").body("moved"),
        "/b/c" => Reply::redirect(307, "/end"),
        _ => Reply::ok("end"),
    });
    let server = server.await.unwrap();
    let client = client();
    let response = client
        .get(server.url("/a#part"))
        .unwrap()
        .send()
        .await
        .unwrap();
    assert_eq!(response.url().as_str(), server.url("/end#part"));
    assert_eq!(response.text().await.unwrap(), "end");
    assert_eq!(
        server.connections().total,
        1,
        "the bodies of redirects do not cost connections"
    );
}

#[tokio::test]
async fn h4s_a_redirect_of_one_host_with_one_connection_does_not_wait_for_itself() {
    let server = Server::start(|request| match request.path() {
        "/big" => Reply::redirect(302, "/end").body(vec![0; 8 << 20]),
        "/slow" => Reply::redirect(302, "/end")
            .body("0123456789")
            .hang_after(5),
        _ => Reply::ok("end"),
    });
    let server = server.await.unwrap();
    let limits = brigade_http::PoolLimits::default().total(1);
    let client = builder().limits(limits).build().unwrap();
    for path in ["/big", "/slow"] {
        let response = client.get(server.url(path)).unwrap().send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "end");
    }
}

#[tokio::test]
async fn h4t_a_loop_ends_at_the_limit_and_without_redirects_the_answer_stands() {
    let server = Server::start(|_| Reply::redirect(302, "/again"))
        .await
        .unwrap();
    let client = client();
    let request = client.get(server.url("/")).unwrap().redirects(4);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.kind(), Kind::TooManyRedirects);
    assert_eq!(server.requests().len(), 5);
    let request = client.get(server.url("/")).unwrap().redirects(0);
    assert_eq!(request.send().await.unwrap().status(), 302);
    let elsewhere = Server::start(|_| Reply::redirect(302, "ftp://host/"))
        .await
        .unwrap();
    let error = client
        .get(elsewhere.url("/"))
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::BadUrl);
    assert!(tell(&error).contains("ftp"), "{}", tell(&error));
}

#[tokio::test]
async fn h6g_credentials_do_not_follow_a_redirect_to_another_origin_nor_come_back() {
    let home = std::sync::Arc::new(std::sync::OnceLock::new());
    let elsewhere = Server::start({
        let home = home.clone();
        move |_| Reply::redirect(302, home.get().cloned().unwrap_or_default())
    });
    let elsewhere = elsewhere.await.unwrap();
    let there = elsewhere.url("/");
    let server = Server::start(move |request| match request.path() {
        "/" => Reply::redirect(302, "/second"),
        "/second" => Reply::redirect(302, there.clone()),
        _ => Reply::ok("back"),
    });
    let server = server.await.unwrap();
    home.set(server.url("/back")).unwrap();
    let mut token = HeaderValue::from_static("s3cret");
    token.set_sensitive(true);
    let client = Client::builder()
        .header("cookie", "a=b")
        .header("x-token", token)
        .build()
        .unwrap();
    let url = server.url("/").replace("http://", "http://user:pass@");
    let request = client.get(url).unwrap().header("x-plain", "stays");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "back");
    let secret = ["authorization", "cookie", "x-token"];
    for request in &server.requests()[..2] {
        assert!(secret.iter().all(|name| request.header(name).is_some()));
    }
    for request in elsewhere.requests().iter().chain(&server.requests()[2..]) {
        assert!(
            secret.iter().all(|name| request.header(name).is_none()),
            "{request:?}"
        );
        assert_eq!(request.header("x-plain"), Some("stays"));
    }
    assert_eq!(
        server.requests()[2].header("host"),
        Some(&*server.address().to_string())
    );
}

#[tokio::test]
async fn h4u_the_body_and_the_method_follow_only_where_the_standard_says_so() {
    for (status, method, length) in [
        (303, "GET", None),
        (302, "GET", None),
        (307, "POST", Some("4")),
    ] {
        let server = Server::start(move |request| match request.path() {
            "/" => Reply::redirect(status, "/end"),
            _ => Reply::ok("end"),
        });
        let server = server.await.unwrap();
        let request = client()
            .post(server.url("/"))
            .unwrap()
            .header("content-type", "text/plain");
        request.body("body").send().await.unwrap();
        let last = &server.requests()[1];
        assert_eq!(
            (last.method(), last.header("content-length")),
            (method, length),
            "{status}"
        );
        assert_eq!(last.header("content-type").is_some(), length.is_some());
    }
}

fn soon() -> RetryPolicy {
    let base = Duration::from_millis(10);
    RetryPolicy::default().backoff(Backoff {
        base,
        ..Backoff::default()
    })
}

#[tokio::test]
async fn h4v_the_retry_policy_repeats_what_it_may_and_waits_as_told() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server =
        Server::start(
            move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Reply::status(503).header("retry-after", "1"),
                1 => Reply::reset(),
                _ => Reply::ok("healed"),
            },
        );
    let server = server.await.unwrap();
    let client = builder().retry(soon()).build().unwrap();
    let response = client.get(server.url("/")).unwrap().send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "healed");
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests[1].at() - requests[0].at() >= Duration::from_secs(1));
}

#[tokio::test]
async fn h4w_a_post_is_repeated_only_if_nothing_of_it_was_sent_or_the_caller_says_so() {
    let server = Server::start(|_| Reply::status(503)).await.unwrap();
    let client = builder().retry(soon()).build().unwrap();
    let post = client.post(server.url("/")).unwrap().send().await.unwrap();
    assert_eq!((post.status().as_u16(), server.requests().len()), (503, 1));
    let any = client
        .post(server.url("/"))
        .unwrap()
        .retry(soon().any_method());
    assert_eq!(any.send().await.unwrap().status(), 503);
    assert_eq!(server.requests().len(), 4);
    let refusing = Port::refusing().unwrap();
    let error = client
        .post(refusing.url("/"))
        .unwrap()
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Connect);
}

#[tokio::test]
async fn h4x_a_retry_that_the_total_timeout_would_cut_off_is_not_waited_for() {
    let server = Server::start(|_| Reply::status(429).header("retry-after", "60"))
        .await
        .unwrap();
    let client = builder().retry(soon()).build().unwrap();
    let response = client.get(server.url("/")).unwrap().send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn h6p_a_request_without_credentials_carries_none_and_all_else() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let client = builder()
        .header("authorization", "Bearer secret")
        .header("cookie", "session=secret")
        .header("x-plain", "kept");
    let client = client.build().unwrap();
    let with_login = server.url("/").replace("http://", "http://user:secret@");
    let mut marked = HeaderValue::from_static("secret");
    marked.set_sensitive(true);
    for url in [server.url("/"), with_login] {
        let request = client.get(url).unwrap().header("x-marked", marked.clone());
        request.without_credentials().send().await.unwrap();
    }
    for request in server.requests() {
        for name in ["authorization", "cookie", "x-marked"] {
            assert_eq!(request.header(name), None, "{name}");
        }
        assert_eq!(request.header("x-plain"), Some("kept"));
        assert!(request.header("host").is_some());
        assert!(request.header("accept-encoding").is_some());
    }
}

#[tokio::test]
async fn a_head_request_stays_one_across_redirects() {
    let server = Server::start(|request| match request.path() {
        "/" => Reply::redirect(303, "/end"),
        _ => Reply::ok("end"),
    });
    let server = server.await.unwrap();
    let request = client().request(Method::HEAD, server.url("/")).unwrap();
    assert_eq!(request.send().await.unwrap().bytes().await.unwrap(), "");
    assert_eq!(server.requests()[1].method(), "HEAD");
}
