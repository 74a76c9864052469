//! Connecting again: from where, after how long, how often, and what for.

use std::convert::Infallible;
use std::time::Duration;

use brigade_http::{Kind, RequestBody, RetryPolicy};
use brigade_testkit::peer::Script;
use brigade_testkit::server::{Reply, Server};
use bytes::Bytes;
use futures_util::stream;

use super::super::{client, tell};
use super::{HOUR, Line, MINUTE, URL, answer, done, drain, fails, open, reply, status, stream_of};

#[tokio::test(start_paused = true)]
async fn h14e_a_stream_that_breaks_goes_on_behind_its_last_event() {
    let line = Line::new([
        Some(
            open("id: 1\ndata: one\n\nid: 2\ndata: two\n\nid: 3\ndata: th")
                .pause(MINUTE / 6)
                .reset(),
        ),
        None,
        None,
        answer("id: 3\ndata: three\n\nid: 4\ndata: fo"),
        done(),
    ]);
    let mut source = line.source();
    assert_eq!((source.reconnected(), source.last_event_id()), (0, ""));
    let (seen, error) = drain(&mut source).await;
    assert_eq!(seen, ["one", "two", "three"]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!((source.reconnected(), source.last_event_id()), (4, "3"));
    let heads = line.received().await;
    assert!(heads[0].contains("\r\naccept: text/event-stream\r\n"));
    assert!(heads[0].contains("\r\ncache-control: no-cache\r\n"));
    assert!(!heads[0].contains("last-event-id"), "{}", heads[0]);
    assert!(
        heads[1].contains("\r\nlast-event-id: 2\r\n"),
        "{}",
        heads[1]
    );
    assert!(
        heads[2].contains("\r\nlast-event-id: 3\r\n"),
        "{}",
        heads[2]
    );
}

#[tokio::test(start_paused = true)]
async fn h14e_events_can_go_on_behind_those_of_another_run() {
    let line = Line::new([answer("data: x\n\nid\ndata: y\n\n"), done()]);
    let request = line.client().get(URL).unwrap().header("accept", "*/*");
    let mut source = request.header("last-event-id", "7").events();
    assert_eq!(source.last_event_id(), "7");
    let event = source.next().await.unwrap().unwrap();
    assert_eq!((event.id(), event.data()), ("7", "x"));
    assert_eq!(drain(&mut source).await.0, ["y"]);
    let heads = line.received().await;
    assert!(heads[0].contains("\r\nlast-event-id: 7\r\n"));
    assert!(heads[0].contains("\r\naccept: */*\r\n"));
    assert!(
        !heads[1].contains("last-event-id"),
        "an empty id takes it back"
    );

    for (id, sent) in [("42", true), ("\u{e9}", true), ("a\u{7f}b", false)] {
        let line = Line::new([done()]);
        drain(&mut line.source().resume_after(id)).await;
        assert_eq!(
            line.received().await[0].contains("last-event-id"),
            sent,
            "{id:?}"
        );
    }
}

#[tokio::test]
async fn h14e_each_connection_begins_at_the_first_url_and_follows_redirects() {
    let server = Server::start(
        |request| match (request.path(), request.header("last-event-id")) {
            ("/live", _) => Reply::redirect(307, "/here"),
            (_, None) => stream_of("retry: 0\nid: 1\ndata: x\n\n"),
            _ => Reply::status(204),
        },
    );
    let server = server.await.unwrap();
    let mut source = client().get(server.url("/live")).unwrap().events();
    assert_eq!(drain(&mut source).await.0, ["x"]);
    let paths: Vec<_> = server
        .requests()
        .iter()
        .map(|r| r.path().to_owned())
        .collect();
    assert_eq!(paths, ["/live", "/here", "/live", "/here"]);
}

#[tokio::test(start_paused = true)]
async fn h14f_the_server_sets_the_wait() {
    let busy = |seconds: &str| {
        let text = format!("503 Busy\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n");
        Some(reply(&text))
    };
    let line = Line::new([
        answer("data: x\n\n"),
        answer("retry: 60000\ndata: x\n\n"),
        answer("data: x\n\n"),
        busy("100"),
        busy("7"),
        done(),
    ]);
    assert_eq!(drain(&mut line.source()).await.0, ["x", "x", "x"]);
    assert_eq!(line.waits(), [3, 60, 60, 100, 60]);
    line.received().await;
}

#[tokio::test(start_paused = true)]
async fn h14f_a_wait_that_is_too_long_is_an_error() {
    let line = Line::new([status("429 Slow\r\nretry-after: 61")]);
    let error = fails(&mut line.source().wait_max(MINUTE)).await;
    assert_eq!(error.status().unwrap(), 429);
    assert!(tell(&error).contains("(at most 60s)"), "{}", tell(&error));
    assert_eq!(line.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn h14g_a_server_that_is_gone_is_asked_ten_times_more() {
    let line = Line::new([]);
    let mut source = line.source();
    let error = fails(&mut source).await;
    assert_eq!(error.kind(), Kind::Connect);
    assert_eq!((line.dials(), source.reconnected()), (11, 10));
    let waits = line.waits();
    assert!(
        waits[0] >= 3 && waits[9] >= 30 && waits[9] <= 60,
        "{waits:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn h14g_an_event_begins_a_new_row_and_a_comment_does_not() {
    let event = || answer("data: x\n\n");
    let line = Line::new([None, None, event(), None, event()]);
    let mut source = line.source().reconnects(2);
    let (seen, error) = drain(&mut source).await;
    assert_eq!(seen, ["x", "x"]);
    assert_eq!(error.unwrap().kind(), Kind::Connect);
    assert_eq!(line.dials(), 5 + 2);

    let line = Line::new((0..9).map(|_| answer(": hello\nretry: 5\n\n")));
    let error = fails(&mut line.source().reconnects(2)).await;
    assert!(
        tell(&error).contains("ended after 2 reconnects"),
        "{}",
        tell(&error)
    );
    assert_eq!(line.dials(), 3);
}

#[tokio::test(start_paused = true)]
async fn h14g_a_heartbeat_on_an_old_stream_begins_a_new_row() {
    let quiet = |seconds| {
        Some(
            open(": hello\n")
                .pause(Duration::from_secs(seconds))
                .send(":\n"),
        )
    };
    let line = Line::new((0..6).map(|_| quiet(15)));
    fails(&mut line.source().reconnects(2)).await;
    assert_eq!(line.dials(), 6 + 2);
    let line = Line::new((0..6).map(|_| quiet(5)));
    fails(&mut line.source().reconnects(2)).await;
    assert_eq!(line.dials(), 3);
}

#[tokio::test(start_paused = true)]
async fn h14g_without_reconnects_the_end_of_the_stream_is_the_end() {
    let line = Line::new([answer("data: x\n\n"), answer("data: y\n\n")]);
    let (seen, error) = drain(&mut line.source().reconnects(0)).await;
    assert_eq!(seen, ["x"]);
    assert!(error.is_none());
    let line = Line::new([Some(open("data: x\n\n").pause(MINUTE / 6).reset()), done()]);
    let (seen, error) = drain(&mut line.source().reconnects(0)).await;
    assert_eq!(seen, ["x"]);
    assert_eq!(error.unwrap().kind(), Kind::Protocol);
    assert_eq!(line.dials(), 1);
}

fn asked(body: &str) -> Script {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let script = Script::new()
        .patience(HOUR)
        .expect_head("POST /live")
        .expect("ask");
    script.send(format!("{head}{body}"))
}

#[tokio::test(start_paused = true)]
async fn h14h_a_post_is_sent_once() {
    let post = |line: &Line| line.client().post(URL).unwrap().body("ask").events();
    let line = Line::new([Some(asked("data: x\n\n")), Some(asked("data: again\n\n"))]);
    let (seen, error) = drain(&mut post(&line)).await;
    assert_eq!((seen.len(), line.dials()), (1, 1));
    assert!(error.is_none(), "its end is the end of the events");

    let torn = Some(asked("data: x\n\n").pause(MINUTE / 6).reset());
    let line = Line::new([torn, Some(asked("data: again\n\n"))]);
    let (seen, error) = drain(&mut post(&line)).await;
    assert_eq!((seen.len(), line.dials()), (1, 1));
    assert_eq!(error.unwrap().kind(), Kind::Protocol);

    let busy = Script::new().expect_head("POST /live").expect("ask");
    let busy = busy.send("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
    let line = Line::new([Some(busy), Some(asked("data: again\n\n"))]);
    assert_eq!(fails(&mut post(&line)).await.status().unwrap(), 503);
    assert_eq!(line.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn h14h_a_post_that_may_be_repeated_is_sent_again_in_full() {
    let line = Line::new([
        Some(asked("id: 1\ndata: x\n\n").pause(MINUTE / 6).reset()),
        Some(asked("data: y\n\n").expect_end()),
    ]);
    let source = line.client().post(URL).unwrap().body("ask").events();
    let mut source = source.any_method();
    for expected in ["x", "y"] {
        assert_eq!(source.next().await.unwrap().unwrap().data(), expected);
    }
    drop(source);
    assert!(line.received().await[1].contains("\r\nlast-event-id: 1\r\n"));
}

#[tokio::test(start_paused = true)]
async fn h14h_a_retry_policy_and_the_reconnects_do_not_multiply() {
    let policy = RetryPolicy::default().attempts(5);
    let line = Line::new([]);
    let get = line.client().get(URL).unwrap().retry(policy.clone());
    fails(&mut get.events().reconnects(2)).await;
    assert_eq!(line.dials(), 3);
    let line = Line::new([]);
    let post = line.client().post(URL).unwrap().retry(policy);
    fails(&mut post.events()).await;
    assert_eq!(
        line.dials(),
        5,
        "a policy holds where the source sends once"
    );
}

#[tokio::test(start_paused = true)]
async fn h14h_a_body_that_can_be_read_once_is_sent_once() {
    let torn = Script::new()
        .patience(HOUR)
        .expect_head("PUT /live")
        .expect("3\r\nask\r\n0\r\n\r\n");
    let torn = torn.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: x\n\n");
    let line = Line::new([None, Some(torn), done()]);
    let body = RequestBody::stream(stream::iter([Ok::<_, Infallible>(Bytes::from("ask"))]));
    let put = line
        .client()
        .request(brigade_http::Method::PUT, URL)
        .unwrap();
    let (seen, error) = drain(&mut put.body(body).events()).await;
    assert_eq!(seen, ["x"]);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        line.dials(),
        2,
        "a dial that is refused has read nothing of it"
    );
}
