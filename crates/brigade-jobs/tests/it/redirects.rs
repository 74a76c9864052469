//! Redirects are followed by the job: each hop is a request of its host like any other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, config, run, urls};

/// A server whose every path leads to the same path of `target`.
fn gate(target: &Server) -> Server {
    let base = target.url("");
    Server::start_thread(move |request| {
        Reply::redirect(302, format!("{}{}", base, request.target()))
    })
    .unwrap()
}

#[test]
fn f3f_a_hop_to_another_host_keeps_within_the_concurrency_of_that_host() {
    let target =
        Server::start_thread(|_| Reply::ok("here").delay(Duration::from_millis(10))).unwrap();
    let gates: Vec<_> = (0..4).map(|_| gate(&target)).collect();
    let list = (0..40).map(|n| gates[n % 4].url(&format!("/{n}")));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.concurrency = 16;
    config.per_host = 2;
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.requests, summary.retries), (40, 80, 0));
    assert_eq!(target.exchanges().peak, 2);
    let output = Output::read(directory.path());
    for (index, result) in &output.results {
        let path = format!("/{index}");
        assert_eq!(result["url"], gates[*index as usize % 4].url(&path));
        assert_eq!(result["final_url"], target.url(&path));
        assert_eq!(result["attempts"], 1);
    }
}

#[test]
fn f3f_a_refusal_after_a_redirect_pauses_the_host_that_refused_and_no_other() {
    let seen = AtomicUsize::new(0);
    let target = Server::start_thread(move |_| match seen.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status(429).header("retry-after", "1"),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let gate = gate(&target);
    let list = (0..12).map(|n| gate.url(&format!("/{n}")));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.per_host = 1;
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (12, 0));
    let requests = target.requests();
    let waited = requests[1].at() - requests[0].at();
    assert!(waited >= Duration::from_millis(990), "{waited:?}");
    // The refused hop alone was repeated.
    assert_eq!((gate.requests().len(), requests.len()), (12, 13));
    let (first, last) = (&gate.requests()[0], &gate.requests()[11]);
    let took = last.at() - first.at();
    assert!(
        took < Duration::from_millis(900),
        "the gate waited: {took:?}"
    );
}

#[test]
fn f3g_credentials_stay_with_their_origin_and_do_not_come_back() {
    let other = Arc::new(std::sync::OnceLock::<String>::new());
    let back = other.clone();
    let home = Server::start_thread(move |request| match request.path() {
        "/start" => Reply::redirect(302, "/within"),
        "/within" => Reply::redirect(307, back.get().unwrap().as_str()),
        _ => Reply::ok("home"),
    })
    .unwrap();
    let end = home.url("/end");
    // A step within the other origin gives nothing back either.
    let away = Server::start_thread(move |request| match request.path() {
        "/" => Reply::redirect(302, "/on"),
        _ => Reply::redirect(302, end.as_str()),
    })
    .unwrap();
    other.set(away.url("/")).unwrap();
    let start = home.url("/start");
    let with_login = start.replace("http://", "http://user:secret@");
    for (start, own) in [(start, true), (with_login, false)] {
        let before = home.requests().len();
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(urls([start]), directory.path());
        config.headers = vec![("x-plain".into(), "kept".into())];
        if own {
            config.headers.extend([
                ("authorization".into(), "Bearer secret".into()),
                ("cookie".into(), "session=secret".into()),
            ]);
        }
        assert_eq!(run(config).unwrap().ok, 1);
        let requests = home.requests().split_off(before);
        let authorized: Vec<_> = requests
            .iter()
            .map(|request| request.header("authorization").is_some())
            .collect();
        assert_eq!(authorized, [true, true, false]);
        let cookies: Vec<_> = requests
            .iter()
            .map(|r| r.header("cookie").is_some())
            .collect();
        assert_eq!(cookies, [own, own, false]);
        assert!(requests.iter().all(|r| r.header("x-plain") == Some("kept")));
    }
    assert_eq!(away.requests().len(), 4);
    for request in away.requests() {
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("cookie"), None);
        assert_eq!(request.header("x-plain"), Some("kept"));
    }
}

#[test]
fn f3h_a_hop_is_no_attempt_and_a_failed_hop_alone_is_repeated() {
    let seen = AtomicUsize::new(0);
    let server = Server::start_thread(move |request| match request.path() {
        "/1" => Reply::redirect(301, "/2"),
        "/2" => Reply::redirect(303, "/3"),
        _ => match seen.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::status(500),
            _ => Reply::ok("there"),
        },
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls([server.url("/1")]), directory.path());
    config.retries = 1;
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.requests, summary.retries), (1, 4, 1));
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|r| r.path().to_owned())
        .collect();
    assert_eq!(asked, ["/1", "/2", "/3", "/3"]);
    let output = Output::read(directory.path());
    assert_eq!(output.results[&0]["attempts"], 2);
}

#[test]
fn f3h_redirects_end_at_their_limit() {
    let server = Server::start_thread(|request| match request.path() {
        "/loop" => Reply::redirect(302, "/loop"),
        "/ftp" => Reply::redirect(302, "ftp://127.0.0.1/"),
        "/end" => Reply::ok("end"),
        path => {
            let left: u32 = path[1..].parse().unwrap();
            let next = if left == 1 {
                "/end".into()
            } else {
                format!("/{}", left - 1)
            };
            Reply::redirect(302, next)
        }
    })
    .unwrap();
    let list = ["/3", "/4", "/loop", "/ftp"].map(|path| server.url(path));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list.clone()), directory.path());
    config.redirects = 3;
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (1, 3));
    let output = Output::read(directory.path());
    assert_eq!(output.results[&0]["final_url"], server.url("/end"));
    for index in [1, 2] {
        assert_eq!(output.kind(index), "too_many_redirects");
        assert_eq!(output.failures[&index]["url"], list[index as usize]);
        assert_eq!(output.failures[&index]["attempts"], 1);
    }
    assert_eq!(output.kind(3), "bad_url");
    let loops = server
        .requests()
        .into_iter()
        .filter(|r| r.path() == "/loop");
    assert_eq!(loops.count(), 4);
}

#[test]
fn f3h_without_redirects_the_redirect_is_the_answer() {
    let server = Server::start_thread(|_| Reply::redirect(302, "/")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls([server.url("/")]), directory.path());
    config.redirects = 0;
    assert_eq!(run(config).unwrap().failed, 1);
    let output = Output::read(directory.path());
    assert_eq!(output.kind(0), "http_status");
    assert_eq!(output.failures[&0]["status"], 302);
}

#[test]
fn f3i_lines_that_were_redirected_to_a_slow_host_end_once_though_the_window_is_small() {
    let target =
        Server::start_thread(|_| Reply::ok("here").delay(Duration::from_millis(2))).unwrap();
    let gate = gate(&target);
    let list = (0..300).map(|n| gate.url(&format!("/{n}")));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.per_host = 2;
    config.window = 8;
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (300, 0));
    Output::read(directory.path()).assert_complete(0..300);
}
