//! H22: exchanges kept as they went over the wire.

use brigade_http::{Client, Kind, RequestBody, Response, RetryPolicy, Version, Versions};
use brigade_testkit::h2::{H2Server, flag};
use brigade_testkit::peer::{Script, listen};
use brigade_testkit::server::{Reply, Server};
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;

use super::{builder, client, limited};
use brigade_http::PoolLimits;

/// The head and the body of a response to a recorded request, and the request.
async fn read(mut response: Response) -> (String, Vec<u8>, String) {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.unwrap() {
        assert!(!chunk.is_empty());
        body.extend_from_slice(&chunk);
    }
    let recording = response.recording().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&recording.head), body, text(&recording.request))
}

async fn get(client: &Client, url: &str) -> (String, Vec<u8>, String) {
    let request = client.get(url).unwrap().header("X-Ask", "1").recorded();
    read(request.send().await.unwrap()).await
}

/// What a server answers: the head as it is to be recorded, and the body.
const ANSWERS: [(&str, &str); 7] = [
    (
        "HTTP/1.1 200 OK\r\nX-B: 2\r\nx-A:  1 \r\nX-B: 3\r\nContent-Length: 4\r\n\r\n",
        "ab\r\n",
    ),
    (
        "HTTP/1.1 200 Fine by me\r\nTransfer-Encoding: Chunked\r\nTrailer: t\r\n\r\n",
        "4;x=y\r\nwiki\r\n00\r\nt: 1\r\n\r\n",
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n",
        "raw",
    ),
    ("HTTP/1.1 404 Gone\ncontent-length: 0\n\n", ""),
    ("HTTP/1.1 204 No Content\r\nServer: s\r\n\r\n", ""),
    (
        "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 1\r\n\r\n",
        "-",
    ),
    (
        "HTTP/1.0 200 OK\r\nServer: old\r\n\r\n",
        "until the end\r\n\r\n",
    ),
];

const HINTS: &str = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

#[tokio::test]
async fn h22a_an_exchange_of_http_1_is_recorded_as_it_went_over_the_wire() {
    for (head, body) in ANSWERS {
        for (before, after) in [("", ""), (HINTS, "")] {
            let bytes = format!("{before}{head}{body}{after}");
            let pieces = [1, 7, bytes.len()];
            for piece in pieces {
                let script = Script::new().expect_head("GET /page?q HTTP/1.1");
                let script = script.send_in_pieces(bytes.clone(), piece, Duration::ZERO);
                let (address, _peer) = script.listen().unwrap();
                let found = get(&client(), &format!("http://{address}/page?q")).await;
                assert_eq!(
                    (found.0.as_str(), found.1.as_slice()),
                    (head, body.as_bytes())
                );
                let request = format!("GET /page?q HTTP/1.1\r\nhost: {address}\r\n");
                let got = found.2.to_ascii_lowercase();
                assert!(got.starts_with(&request.to_ascii_lowercase()), "{got}");
                assert!(
                    got.contains("\r\nx-ask: 1\r\n") && got.ends_with("\r\n\r\n"),
                    "{got}"
                );
            }
        }
    }
}

#[tokio::test]
async fn h22a_what_comes_after_the_end_is_not_recorded() {
    let ends = [
        ("content-length: 2", "ab"),
        ("transfer-encoding: chunked", "1\r\na\r\n0\r\n\r\n"),
        ("content-length: 0", ""),
    ];
    for (header, body) in ends {
        let head = format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n");
        let bytes = format!("{head}{body}HTTP/1.1 200 OK\r\n\r\nsmuggled");
        let (address, _peer) = Script::new().skip(16).send(bytes).listen().unwrap();
        let found = get(&client(), &format!("http://{address}/")).await;
        assert_eq!((found.0, found.1), (head, body.as_bytes().to_vec()));
    }
}

#[tokio::test]
async fn h22b_memory_follows_the_reader_of_an_endless_body() {
    let server = Server::start(|_| Reply::ok("x".repeat(1000)).endless())
        .await
        .unwrap();
    let client = client();
    let request = client
        .get(server.url("/"))
        .unwrap()
        .recorded()
        .max_body(None);
    let mut response = request.send().await.unwrap();
    let mut total = 0;
    while total < 64 << 20 {
        let chunk = response.chunk().await.unwrap().unwrap();
        assert!(
            chunk.len() < 2 << 20,
            "{} bytes were held at once",
            chunk.len()
        );
        total += chunk.len();
    }
}

#[tokio::test]
async fn h22c_of_a_request_that_was_sent_again_the_exchange_that_was_answered_is_recorded() {
    let tries = std::sync::atomic::AtomicU32::new(0);
    let server = Server::start(move |request| match request.path() {
        "/busy" if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => {
            Reply::status(503).body("no")
        }
        _ => Reply::ok("yes").then_close(),
    });
    let server = server.await.unwrap();
    let client = builder().retry(RetryPolicy::default()).build().unwrap();
    let (head, body, request) = get(&client, &server.url("/busy")).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(
        (body, request.matches("GET /busy").count()),
        (b"yes".to_vec(), 1)
    );
}

#[tokio::test]
async fn h22c_a_dead_connection_leaves_nothing_on_the_recording() {
    let first = Script::new()
        .expect_head("GET /one HTTP/1.1")
        .send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .expect_head("GET /two HTTP/1.1")
        .reset();
    let second = Script::new()
        .expect_head("GET /two HTTP/1.1")
        .send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo");
    let (address, peer) = listen([first, second]).unwrap();
    let client = limited(PoolLimits::default().total(1));
    get(&client, &format!("http://{address}/one")).await;
    let (head, body, request) = get(&client, &format!("http://{address}/two")).await;
    assert_eq!((head.matches("HTTP/").count(), body), (1, b"two".to_vec()));
    assert_eq!(request.matches("GET /two").count(), 1);
    drop(client);
    peer.finish().await.unwrap();
}

#[tokio::test]
async fn h22c_exchanges_before_and_after_are_on_no_recording() {
    let server = Server::start(|request| Reply::ok(request.path().to_owned()).keep_alive(true));
    let server = server.await.unwrap();
    let client = limited(PoolLimits::default().total(1));
    for round in 0..3 {
        for (path, recorded) in [("/plain", false), ("/kept", true), ("/also", true)] {
            let url = server.url(path);
            if recorded {
                let (head, body, request) = get(&client, &url).await;
                assert_eq!(
                    (head.matches("HTTP/").count(), body.as_slice()),
                    (1, path.as_bytes())
                );
                assert!(
                    request.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
                    "{round}"
                );
                assert_eq!(request.matches("HTTP/1.1").count(), 1);
            } else {
                let response = client.get(url).unwrap().send().await.unwrap();
                assert!(response.recording().is_none());
                assert_eq!(response.text().await.unwrap(), path);
            }
        }
    }
    assert_eq!(server.connections().total, 1);
}

#[tokio::test]
async fn h22d_http_2_is_recorded_as_http_1_would_have_said_it() {
    let server = H2Server::start(|mut peer| async move {
        let request = peer.request().await?.unwrap();
        let headers = [("content-type", "text/plain"), ("content-encoding", "gzip")];
        peer.headers_with(request.stream, 404, &headers, flag::END_HEADERS)
            .await?;
        peer.data(request.stream, "packed", flag::END_STREAM)
            .await?;
        peer.fall_silent().await;
        Ok(())
    });
    let server = server.unwrap();
    let client = builder().versions(Versions::Http2).build().unwrap();
    let url = server.url("/page?q=1");
    let request = client
        .post(&url)
        .unwrap()
        .header("authorization", "Bearer secret");
    let response = request.body("sent").recorded().send().await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(response.recording().unwrap().peer, Some(server.address()));
    let (head, body, request) = read(response).await;
    let said = "content-type: text/plain\r\ncontent-encoding: gzip\r\n\r\n";
    assert_eq!(head, format!("HTTP/1.1 404 Not Found\r\n{said}"));
    assert_eq!(body, b"packed");
    let first = format!("POST /page?q=1 HTTP/1.1\r\nhost: {}\r\n", server.address());
    assert!(request.starts_with(&first), "{request}");
    assert!(
        request.contains("\r\nauthorization: Bearer secret\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\nsent"), "{request}");
}

#[tokio::test]
async fn h22d_a_service_is_recorded_as_http_1_would_have_said_it() {
    let service = tower::service_fn(|_request: http::Request<RequestBody>| async {
        let response = http::Response::builder().header("transfer-encoding", "chunked");
        Ok::<_, Infallible>(response.body("four".to_owned()).unwrap())
    });
    let client = builder().service(service).build().unwrap();
    let (head, body, request) = get(&client, "http://a.test/x").await;
    assert_eq!(
        (head.as_str(), body.as_slice()),
        ("HTTP/1.1 200 OK\r\n\r\n", &b"four"[..])
    );
    assert!(request.starts_with("GET /x HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("host: a.test\r\n"), "{request}");
}

#[tokio::test]
async fn h22e_a_recording_has_the_credentials_that_were_sent_and_shows_them_to_nobody() {
    let server = Server::start(|_| Reply::ok("").header("set-cookie", "id=secret"))
        .await
        .unwrap();
    let client = builder()
        .cookies(brigade_http::CookieJar::default())
        .build()
        .unwrap();
    get(&client, &server.url("/")).await;
    let url = server
        .url("/")
        .replacen("http://", "http://user:secret@", 1);
    let response = client.get(url).unwrap().recorded().send().await.unwrap();
    let recording = response.recording().unwrap();
    let text = String::from_utf8(recording.request.to_vec())
        .unwrap()
        .to_ascii_lowercase();
    assert!(text.contains("cookie: id=secret\r\n"), "{text}");
    assert!(text.contains("authorization: basic "), "{text}");
    for shown in [format!("{recording:?}"), format!("{response:?}")] {
        assert!(
            !shown.contains("secret") && !shown.contains("GET"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn h22e_redirects_are_followed_only_if_that_is_said_and_then_the_last_is_recorded() {
    let server = Server::start(|request| match request.path() {
        "/one" => Reply::redirect(302, "/two"),
        _ => Reply::ok("two"),
    });
    let server = server.await.unwrap();
    let client = client();
    let (head, ..) = get(&client, &server.url("/one")).await;
    assert!(head.starts_with("HTTP/1.1 302 "), "{head}");
    let request = client
        .get(server.url("/one"))
        .unwrap()
        .recorded()
        .redirects(3);
    let (head, body, request) = read(request.send().await.unwrap()).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"two");
    assert!(request.starts_with("GET /two "), "{request}");
}

#[tokio::test]
async fn h22e_the_limit_is_about_what_comes_over_the_wire_and_streams_are_refused() {
    let server = Server::start(|_| Reply::ok("").chunked(["ab", "cd"]))
        .await
        .unwrap();
    let client = client();
    let request = client.get(server.url("/")).unwrap().recorded().max_body(4);
    let mut response = request.send().await.unwrap();
    let mut failed = None;
    while failed.is_none() {
        failed = response
            .chunk()
            .await
            .map(|chunk| chunk.map_or(Some(Kind::Closed), |_| None))
            .unwrap_or_else(|error| Some(error.kind()));
    }
    assert_eq!(failed, Some(Kind::TooLarge));
    let body = RequestBody::stream(stream::iter([Ok::<_, Infallible>("x")]));
    for body in [body, RequestBody::file("/no/file")] {
        let request = client.post(server.url("/")).unwrap().body(body).recorded();
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), Kind::BadRequest, "{error}");
    }
}
