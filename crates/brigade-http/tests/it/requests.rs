//! What goes over the wire, and what is refused before.

use brigade_http::{Client, Kind, Method};
use brigade_testkit::server::{Reply, Server};

use super::{builder, client};

#[tokio::test]
async fn a_request_has_the_clients_headers_and_its_own_replace_them() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let client = Client::builder()
        .header("x-color", "red")
        .user_agent("pail/1")
        .build()
        .unwrap();
    client
        .get(server.url("/a?b=c#d"))
        .unwrap()
        .send()
        .await
        .unwrap();
    let request = client
        .get(server.url("/"))
        .unwrap()
        .header("x-color", "blue");
    request.header("x-color", "green").send().await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].target(), "/a?b=c");
    assert_eq!(
        requests[0].header("host"),
        Some(&*server.address().to_string())
    );
    assert_eq!(requests[0].header("x-color"), Some("red"));
    assert_eq!(requests[0].header("user-agent"), Some("pail/1"));
    assert_eq!(requests[0].header("accept"), Some("*/*"));
    let colors = requests[1].headers().filter(|(name, _)| *name == "x-color");
    assert_eq!(
        colors.map(|(_, value)| value).collect::<Vec<_>>(),
        ["blue", "green"]
    );
}

#[tokio::test]
async fn a_body_is_sent_with_its_length_and_a_request_without_one_has_none() {
    let server = Server::start(|request| Reply::ok(request.body().clone()))
        .await
        .unwrap();
    let client = client();
    let post = client.post(server.url("/")).unwrap().body("bucket");
    assert_eq!(post.send().await.unwrap().text().await.unwrap(), "bucket");
    client.get(server.url("/")).unwrap().send().await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("content-length"), Some("6"));
    assert_eq!(requests[1].header("content-length"), None);
    assert_eq!(requests[1].header("transfer-encoding"), None);
}

#[tokio::test]
async fn a_method_that_should_have_a_body_says_when_it_has_none() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        let request = client().request(method, server.url("/")).unwrap();
        request.send().await.unwrap();
    }
    for request in server.requests() {
        assert_eq!(request.header("content-length"), Some("0"));
    }
}

#[tokio::test]
async fn headers_that_can_only_be_once_are_sent_once() {
    let server = Server::start(|_| Reply::ok("")).await.unwrap();
    let url = server.url("/").replace("http://", "http://user:secret@");
    let request = client().get(&url).unwrap().header("host", "first");
    let request = request
        .header("Host", "last")
        .header("authorization", "Bearer x");
    request.send().await.unwrap();
    let requests = server.requests();
    let of = |name| {
        let headers = requests[0].headers().filter(move |header| header.0 == name);
        headers.map(|header| header.1).collect::<Vec<_>>()
    };
    assert_eq!(of("host"), ["last"]);
    assert_eq!(of("authorization"), ["Bearer x"]);
}

#[tokio::test]
async fn a_head_request_has_headers_and_no_body() {
    let server = Server::start(|_| Reply::ok("never sent")).await.unwrap();
    let client = client();
    for _ in 0..2 {
        let head = client
            .request(Method::HEAD, server.url("/"))
            .unwrap()
            .send()
            .await
            .unwrap();
        assert_eq!(head.headers()["content-length"], "10");
        assert_eq!(head.bytes().await.unwrap(), "");
    }
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn interim_responses_are_passed_over() {
    let reply = || {
        Reply::ok("final")
            .interim(103, &[("link", "</style.css>")])
            .interim(100, &[])
    };
    let server = Server::start(move |_| reply()).await.unwrap();
    let response = client().get(server.url("/")).unwrap().send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "final");
}

#[tokio::test]
async fn h6a_credentials_in_a_url_become_a_header_and_appear_nowhere_else() {
    let server = Server::start(|_| Reply::reset()).await.unwrap();
    let url = server
        .url("/")
        .replace("http://", "http://us%20er:sec%3Aret@");
    let error = client().get(&url).unwrap().send().await.unwrap_err();
    let requests = server.requests();
    assert_eq!(
        requests[0].header("authorization"),
        Some("Basic dXMgZXI6c2VjOnJldA==")
    );
    let shown = format!("{error} {error:?} {:?}", error.url());
    assert!(
        !shown.contains("sec") && !shown.contains("us%20er"),
        "{shown}"
    );
    assert!(shown.contains(&server.url("/")), "{shown}");
    let request = client().get(&url).unwrap().header("cookie", "secret");
    let shown = format!("{request:?} {:?}", client().get(&url).unwrap());
    assert!(
        !shown.contains("dXMg") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn h6a_debug_output_has_no_value_of_a_header_and_no_body() {
    let own = builder().header("x-api-key", "secret");
    let shown = format!("{own:?}");
    assert!(
        !shown.contains("secret") && shown.contains("x-api-key"),
        "{shown}"
    );
    let client = own.build().unwrap();
    let request = client.post("http://a.example/").unwrap();
    let request = request.header("x-token", "secret").body("secret");
    let shown = format!("{client:?} {request:?}");
    assert!(
        !shown.contains("secret") && shown.contains("x-token"),
        "{shown}"
    );
}

#[test]
fn h6b_an_error_can_be_shown_without_its_url() {
    let error = client().get("ftp://u:secret@host/?token=1").unwrap_err();
    assert_eq!(error.kind(), Kind::BadUrl);
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(error.url().is_some());
    let error = error.without_url();
    assert!(error.url().is_none());
    let text = "fetch: the URL cannot be used: the scheme is \"ftp\", not http or https";
    assert_eq!(error.to_string(), text);
}

#[test]
fn bad_urls_are_refused_without_repeating_them() {
    for bad in [
        "",
        "no url",
        "http://",
        "http://user:secret@ho st/",
        "http://host:99999/",
        "mailto:a@b",
        "user:secret@host/",
        "user:/secret@host/",
    ] {
        let error = client().get(bad).unwrap_err();
        assert_eq!(error.kind(), Kind::BadUrl, "{bad}");
        assert!(
            !format!("{error} {error:?}").contains("secret"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_an_error_of_the_request() {
    let client = client();
    let refused = [
        client
            .get("http://localhost:1")
            .unwrap()
            .header("bad name", "x"),
        client
            .get("http://localhost:1")
            .unwrap()
            .header("name", "bad\nvalue"),
        client
            .get("http://localhost:1")
            .unwrap()
            .header("content-length", "5"),
        client
            .get("http://localhost:1")
            .unwrap()
            .header("transfer-encoding", "chunked"),
        client
            .request(Method::CONNECT, "http://localhost:1")
            .unwrap(),
    ];
    for request in refused {
        assert_eq!(request.send().await.unwrap_err().kind(), Kind::BadRequest);
    }
    let error = Client::builder()
        .header("bad name", "x")
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), Kind::BadRequest);
}
