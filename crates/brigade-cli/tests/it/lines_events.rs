//! `brigade lines` with server-sent events.

use crate::kit::{Place, Run};
use brigade_testkit::server::{Reply, Request, Server};

/// Some events for those who have none, and the end for all others.
fn events(body: &'static str) -> Server {
    let answer = move |request: &Request| match request.header("last-event-id") {
        None => Reply::ok(body).header("content-type", "text/event-stream; charset=utf-8"),
        Some(_) => Reply::status(204),
    };
    Server::start_thread(answer).unwrap()
}

fn lines(server: &Server, flags: &[&str]) -> Run {
    Place::new().run(&[&["lines", &server.url("/")], flags].concat())
}

#[test]
fn the_data_of_events_are_lines_and_they_are_taken_up_again() {
    let server =
        events("retry: 1\nid: 7\ndata: one\n\ndata: two\ndata: more\n\n: quiet\n\ndata: cut");
    for flags in [&[][..], &["--as", "sse"]] {
        let run = lines(&server, flags);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(
            (run.stdout.as_str(), run.stderr.as_str()),
            ("one\ntwo\nmore\n", "")
        );
    }
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.header("last-event-id").map(str::to_owned))
        .collect();
    assert_eq!(
        asked,
        [None, Some("7".to_owned()), None, Some("7".to_owned())]
    );
}

#[test]
fn an_event_is_one_line_in_an_envelope_or_as_json() {
    let server =
        events("retry: 1\nid: 7\nevent: tick\ndata: {\"a\":\ndata: \"\u{e9}\"}\n\ndata: no\n\n");
    let run = lines(&server, &["--envelope"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        run.stdout,
        "{\"event\":\"tick\",\"data\":\"{\\\"a\\\":\\n\\\"\u{e9}\\\"}\",\"id\":\"7\"}\n\
         {\"event\":\"message\",\"data\":\"no\",\"id\":\"7\"}\n"
    );
    let run = lines(&server, &["--json"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(1), "{\"a\": \"\u{e9}\"}\n")
    );
    assert!(
        run.stderr.contains("event 2 is not JSON: expected "),
        "{run:?}"
    );
    let run = lines(&server, &["--json", "--envelope"]);
    assert_eq!(
        run.stdout,
        "{\"event\":\"tick\",\"data\":{\"a\": \"\u{e9}\"},\"id\":\"7\"}\n"
    );
}

#[test]
fn events_are_lines_too_if_that_is_said() {
    let server = events("id: 7\ndata: one\n\n");
    let run = lines(&server, &["--as", "lines", "--skip-blank"]);
    assert_eq!(run.stdout, "id: 7\ndata: one\n");
    let page = Server::start_thread(|_| Reply::ok("a page")).unwrap();
    let run = lines(&page, &["--as", "sse", "--retries", "0"]);
    run.assert_one_line_error(1);
    assert!(run.stderr.contains("text/event-stream"), "{run:?}");
}

#[test]
fn the_answer_to_a_post_is_not_asked_for_again() {
    let server = events("data: one\n\n");
    let run = lines(&server, &["-d", "{\"stream\":true}"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), "one\n"),
        "{run:?}"
    );
    assert_eq!(server.requests().len(), 1);
}
