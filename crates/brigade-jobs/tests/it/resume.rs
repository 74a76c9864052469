//! A job goes on where it stopped.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade::cancel::Token;
use brigade_jobs::{Error, Input, Job, State};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, block_on, config, run, run_until, urls};

fn slow_server() -> Server {
    let answer = |_: &_| Reply::ok("fine").delay(Duration::from_millis(3));
    Server::start_thread(answer).unwrap()
}

#[test]
fn f1e_what_was_in_flight_at_a_stop_stays_pending_and_is_no_failure() {
    let server = Server::start_thread(|request| match request.path() {
        "/hang" => Reply::hang(),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut list: Vec<_> = (0..20).map(|n| server.url(&format!("/{n}"))).collect();
    list.insert(0, server.url("/hang"));
    let config = config(urls(list), directory.path());
    let summary = run_until(config.clone(), |progress| progress.ok == 20).unwrap();
    assert_eq!(summary.state, State::Interrupted);
    assert_eq!((summary.ok, summary.failed, summary.pending), (20, 0, 1));
    Output::read(directory.path()).assert_complete(1..21);

    let before = server.requests().len();
    let summary = run_until(config, |_| server.requests().len() > before).unwrap();
    assert_eq!(summary.pending, 1);
    let requests = server.requests();
    assert_eq!(
        requests[before].path(),
        "/hang",
        "only what is pending is asked for"
    );
    assert_eq!(requests.len(), before + 1);
}

#[test]
fn f1b_stopped_again_and_again_nothing_is_missing_or_doubled() {
    let server = slow_server();
    let directory = tempfile::tempdir().unwrap();
    let list: Vec<_> = (0..300).map(|n| server.url(&format!("/{n}"))).collect();
    let mut config = config(urls(list), directory.path());
    config.part_max = 4000;
    let mut runs = 0;
    loop {
        runs += 1;
        let summary = run_until(config.clone(), |now| now.finished > 40).unwrap();
        let output = Output::read(directory.path());
        assert_eq!(output.results.len() as u64, summary.ok);
        if summary.state == State::Done {
            break;
        }
    }
    assert!(runs > 3);
    let output = Output::read(directory.path());
    output.assert_complete(0..300);
    assert!(output.parts > 5, "parts roll by size");
    let summary = run(config).unwrap();
    assert_eq!(
        (summary.state, summary.runs),
        (State::Done, runs + 1),
        "nothing is left to do"
    );
    assert!(server.requests().len() < 300 + 9 * runs as usize);
}

#[test]
fn f1b_a_job_continues_whatever_the_name_of_its_directory() {
    let place = tempfile::tempdir().unwrap();
    let list = || urls(["no url".to_owned()]);
    for name in ["/out", "a ?b#c%41&d=e", "Größe"] {
        let directory = format!("/{}/{name}", place.path().display());
        for runs in 1..=2 {
            let summary = run(config(list(), Path::new(&directory))).unwrap();
            assert_eq!((summary.failed, summary.runs), (1, runs), "{directory}");
        }
    }
}

#[test]
fn f1b_a_dropped_run_commits_what_it_was_given() {
    let server = slow_server();
    let directory = tempfile::tempdir().unwrap();
    let list: Vec<_> = (0..200).map(|n| server.url(&format!("/{n}"))).collect();
    let config = config(urls(list), directory.path());
    block_on(async {
        let job = Job::open(config.clone()).unwrap();
        let progress = job.progress();
        let enough = brigade_testkit::wait::until(|| progress.snapshot().ok >= 64 + 8);
        tokio::select! {
            _ = job.run(Token::new()) => panic!("too fast"),
            () = enough => {}
        }
    });
    // The writer still holds the lock until it has committed.
    let job = block_on(async {
        let mut job = None;
        let mut try_open = || {
            job = Job::open(config.clone()).ok();
            job.is_some()
        };
        brigade_testkit::wait::until(&mut try_open).await;
        job.unwrap()
    });
    assert!(job.progress().snapshot().resumed >= 64);
    let summary = block_on(job.run(Token::new())).unwrap();
    assert_eq!(summary.ok, 200);
    Output::read(directory.path()).assert_complete(0..200);
}

#[test]
fn f1c_what_lies_beyond_the_last_commit_is_cut_off_and_unknown_parts_are_deleted() {
    let server = slow_server();
    let directory = tempfile::tempdir().unwrap();
    let list: Vec<_> = (0..50).map(|n| server.url(&format!("/{n}"))).collect();
    let config = config(urls(list), directory.path());
    run_until(config.clone(), |progress| progress.ok > 10).unwrap();
    let part = directory.path().join("part-00000.jsonl");
    let mut file = fs::OpenOptions::new().append(true).open(&part).unwrap();
    file.write_all(b"{\"index\":49,\"url\":\"torn").unwrap();
    fs::write(
        directory.path().join("part-00001.jsonl"),
        "{\"index\":48}\n",
    )
    .unwrap();
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    let summary = run(config).unwrap();
    assert_eq!(summary.state, State::Done);
    Output::read(directory.path()).assert_complete(0..50);
    assert!(directory.path().join("notes.txt").exists());
}

#[test]
fn f4d_failures_that_heal_are_taken_off_the_file_by_retrying_them_alone() {
    let healed = std::sync::Arc::new(AtomicBool::new(false));
    let state = healed.clone();
    let server = Server::start_thread(move |request| match request.path() {
        "/sick" if !state.load(Ordering::SeqCst) => Reply::status(410),
        "/lost" => Reply::status(404),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let paths = ["/a", "/sick", "/lost", "/b"];
    let mut list: Vec<_> = paths.iter().map(|path| server.url(path)).collect();
    list.push("no url".into());
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    run(config.clone()).unwrap();
    assert_eq!(Output::read(directory.path()).failures.len(), 3);
    healed.store(true, Ordering::SeqCst);
    config.retry_failed = true;
    let before = server.requests().len();
    let summary = run(config.clone()).unwrap();
    assert_eq!((summary.ok, summary.failed, summary.pending), (3, 2, 0));
    assert_eq!(
        server.requests().len(),
        before + 2,
        "only the failures are asked for"
    );
    let output = Output::read(directory.path());
    output.assert_complete(0..5);
    assert_eq!(output.failures.keys().copied().collect::<Vec<_>>(), [2, 4]);
    assert_eq!(output.results[&1]["body"], "fine");
}

#[test]
fn fresh_starts_again() {
    let server = slow_server();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls([server.url("/old")]), directory.path());
    run(config.clone()).unwrap();
    config.input = urls([server.url("/new")]);
    let refused = run(config.clone()).unwrap_err();
    assert!(matches!(refused, Error::InputChanged { .. }), "{refused}");
    config.fresh = true;
    assert_eq!(run(config).unwrap().ok, 1);
    let output = Output::read(directory.path());
    assert_eq!(output.results[&0]["url"], server.url("/new"));
}

#[test]
fn a_list_that_has_grown_continues() {
    let server = slow_server();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list.txt");
    fs::write(&path, format!("{}\n{}", server.url("/0"), server.url("/1"))).unwrap();
    let config = config(Input::File(path.clone()), &directory.path().join("out"));
    assert_eq!(run(config.clone()).unwrap().ok, 2);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    write!(file, "\n{}\r\n\r\n{}", server.url("/2"), server.url("/3")).unwrap();
    let summary = run(config.clone()).unwrap();
    assert_eq!((summary.input, summary.ok, summary.skipped), (5, 4, 1));
    assert_eq!(server.requests().len(), 4);
    Output::read(&directory.path().join("out")).assert_complete([0, 1, 2, 4]);

    // Text that makes the last line another URL is a change.
    writeln!(file, "0").unwrap();
    let refused = run(config.clone()).unwrap_err().to_string();
    assert!(
        refused.contains("line 5, once its last, has grown"),
        "{refused}"
    );
    assert!(
        refused.contains("--fresh") && refused.contains("list.txt"),
        "{refused}"
    );
    // And so is an edit of what was read.
    fs::write(&path, format!("{}\n{}", server.url("/X"), server.url("/1"))).unwrap();
    let refused = run(config.clone()).unwrap_err().to_string();
    assert!(refused.contains("it is shorter"), "{refused}");
    fs::write(&path, "#".repeat(300)).unwrap();
    let refused = run(config).unwrap_err().to_string();
    assert!(refused.contains("differs within line 1)"), "{refused}");
}
