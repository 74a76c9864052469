//! Stopped by a signal or killed: nothing missing, nothing twice, nothing torn.

use crate::kit::{Place, Run, records, signal, summary, until};
use brigade_testkit::server::{Reply, Server};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use std::time::Duration;

const PAGES: usize = 400;
const FETCH: [&str; 5] = ["fetch", "-i", "urls.txt", "-o", "out"];

fn slow_site() -> Server {
    let answer = |request: &brigade_testkit::server::Request| {
        Reply::ok(format!("page {}", request.path())).delay(Duration::from_millis(10))
    };
    Server::start_thread(answer).unwrap()
}

fn place_for(server: &Server) -> Place {
    let place = Place::new().knows(server, "SERVER");
    place.list((0..PAGES).map(|page| server.url(&format!("/{page}"))));
    place
}

/// Starts a fetch, sends it this signal in the middle, and waits for its end.
fn stopped_by(place: &Place, server: &Server, name: Signal) -> Run {
    let child = place.start(place.brigade(&FETCH));
    let before = server.exchanges().total;
    until(|| server.exchanges().total >= before + PAGES / 4);
    signal(&child, name);
    place.end(child)
}

#[track_caller]
fn assert_complete(place: &Place) {
    let records = records(&place.path("out"));
    assert_eq!(records.len(), PAGES);
    for (index, record) in records {
        assert_eq!(record["body"], format!("page /{index}"));
    }
}

#[test]
fn f1e_ctrl_c_commits_says_how_to_continue_and_the_same_command_does() {
    let server = slow_site();
    let place = place_for(&server);
    let run = stopped_by(&place, &server, Signal::SIGINT);
    assert_eq!(run.code, Some(130), "{run:?}");
    let summary = summary(&place.path("out"));
    assert_eq!(
        (&summary["state"], &summary["failed"]),
        (&"interrupted".into(), &0.into())
    );
    let done = records(&place.path("out")).len();
    assert!(done > 0 && done < PAGES, "{done}");
    let said = run.stderr.replace(&done.to_string(), "SOME");
    assert_snapshot!("ctrl_c", said);

    let again = place.run(&FETCH);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_complete(&place);
    // What was given up in flight is asked for again, and nothing else.
    assert!(
        server.exchanges().total <= PAGES + 8,
        "{:?}",
        server.exchanges()
    );
}

#[test]
fn f11h_stopped_while_it_asks_again_it_says_so_and_the_same_command_goes_on() {
    let server = Server::start_thread(|request| match request.path() {
        "/0" => Reply::hang(),
        _ => Reply::status(404),
    })
    .unwrap();
    let place = Place::new().knows(&server, "SERVER");
    place.list(["/0", "/1"].map(|path| server.url(path)));
    let again = [&FETCH[..], &["--progress", "none", "--retries", "0"]].concat();
    let first = [&again[..], &["--read-timeout", "100ms"]].concat();
    assert_eq!(place.run(&first).code, Some(1));
    let again = [&again[..], &["--retry-failed"]].concat();
    let child = place.start(place.brigade(&again));
    until(|| server.exchanges().total == 4);
    signal(&child, Signal::SIGINT);
    let run = place.end(child);
    assert_eq!((run.code, run.stdout.as_str()), (Some(130), ""), "{run:?}");
    let said = "stopped while failures were asked for again, with 2 left; run the same command";
    assert!(run.stderr.contains(said), "{run:?}");
    assert_eq!(summary(&place.path("out"))["state"], "interrupted");
    let status = place.run(&["status", "out"]);
    let said = "stopped while failures were asked for again, started ";
    assert!(status.stdout.starts_with(said), "{status:?}");
    assert!(
        status
            .stdout
            .contains("run the same command again to continue")
    );
    let again = [&again[..], &["--read-timeout", "100ms"]].concat();
    let run = place.run(&again);
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""), "{run:?}");
    assert_eq!(server.exchanges().total, 6);
    assert!(place.run(&["status", "out"]).stdout.starts_with("done, "));
}

#[test]
fn f4e_sigterm_is_the_same_with_its_own_code() {
    let server = slow_site();
    let place = place_for(&server);
    let run = stopped_by(&place, &server, Signal::SIGTERM);
    assert_eq!(run.code, Some(143), "{run:?}");
    assert_eq!(place.run(&FETCH).code, Some(0));
    assert_complete(&place);
}

#[test]
fn f1e_a_server_that_never_answers_does_not_hold_up_the_end() {
    let server = Server::start_thread(|_| Reply::hang()).unwrap();
    let place = place_for(&server);
    let child = place.start(place.brigade(&FETCH));
    until(|| server.exchanges().open > 0);
    signal(&child, Signal::SIGINT);
    let run = place.end(child);
    assert_eq!(run.code, Some(130), "{run:?}");
    let summary = summary(&place.path("out"));
    assert_eq!((&summary["ok"], &summary["failed"]), (&0.into(), &0.into()));
}

#[test]
fn f1b_killed_again_and_again_nothing_is_missing_twice_or_torn() {
    let server = slow_site();
    let place = place_for(&server);
    let mut kills = 0;
    for step in 1..=6 {
        let mut child = place.start(place.brigade(&FETCH));
        let start = server.exchanges().total;
        until(|| {
            let ended = child.try_wait().unwrap().is_some();
            ended || server.exchanges().total >= start + 20 * step
        });
        if child.try_wait().unwrap().is_none() {
            signal(&child, Signal::SIGKILL);
            kills += 1;
        }
        place.end(child);
    }
    assert!(kills >= 4, "{kills}");
    let run = place.run(&FETCH);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_complete(&place);
}
