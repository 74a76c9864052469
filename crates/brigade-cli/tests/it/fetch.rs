//! What `fetch` is for: a list becomes records, and the same command continues.

use crate::kit::{Place, records, signal, summary};
use brigade_testkit::server::{Reply, Request, Server};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn site(request: &Request) -> Reply {
    match request.path() {
        "/binary" => Reply::ok(&b"\xff\x00\xfe"[..]),
        "/moved" => Reply::redirect(302, "/text"),
        "/missing" => Reply::status(404).body("no such page"),
        "/text" => Reply::ok("Größe \"1\"\n").header("x-colour", "blue"),
        path => Reply::ok(format!("page {path}")),
    }
}

fn pages(server: &Server, pages: std::ops::Range<usize>) -> impl Iterator<Item = String> {
    pages.map(|page| server.url(&format!("/{page}")))
}

#[test]
fn a_list_becomes_records_and_failures() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new().knows(&server, "SERVER");
    place.list(["/text", "/binary", "/moved", "/missing"].map(|path| server.url(path)));
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out"]);
    assert_snapshot!("fetch", run.snapshot());

    let records = records(&place.path("out"));
    assert_eq!(records.len(), 4);
    assert_eq!(records[&0]["url"], server.url("/text"));
    assert_eq!(records[&0]["status"], 200);
    assert_eq!(records[&0]["body"], "Größe \"1\"\n");
    assert_eq!(records[&0]["attempts"], 1);
    assert!(records[&0]["headers"].to_string().contains("blue"));
    assert!(records[&0].get("final_url").is_none());
    assert_eq!(records[&1]["body_base64"], "/wD+");
    assert_eq!(records[&2]["final_url"], server.url("/text"));
    assert_eq!(records[&3]["kind"], "http_status");
    assert_eq!(records[&3]["status"], 404);

    let summary = summary(&place.path("out"));
    assert_eq!(summary["state"], "done");
    assert_eq!(
        (&summary["input"], &summary["ok"], &summary["failed"]),
        (&json!(4), &json!(3), &json!(1))
    );
    assert_eq!(summary["by_kind"], json!({"http_status": 1}));
}

#[test]
fn urls_can_be_arguments_or_come_from_stdin() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    let (one, two) = (server.url("/1"), server.url("/2"));
    let run = place.run(&["fetch", "-o", "arguments", &one, &two]);
    assert_eq!(run.code, Some(0), "{run:?}");

    let mut command = place.brigade(&["fetch", "-i", "-", "-o", "stdin"]);
    command.stdin(Stdio::piped());
    let mut child = place.start(command);
    write!(child.stdin.take().unwrap(), "{one}\n\n# a comment\n{two}").unwrap();
    let run = place.end(child);
    assert_eq!(run.code, Some(0), "{run:?}");

    for (output, lines) in [("arguments", [0, 1]), ("stdin", [0, 3])] {
        let records = records(&place.path(output));
        assert_eq!(
            records.keys().copied().collect::<Vec<_>>(),
            lines,
            "{output}"
        );
        assert_eq!(records[&lines[1]]["body"], "page /2");
    }
}

#[test]
fn f4e_the_same_command_again_asks_for_nothing_and_says_the_same() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    place.list(pages(&server, 0..50).chain([server.url("/missing")]));
    let arguments = ["fetch", "-i", "urls.txt", "-o", "out"];
    let first = place.run(&arguments);
    let requests = server.exchanges().total;
    let again = place.run(&arguments);
    assert_eq!((first.code, again.code), (Some(1), Some(1)), "{again:?}");
    assert_eq!(server.exchanges().total, requests);
    assert_eq!(records(&place.path("out")).len(), 51);
}

#[test]
fn f1i_a_list_that_grew_continues() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    let arguments = ["fetch", "-i", "urls.txt", "-o", "out"];
    place.list(pages(&server, 0..20));
    assert_eq!(place.run(&arguments).code, Some(0));
    place.list(pages(&server, 0..30));
    let run = place.run(&arguments);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(server.exchanges().total, 30);
    assert_eq!(records(&place.path("out")).len(), 30);
}

#[test]
fn f4d_failures_alone_can_be_tried_again() {
    let visits = AtomicUsize::new(0);
    let server = Server::start_thread(move |request| match request.path() {
        "/shy" if visits.fetch_add(1, Ordering::Relaxed) == 0 => Reply::status(404),
        _ => site(request),
    })
    .unwrap();
    let place = Place::new();
    place.list(pages(&server, 0..5).chain([server.url("/shy")]));
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out", "--retry-failed"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(server.exchanges().total, 7);
    assert_eq!(
        fs::read_to_string(place.path("out/failures.jsonl")).unwrap(),
        ""
    );
    assert_eq!(records(&place.path("out")).len(), 6);
}

#[test]
fn fresh_starts_again_and_leaves_other_files_alone() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    place.list(pages(&server, 0..5));
    assert_eq!(
        place.run(&["fetch", "-i", "urls.txt", "-o", "out"]).code,
        Some(0)
    );
    place.file("out/notes.txt", "mine");
    place.list(pages(&server, 5..8));
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out", "--fresh"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(server.exchanges().total, 8);
    assert_eq!(records(&place.path("out"))[&0]["body"], "page /5");
    assert_eq!(
        fs::read_to_string(place.path("out/notes.txt")).unwrap(),
        "mine"
    );
}

#[test]
fn f4f_secrets_are_sent_and_written_down_nowhere() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    let with_password = server
        .url("/1")
        .replace("http://", "http://ann:url-secret@");
    place.list([with_password, server.url("/missing")]);
    let header = "X-Key: header-secret";
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out", "-H", header]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let requests = server.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.header("x-key") == Some("header-secret"))
    );
    for entry in fs::read_dir(place.path("out")).unwrap() {
        let path = entry.unwrap().path();
        let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        for secret in ["url-secret", "header-secret"] {
            assert!(
                !content.contains(secret),
                "{secret} is in {}",
                path.display()
            );
        }
    }
    for said in [run.stdout, run.stderr] {
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn json_progress_is_a_line_a_second_and_ends_with_the_summary() {
    let server =
        Server::start_thread(|request| site(request).delay(Duration::from_millis(1_200))).unwrap();
    let place = Place::new();
    place.list(pages(&server, 0..3));
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out", "--progress", "json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(lines.len() >= 3, "{run:?}");
    let (last, before) = lines.split_last().unwrap();
    assert!(before.iter().all(|line| line["event"] == "progress"));
    assert!(before.iter().any(|line| line["in_flight"] == 3), "{run:?}");
    assert_eq!(
        (&last["event"], &last["ok"]),
        (&json!("summary"), &json!(3))
    );
}

#[test]
fn f10d_json_progress_names_the_hosts_that_matter() {
    let answered = AtomicUsize::new(0);
    let server = Server::start_thread(move |_| match answered.fetch_add(1, Ordering::SeqCst) {
        0..4 => Reply::ok("").delay(Duration::from_millis(700)),
        _ => Reply::hang(),
    })
    .unwrap();
    let place = Place::new();
    place.list(pages(&server, 0..12));
    let words = ["-i", "urls.txt", "-o", "out", "--per-host", "4"];
    let words = [&["fetch", "--progress", "json"], &words[..]].concat();
    let mut child = place.start(place.brigade(&words));
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    // From some look on, four have ended, four are in flight, four wait.
    let mut lines = said
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .take(60);
    let during = lines.find(|line| line["hosts"]["last"]["waiting"] == 4);
    signal(&child, Signal::SIGINT);
    lines.for_each(drop);
    let run = place.end(child);
    assert_eq!(run.code, Some(130), "{run:?}");
    let during = during.unwrap_or_else(|| panic!("{run:?}"));
    let host = server.address().to_string();
    let hosts = &during["hosts"];
    for shown in [&hosts["busiest"][0], &hosts["slowest"][0], &hosts["last"]] {
        assert_eq!(
            (&shown["host"], &shown["in_flight"]),
            (&json!(host), &json!(4))
        );
        assert!(shown["latency_ms"].as_f64() >= Some(700.0), "{shown}");
        assert!(shown["per_second"].as_f64() > Some(0.0), "{shown}");
        assert_eq!(shown["paused_seconds"], Value::Null);
        assert!(shown["left_seconds"].as_f64() >= Some(0.7), "{shown}");
    }
    assert!(during["eta_seconds"].as_f64() >= Some(0.7), "{during}");
}

#[test]
fn no_progress_is_no_word_at_all() {
    let server = Server::start_thread(site).unwrap();
    let place = Place::new();
    let run = place.run(&[
        "fetch",
        "-o",
        "out",
        "--progress",
        "none",
        &server.url("/missing"),
    ]);
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (Some(1), "", "")
    );
}

#[test]
fn f3d_limits_hold_for_the_whole_command() {
    let server = Server::start_thread(|_| Reply::ok("x").delay(Duration::from_millis(10))).unwrap();
    let place = Place::new();
    place.list(pages(&server, 0..40));
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "a", "--per-host", "3"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(server.exchanges().peak <= 3, "{:?}", server.exchanges());
    assert!(server.connections().peak <= 3, "{:?}", server.connections());

    let before = server.requests().len();
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "b", "--rate", "40/s"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let requests = server.requests().split_off(before);
    let window = requests.last().unwrap().at() - requests[0].at();
    assert!(window >= Duration::from_millis(900), "{window:?}");
}

#[test]
fn f3a_a_host_that_asks_for_patience_gets_it() {
    let visits = AtomicUsize::new(0);
    let server =
        Server::start_thread(
            move |request| match visits.fetch_add(1, Ordering::Relaxed) {
                0 => Reply::status(429).header("retry-after", "1"),
                _ => site(request),
            },
        )
        .unwrap();
    let place = Place::new();
    place.list(pages(&server, 0..4));
    let run = place.run(&["fetch", "-i", "urls.txt", "-o", "out", "--per-host", "1"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let requests = server.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests[1].at() - requests[0].at() >= Duration::from_millis(990));
}

#[test]
fn f3q_a_host_that_asks_for_a_year_ends_as_failures_that_say_so() {
    let server =
        Server::start_thread(|_| Reply::status(429).header("retry-after", "31536000")).unwrap();
    let place = Place::new().knows(&server, "SERVER");
    place.list((0..50).map(|page| server.url(&format!("/{page}"))));
    let arguments = ["fetch", "-i", "urls.txt", "-o", "out", "--progress", "none"];
    let run = place.run(&[&arguments[..], &["--max-pause", "10m"]].concat());
    assert_eq!(run.code, Some(1), "{run:?}");
    let failures = place.run(&["failures", "out"]);
    let said = " and asked for 365d, longer than the longest pause (10m)";
    assert_eq!(failures.stdout.matches(said).count(), 50, "{failures:?}");
}
