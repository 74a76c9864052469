//! Each line ends in one place, under one kind, with all that is known of it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use brigade_jobs::State;
use brigade_testkit::server::{Port, Reply, Server};

use crate::support::{Output, config, run, urls};

#[test]
fn f1a_every_line_ends_in_exactly_one_place() {
    let server = Server::start_thread(|request| match request.path() {
        "/missing" => Reply::status(404),
        "/broken" => Reply::ok("x".repeat(100)).reset_after(10),
        path => Reply::ok(format!("body of {path}")),
    })
    .unwrap();
    let mut list: Vec<_> = (0..200).map(|n| server.url(&format!("/{n}"))).collect();
    list[3] = server.url("/missing");
    list[4] = "no url at all".into();
    list[5] = String::new();
    list[6] = "# a comment".into();
    list[7] = server.url("/broken");
    list[8] = list[9].clone();
    let directory = tempfile::tempdir().unwrap();
    let summary = run(config(urls(list), directory.path())).unwrap();
    assert_eq!(summary.state, State::Done);
    let counts = (
        summary.input,
        summary.ok,
        summary.failed,
        summary.skipped,
        summary.pending,
    );
    assert_eq!(counts, (200, 195, 3, 2, 0));
    let output = Output::read(directory.path());
    output.assert_complete((0..200).filter(|n| ![5, 6].contains(n)));
    assert_eq!(
        output.results[&8]["body"], "body of /9",
        "a URL given twice is two lines"
    );
    assert_eq!(output.results[&199]["attempts"], 1);
    assert_eq!(output.failures[&4]["url"], "no url at all");
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(directory.path().join("summary.json")).unwrap())
            .unwrap();
    assert_eq!(written["state"], "done");
    assert_eq!(written["by_status"]["200"], 195);
    assert_eq!(written["by_status"]["404"], 1);
    assert_eq!(written["by_kind"]["bad_url"], 1);
}

#[test]
fn f4j_a_status_that_has_no_name_is_said_by_its_number() {
    let server = Server::start_thread(|request| match request.path() {
        "/999" => Reply::status(999),
        _ => Reply::status(410),
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = ["/999", "/410"].map(|path| server.url(path));
    run(config(urls(list), directory.path())).unwrap();
    let output = Output::read(directory.path());
    let messages = [0, 1].map(|index| output.failures[&index]["message"].clone());
    let expected = ["the server answered 999", "the server answered 410 Gone"];
    assert_eq!(messages, expected);
}

#[test]
fn f4b_each_way_to_fail_has_its_kind_status_message_and_attempts() {
    let server = Server::start_thread(|request| match request.path() {
        "/404" => Reply::status(404),
        "/500" => Reply::status(500),
        "/reset" => Reply::reset(),
        "/hang" => Reply::hang(),
        "/large" => Reply::ok("").endless(),
        "/slow" => Reply::ok("x".repeat(1000)).slow(1, Duration::from_millis(20)),
        "/raw" => Reply::raw("this is not HTTP\r\n\r\n"),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let refusing = Port::refusing().unwrap();
    let list = [
        server.url("/404"),
        server.url("/500"),
        server.url("/reset"),
        server.url("/hang"),
        server.url("/large"),
        server.url("/slow"),
        server.url("/raw"),
        refusing.url("/"),
        "ftp://a/b".to_owned(),
        "http://does-not-exist.invalid/".to_owned(),
        server.url("/fine"),
    ];
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.retries = 1;
    config.max_body = 10_000;
    config.timeouts.read = Some(Duration::from_millis(200));
    config.timeouts.total = Some(Duration::from_millis(1000));
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (1, 10));
    let output = Output::read(directory.path());
    let expected = [
        "http_status",
        "http_status",
        "protocol",
        "timeout.read",
        "too_large",
        "timeout.total",
        "protocol",
        "connect",
        "bad_url",
        "dns",
    ];
    let kinds: Vec<_> = (0..10).map(|index| output.kind(index)).collect();
    assert_eq!(kinds, expected);
    let attempts: Vec<_> = (0..10)
        .map(|n| output.failures[&n]["attempts"].clone())
        .collect();
    assert_eq!(attempts, [1, 2, 2, 2, 1, 2, 2, 2, 0, 2]);
    assert_eq!(output.failures[&0]["status"], 404);
    assert_eq!(output.failures[&1]["status"], 500);
    assert_eq!(output.failures[&2].get("status"), None);
    let message = output.failures[&4]["message"].as_str().unwrap();
    assert!(message.contains("larger than its limit"), "{message}");
    let message = output.failures[&2]["message"].as_str().unwrap();
    assert!(message.starts_with("the connection broke: "), "{message}");
    assert!(!message.contains("connection error"), "{message}");
}

#[test]
fn f4c_a_failure_that_heals_on_retry_is_a_result() {
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start_thread(move |_| {
        match seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Reply::status(500),
            1 => Reply::ok("torn").close_after(2),
            _ => Reply::ok("healed"),
        }
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let summary = run(config(urls([server.url("/")]), directory.path())).unwrap();
    assert_eq!((summary.ok, summary.failed, summary.retries), (1, 0, 2));
    let output = Output::read(directory.path());
    assert_eq!(output.results[&0]["attempts"], 3);
    assert_eq!(output.results[&0]["body"], "healed");
}

#[test]
fn bodies_of_every_sort_arrive_unchanged() {
    let binary: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let text = "täglich \"Brot\"\n".repeat(20_000);
    let (served, spoken) = (binary.clone(), text.clone());
    let server = Server::start_thread(move |request| match request.path() {
        "/binary" => Reply::ok(served.clone()),
        "/chunked" => Reply::ok("").chunked(spoken.as_bytes().chunks(999).map(<[u8]>::to_vec)),
        "/empty" => Reply::ok(""),
        _ => Reply::redirect(302, "/binary"),
    })
    .unwrap();
    let list = ["/binary", "/chunked", "/empty", "/moved"].map(|path| server.url(path));
    let directory = tempfile::tempdir().unwrap();
    let summary = run(config(urls(list), directory.path())).unwrap();
    assert_eq!(summary.ok, 4);
    let output = Output::read(directory.path());
    let decoded = |index: u64| {
        let text = output.results[&index]["body_base64"].as_str().unwrap();
        STANDARD.decode(text).unwrap()
    };
    assert_eq!(decoded(0), binary);
    assert_eq!(output.results[&1]["body"], text);
    assert_eq!(output.results[&2]["body"], "");
    assert_eq!(decoded(3), binary);
    assert_eq!(output.results[&3]["final_url"], server.url("/binary"));
    assert_eq!(output.results[&0].get("final_url"), None);
}

#[test]
fn f5b_a_body_larger_than_the_whole_budget_passes_and_others_wait_for_it() {
    let body = "x".repeat(300_000);
    let expected = body.clone();
    let server = Server::start_thread(move |_| Reply::ok(body.clone())).unwrap();
    let list: Vec<_> = (0..40).map(|n| server.url(&format!("/{n}"))).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.body_budget = 100_000;
    let summary = run(config).unwrap();
    assert_eq!(summary.ok, 40);
    let output = Output::read(directory.path());
    assert!(output.results.values().all(|line| line["body"] == expected));
}

#[test]
fn f5a_bodies_that_break_give_their_bytes_back() {
    let server = Server::start_thread(|request| match request.path() {
        "/whole" => Reply::ok("x".repeat(50_000)),
        _ => Reply::ok("x".repeat(50_000)).close_after(40_000),
    })
    .unwrap();
    let mut list = vec![server.url("/broken"); 40];
    list.extend(vec![server.url("/whole"); 10]);
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.body_budget = 100_000;
    config.retries = 0;
    // Nobody waits for the next commit either.
    config.commit_interval = Duration::from_secs(3600);
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (10, 40));
}

#[test]
fn secrets_are_written_nowhere() {
    let server = Server::start_thread(|request| {
        assert_eq!(request.header("authorization-x"), Some("header-secret"));
        match request.path() {
            "/denied" => Reply::status(403),
            "/cut" => Reply::ok("abc").close_after(1),
            _ => Reply::ok("fine"),
        }
    })
    .unwrap();
    let url = |path: &str| server.url(path).replace("http://", "http://me:url-secret@");
    let bad = "http://me:url-secret@[bad/".to_owned();
    let list = [url("/ok"), url("/denied"), url("/cut"), bad];
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.headers = vec![("authorization-x".into(), "header-secret".into())];
    assert!(!format!("{config:?}").contains("secret"));
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (1, 3));
    assert_eq!(
        server.requests()[0]
            .header("authorization")
            .map(|v| &v[..6]),
        Some("Basic ")
    );
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in [&b"secret"[..], b"bWU6dXJsLXNlY3JldA"] {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "{path:?} holds a secret");
        }
    }
    let output = Output::read(directory.path());
    assert_eq!(output.results[&0]["url"], server.url("/ok"));
}
