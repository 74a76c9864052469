//! Lists that name a URL more than once.

use std::collections::BTreeMap;
use std::fs;

use brigade_jobs::{Input, State};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, ask, config, run, run_until};

/// 900 lines in a random order that name 300 URLs, and one that is no URL, twice.
fn list(server: &Server, seed: u64) -> (String, Vec<u64>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut first = BTreeMap::new();
    let mut lines = Vec::new();
    for line in 0..900u64 {
        let page = random.u32(0..300);
        first.entry(page).or_insert(line);
        let fragment = if random.bool() { "#part" } else { "" };
        lines.push(server.url(&format!("/{page}{fragment}")));
    }
    lines.extend(["no url".to_owned(), "no url".to_owned()]);
    let mut settled: Vec<_> = first.into_values().chain([900, 901]).collect();
    settled.sort_unstable();
    (lines.join("\n"), settled)
}

#[test]
fn f9f_the_first_line_with_a_url_is_fetched_and_the_others_are_counted_over_all_stops() {
    let server = Server::start_thread(|request| match request.path() {
        "/7" => Reply::status(404),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    for seed in 0..3 {
        let before = server.requests().len();
        let (text, settled) = list(&server, seed);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        fs::write(&path, text).unwrap();
        let out = directory.path().join("out");
        let mut config = config(Input::File(path), &out);
        config.dedupe = true;
        config.window = 16;
        let mut stops = 0;
        let summary = loop {
            let summary = run_until(config.clone(), |now| now.finished > 60).unwrap();
            let left: i64 = ask(
                &out,
                "SELECT read_lines - ok - skipped - duplicates - (SELECT count(*) FROM failure)
                 FROM job",
            );
            assert_eq!(left, summary.pending as i64);
            if summary.state == State::Done {
                break summary;
            }
            stops += 1;
        };
        assert!(stops > 2);
        let duplicates = 902 - settled.len() as u64;
        assert_eq!(summary.duplicates, duplicates);
        assert_eq!(summary.ok + summary.failed, settled.len() as u64);
        Output::read(&out).assert_complete(settled.iter().copied());
        assert!(!out.join("input.seen").exists(), "it is scratch");
        let text = fs::read_to_string(out.join("summary.json")).unwrap();
        assert!(
            text.contains(&format!("\"duplicates\": {duplicates}")),
            "{text}"
        );
        // Nothing is left to do, and nothing is asked for again to find that out.
        let asked = server.requests().len();
        assert_eq!(run(config.clone()).unwrap().duplicates, duplicates);
        config.retry_failed = true;
        assert_eq!(run(config).unwrap().duplicates, duplicates);
        assert!(server.requests().len() <= asked + 1, "only what failed");
        // In flight at a stop are no more than the 8 that may be.
        assert!(asked - before <= settled.len() + 8 * stops);
    }
}

#[test]
fn f9f_without_being_told_to_every_line_is_fetched() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let urls = crate::support::urls([server.url("/"), server.url("/")]);
    let summary = run(config(urls, directory.path())).unwrap();
    assert_eq!((summary.ok, summary.duplicates), (2, 0));
}
