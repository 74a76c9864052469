//! Bad lists, bad directories and bad servers: one clear line, nothing lost, nothing half-written.

use crate::kit::{Place, Run, records, summary, until};
use brigade_testkit::server::{Reply, Server};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::time::Duration;

fn fetch(place: &Place) -> Run {
    place.run(&["fetch", "-i", "urls.txt", "-o", "out"])
}

fn page() -> Server {
    Server::start_thread(|request| Reply::ok(format!("page {}", request.path()))).unwrap()
}

/// Fetches one URL from a server that always answers like this; the failure that comes of it.
#[track_caller]
fn failure_of(reply: Reply, flags: &[&str]) -> Value {
    let server = Server::start_thread(move |_| reply.clone()).unwrap();
    let place = Place::new();
    let url = server.url("/");
    let arguments = [&["fetch", "-o", "out", "--retries", "0", &url], flags].concat();
    let run = place.run(&arguments);
    assert_eq!(run.code, Some(1), "{run:?}");
    let mut records = records(&place.path("out"));
    assert_eq!(records.len(), 1);
    records.remove(&0).unwrap()
}

#[test]
fn f1a_bad_lines_are_failures_and_the_others_are_fetched() {
    let server = page();
    let place = Place::new();
    let good = server.url("/good");
    let long = "http://127.0.0.1/".to_owned() + &"x".repeat(10 << 20);
    let lines: [&[u8]; 9] = [
        good.as_bytes(),
        b"not a url",
        b"ftp://a.test/file",
        b"http://",
        b"http://[::1",
        b"http://127.0.0.1/\xff\xfe",
        b"mailto:a@b.test",
        long.as_bytes(),
        good.as_bytes(),
    ];
    place.file("urls.txt", lines.join(&b"\r\n"[..]));
    let run = fetch(&place);
    assert_eq!(run.code, Some(1), "{run:?}");
    let records = records(&place.path("out"));
    assert_eq!(records.len(), 9);
    for line in [0, 8] {
        assert_eq!(records[&line]["body"], "page /good");
    }
    for line in [1, 2, 3, 4, 6, 7] {
        assert_eq!(
            records[&line]["kind"], "bad_url",
            "line {line}: {}",
            records[&line]
        );
    }
    let failures = fs::metadata(place.path("out/failures.jsonl"))
        .unwrap()
        .len();
    assert!(
        failures < 100_000,
        "a long line is not repeated in full: {failures} bytes"
    );
}

#[test]
fn an_empty_list_is_a_job_that_is_done() {
    let place = Place::new();
    place.file("urls.txt", "");
    let run = fetch(&place);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(summary(&place.path("out"))["input"], 0);
    assert!(records(&place.path("out")).is_empty());
}

#[test]
fn f4e_what_the_environment_does_not_allow_is_one_line() {
    let server = page();
    let place = Place::new().knows(&server, "SERVER");
    let url = server.url("/");
    place.list([url.clone()]);
    place.file("a-file", "mine");
    fs::create_dir(place.path("a-directory")).unwrap();
    let cases: &[&[&str]] = &[
        &["-i", "nowhere.txt", "-o", "out"],
        &["-i", "a-directory", "-o", "out"],
        &["-i", "a-file/list", "-o", "out"],
        &["-i", "urls.txt", "-o", "a-file"],
        &["-i", "urls.txt", "-o", "a-file/out"],
        &["-i", "urls.txt", "-o", "/proc/brigade-test"],
    ];
    let mut said = String::new();
    for arguments in cases {
        let run = place.run(&[&["fetch"], *arguments].concat());
        run.assert_one_line_error(2);
        said.push_str(&format!(
            "$ brigade fetch {}\n{}",
            arguments.join(" "),
            run.stderr
        ));
    }
    assert_snapshot!("environment", said);
    assert_eq!(fs::read_to_string(place.path("a-file")).unwrap(), "mine");
    assert_eq!(server.exchanges().total, 0);
}

#[test]
fn f1f_a_directory_in_use_is_refused() {
    let server = Server::start_thread(|_| Reply::hang()).unwrap();
    let place = Place::new();
    place.list([server.url("/")]);
    let mut first = place.start(place.brigade(&["fetch", "-i", "urls.txt", "-o", "out"]));
    until(|| server.exchanges().open == 1);
    let second = fetch(&place);
    first.kill().unwrap();
    first.wait().unwrap();
    second.assert_one_line_error(2);
    assert_snapshot!("locked", second.snapshot());
}

#[test]
fn f1i_another_list_in_the_same_directory_is_refused_and_nothing_is_touched() {
    let server = page();
    let place = Place::new();
    place.list((0..20).map(|page| server.url(&format!("/{page}"))));
    assert_eq!(fetch(&place).code, Some(0));
    let before = fs::read(place.path("out/part-00000.jsonl")).unwrap();
    place.list((100..120).map(|page| server.url(&format!("/{page}"))));
    let run = fetch(&place);
    run.assert_one_line_error(2);
    assert_snapshot!("another_list", run.snapshot());
    assert_eq!(server.exchanges().total, 20);
    assert_eq!(
        fs::read(place.path("out/part-00000.jsonl")).unwrap(),
        before
    );
}

#[test]
fn a_ledger_that_is_none_is_refused() {
    let server = page();
    let place = Place::new();
    place.list([server.url("/")]);
    fs::create_dir(place.path("out")).unwrap();
    place.file(
        "out/ledger.db",
        "this is no database, and it is long enough to be looked at",
    );
    fetch(&place).assert_one_line_error(2);
}

#[test]
fn a_reader_that_leaves_does_not_stop_the_job() {
    let server =
        Server::start_thread(|_| Reply::ok("x").delay(Duration::from_millis(1_100))).unwrap();
    let place = Place::new();
    place.list((0..12).map(|page| server.url(&format!("/{page}"))));
    let arguments = [
        "fetch",
        "-i",
        "urls.txt",
        "-o",
        "out",
        "--progress",
        "json",
        "--per-host",
        "6",
    ];
    let mut child = place.start(place.brigade(&arguments));
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    let run = place.end(child);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(records(&place.path("out")).len(), 12);
}

#[test]
fn f4a_servers_that_do_not_answer_end_in_their_timeout() {
    let quick = ["--read-timeout", "200ms"];
    assert_eq!(failure_of(Reply::hang(), &quick)["kind"], "timeout.read");
    assert_eq!(
        failure_of(Reply::ok("hello").hang_after(2), &quick)["kind"],
        "timeout.read"
    );
    let slow = Reply::ok("x".repeat(1_000)).slow(1, Duration::from_millis(20));
    assert_eq!(
        failure_of(slow, &["--total-timeout", "300ms"])["kind"],
        "timeout.total"
    );
}

#[test]
fn f4a_servers_that_misbehave_become_failures_of_their_kind() {
    let endless = Reply::status(200).endless();
    assert_eq!(
        failure_of(endless, &["--max-body", "1MiB"])["kind"],
        "too_large"
    );
    let announced = Reply::ok("x").header("content-length", "99999999999");
    assert_eq!(
        failure_of(announced, &["--max-body", "1MiB"])["kind"],
        "too_large"
    );
    let looping = Reply::redirect(302, "/");
    assert_eq!(failure_of(looping, &[])["kind"], "too_many_redirects");
    let bomb = format!(
        "HTTP/1.1 200 OK\r\n{}\r\n",
        "x-bomb: boom\r\n".repeat(100_000)
    );
    for reply in [
        Reply::reset(),
        Reply::close(),
        Reply::ok("hello").reset_after(2),
        Reply::ok("hello").close_after(2),
        Reply::raw("this is not HTTP\r\n\r\n"),
        Reply::raw(bomb),
    ] {
        let failure = failure_of(reply.clone(), &[]);
        assert_eq!(failure["kind"], "protocol", "{reply:?}");
    }
    let coded = Reply::ok("not gzip").header("content-encoding", "gzip");
    assert_eq!(failure_of(coded, &[])["kind"], "decode");
}

#[test]
fn f4a_a_port_where_nobody_listens_is_a_connect_failure() {
    let server = page();
    let url = server.url("/");
    drop(server);
    let place = Place::new();
    let run = place.run(&["fetch", "-o", "out", "--retries", "0", &url]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(records(&place.path("out"))[&0]["kind"], "connect");
}
