//! Ends that are final, limits, and the events of a single response.

use brigade_http::events::Event;
use brigade_http::{Kind, Result};
use brigade_testkit::server::{Reply, Request, Server};
use brigade_testkit::wait::until;
use futures_util::StreamExt;

use super::super::{client, tell};
use super::{Line, URL, answer, done, fails, stream_of};

#[tokio::test(start_paused = true)]
async fn h14d_another_status_or_type_is_an_error_at_once() {
    let html = "200 OK\r\ncontent-type: text/html";
    let wide = "200 OK\r\ncontent-type: text/event-stream; charset=utf-16";
    for (text, status, told) in [
        ("404 Not Found", Some(404), "answered 404 Not Found"),
        ("401 No", Some(401), "answered 401"),
        (
            "201 Made\r\ncontent-type: text/event-stream",
            Some(201),
            "answered 201",
        ),
        ("301 Moved", Some(301), "answered 301"),
        (html, None, "\"text/html\", not text/event-stream"),
        ("200 OK", None, "names no content type"),
        (wide, None, "\"utf-16\""),
    ] {
        let line = Line::new([super::status(text)]);
        let error = fails(&mut line.source()).await;
        assert_eq!(
            error.status().map(|status| status.as_u16()),
            status,
            "{text}"
        );
        assert!(status.is_some() || error.kind() == Kind::Decode, "{text}");
        assert!(tell(&error).contains(told), "{}", tell(&error));
        assert_eq!(error.url().unwrap().as_str(), URL);
        assert_eq!(line.dials(), 1, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn h14d_204_ends_the_events_for_good() {
    let line = Line::new([done(), answer("data: x\n\n")]);
    let mut source = line.source();
    assert!(source.next().await.is_none());
    assert!(source.next().await.is_none());
    assert_eq!((line.dials(), source.reconnected()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn h14d_a_request_that_cannot_be_sent_is_an_error_at_once() {
    let line = Line::new([]);
    let request = line.client().get(URL).unwrap().header("x\n", "1");
    assert_eq!(fails(&mut request.events()).await.kind(), Kind::BadRequest);
    assert_eq!(line.dials(), 0);
}

#[tokio::test]
async fn h14c_an_event_without_end_is_an_error_that_frees_the_connection() {
    let server = Server::start(|request: &Request| match request.path() {
        "/line" => stream_of("").endless(),
        _ => stream_of("").chunked((0..5000).map(|_| "data: 0123456789abcdef\n")),
    });
    let server = server.await.unwrap();
    let client = client();
    for path in ["/line", "/lines"] {
        let mut source = client
            .get(server.url(path))
            .unwrap()
            .events()
            .max_event(50_000);
        let error = fails(&mut source).await;
        assert_eq!(error.kind(), Kind::TooLarge, "{path}");
        assert!(
            tell(&error).contains("larger than 50000 bytes"),
            "{}",
            tell(&error)
        );
        until(|| server.exchanges().open == 0).await;
    }
    assert_eq!(server.exchanges().total, 2, "it is not asked for again");
}

#[tokio::test]
async fn h14m_the_events_of_a_response_end_with_it() {
    let server = Server::start(|request| match request.path() {
        "/torn" => stream_of("data: 1\n\ndata: 2\n\n").close_after(12),
        "/page" => Reply::ok("data: 1\n\n").header("content-type", "text/html"),
        _ => stream_of("id: 7\nevent: n\ndata: 1\n\ndata: x\n\ndata: 3"),
    });
    let server = server.await.unwrap();
    let client = client();
    let get = async |path| client.get(server.url(path)).unwrap().send().await.unwrap();

    let mut events = get("/").await.events().unwrap();
    let event = events.next().await.unwrap().unwrap();
    assert_eq!(
        (event.kind(), event.id(), event.json::<u32>().unwrap()),
        ("n", "7", 1)
    );
    let error = events
        .next()
        .await
        .unwrap()
        .unwrap()
        .json::<u32>()
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Decode);
    assert_eq!(events.last_event_id(), "7");
    assert!(events.next().await.is_none(), "the last one has no end");
    assert!(events.next().await.is_none());

    let torn: Vec<Result<Event>> = get("/torn").await.events().unwrap().collect().await;
    assert_eq!(torn.len(), 2);
    assert_eq!(torn[1].as_ref().unwrap_err().kind(), Kind::Protocol);
    let small = get("/").await.events().unwrap().max_event(5);
    let small: Vec<_> = small.collect().await;
    assert_eq!(
        small.last().unwrap().as_ref().unwrap_err().kind(),
        Kind::TooLarge
    );
    assert_eq!(
        get("/page").await.events().unwrap_err().kind(),
        Kind::Decode
    );
    assert_eq!(server.exchanges().total, 4, "nothing is asked for again");
}
