//! How often what is tried again, when a run gives up, and failures that are asked for once more.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use brigade_jobs::{
    Activity, Config, Error, FailureFilter, FailureKind, FailureLimit, FailureSet, Input, Job,
    LedgerView, State, StoppedBy,
};
use brigade_testkit::server::{Port, Reply, Server};

use crate::support::{Output, block_on, config, run, run_until, urls};

fn rules(words: &str) -> Vec<(FailureSet, u32)> {
    let rule = |word: &str| {
        let (set, count) = word.split_once('=').unwrap();
        (set.parse().unwrap(), count.parse().unwrap())
    };
    words.split_whitespace().map(rule).collect()
}

#[test]
fn f4g_each_failure_is_tried_as_often_as_its_rule_says() {
    let server = Server::start_thread(|request| match request.path() {
        "/reset" => Reply::reset(),
        "/hang" => Reply::hang(),
        path => Reply::status(path[1..].parse().unwrap()),
    })
    .unwrap();
    let refusing = Port::refusing().unwrap();
    let paths = ["/404", "/403", "/500", "/502", "/503", "/reset", "/hang"];
    let mut list: Vec<_> = paths.map(|path| server.url(path)).into();
    list.push(refusing.url("/"));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.retries = 1;
    config.retry_rules = rules("404=2 5xx=0 502=3 timeout=0 connect=4");
    config.timeouts.read = Some(Duration::from_millis(100));
    let summary = run(config).unwrap();
    assert_eq!(summary.failed, 8);
    let output = Output::read(directory.path());
    let attempts: Vec<_> = (0..8)
        .map(|n| output.failures[&n]["attempts"].as_u64())
        .collect();
    let expected = [3, 1, 1, 4, 1, 2, 1, 5].map(Some);
    assert_eq!(attempts, expected);
    let sent = server.requests();
    let sent = |path: &str| sent.iter().filter(|request| request.path() == path).count();
    // The client itself may send again what a dead connection took from it.
    assert_eq!(paths.map(sent)[..5], [3, 1, 1, 4, 1]);
}

#[test]
fn f4g_a_host_is_paused_also_if_its_refusal_is_not_tried_again() {
    let server = Server::start_thread(|request| match request.path() {
        "/first" => Reply::status(429).header("retry-after", "1"),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = urls([server.url("/first"), server.url("/second")]);
    let mut config = config(list, directory.path());
    config.per_host = 1;
    config.retry_rules = rules("429=0");
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (1, 1));
    let requests = server.requests();
    let waited = requests[1].at() - requests[0].at();
    assert_eq!(requests.len(), 2);
    assert!(waited >= Duration::from_millis(990), "{waited:?}");
}

#[test]
fn f4g_rules_that_cannot_help_are_refused_before_anything_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let refused = |change: &dyn Fn(&mut Config)| {
        let mut config = config(urls(["http://127.0.0.1:1/"]), &out);
        change(&mut config);
        match Job::open(config) {
            Err(Error::Config(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    let text = refused(&|config| config.retry_rules = rules("dns=1 too_large=2"));
    assert!(text.contains("too_large cannot be tried again"), "{text}");
    let bad_url = FailureSet::Kind(FailureKind::BadUrl);
    let text = refused(&|config| config.retry_only = vec![bad_url]);
    assert!(text.contains("bad_url cannot be tried again"), "{text}");
    assert!(!out.exists());
}

/// A server of which everything fails until it is switched on.
fn failing(healthy: &'static AtomicBool) -> Server {
    let answer = |_: &brigade_testkit::server::Request| match healthy.load(Ordering::SeqCst) {
        true => Reply::ok("fine"),
        false => Reply::status(404),
    };
    Server::start_thread(answer).unwrap()
}

#[test]
fn f4h_a_run_whose_failures_pass_the_share_stops_and_the_next_one_goes_on() {
    static HEALTHY: AtomicBool = AtomicBool::new(false);
    let server = failing(&HEALTHY);
    let good = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let mut list: Vec<_> = (0..30).map(|n| good.url(&format!("/{n}"))).collect();
    list.extend((0..20).map(|_| "no url".to_owned()));
    list.extend((50..1000).map(|n| server.url(&format!("/{n}"))));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.failure_limit = FailureLimit::new(0.5).map(|limit| limit.after(40));
    for run_number in 1..=2 {
        let summary = run(config.clone()).unwrap();
        assert_eq!(summary.state, State::Interrupted);
        assert_eq!(summary.stopped_by, Some(StoppedBy::Failures));
        let last = &summary.last_run;
        let asked = last.failed - last.by_kind.get("bad_url").unwrap_or(&0);
        let all = last.ok + asked;
        // It stops at once, but for what had its answer at the same moment.
        assert!((40..=80).contains(&all) && asked * 2 + 16 > all, "{last:?}");
        assert_eq!(summary.last_run.by_kind["http_status"], asked);
        assert_eq!(summary.ok + summary.failed + summary.pending, summary.input);
        assert!(server.requests().len() < 100 * run_number, "it went on");
        let written = std::fs::read(directory.path().join("summary.json")).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written["state"], "interrupted");
        assert_eq!(written["stopped_by"], "failures");
        assert_eq!(written["last_run"]["failed"], last.failed);
    }
    HEALTHY.store(true, Ordering::SeqCst);
    let summary = run(config).unwrap();
    assert_eq!((summary.state, summary.stopped_by), (State::Done, None));
    assert_eq!(summary.pending, 0);
    Output::read(directory.path()).assert_complete(0..1000);
    let sent = server.requests();
    let mut times = BTreeMap::<&str, usize>::new();
    for request in &sent {
        *times.entry(request.path()).or_default() += 1;
    }
    let again = times.values().filter(|times| **times > 1).count();
    assert!(again <= 16, "{again} lines were in flight at the two stops");
}

#[test]
fn f4h_a_job_that_is_complete_is_done_however_much_of_it_failed() {
    let server = Server::start_thread(|_| Reply::status(404)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for (lines, concurrency) in [(10, 1), (1, 64), (10, 64)] {
        let list: Vec<_> = (0..lines).map(|n| server.url(&format!("/{n}"))).collect();
        let mut config = config(urls(list), directory.path());
        config.fresh = true;
        config.concurrency = concurrency;
        config.failure_limit = FailureLimit::new(0.0).map(|limit| limit.after(lines));
        let summary = run(config).unwrap();
        assert_eq!((summary.failed, summary.pending), (lines, 0));
        let end = (summary.state, summary.stopped_by);
        assert_eq!(end, (State::Done, None), "with {concurrency} at once");
    }
}

#[test]
fn f4h_a_run_that_asks_again_is_done_by_its_last_line_also_if_that_fails() {
    let server = Server::start_thread(|_| Reply::status(404)).unwrap();
    for lines in [1, 10] {
        let directory = tempfile::tempdir().unwrap();
        let list = (0..lines).map(|n| server.url(&format!("/{n}")));
        let mut config = config(urls(list), directory.path());
        assert_eq!(run(config.clone()).unwrap().state, State::Done);
        config.retry_failed = true;
        config.failure_limit = FailureLimit::new(0.0).map(|limit| limit.after(lines));
        let summary = run(config).unwrap();
        assert_eq!(summary.last_run.failed, lines);
        assert_eq!((summary.state, summary.stopped_by), (State::Done, None));
    }
}

#[test]
fn f11h_a_job_that_was_stopped_while_it_asked_again_is_not_done() {
    static HEALTHY: AtomicBool = AtomicBool::new(false);
    let server = Server::start_thread(|_| match HEALTHY.load(Ordering::SeqCst) {
        true => Reply::ok("fine").delay(Duration::from_millis(5)),
        false => Reply::status(500),
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = (0..200).map(|n| server.url(&format!("/{n}")));
    let mut config = config(urls(list), directory.path());
    config.retries = 0;
    (config.commit_every, config.concurrency) = (5, 2);
    assert_eq!(run(config.clone()).unwrap().state, State::Done);
    let activity = || {
        let status = LedgerView::open(directory.path())
            .unwrap()
            .status()
            .unwrap();
        (status.activity, status.failed)
    };
    assert_eq!(activity(), (Activity::Done, 200));
    HEALTHY.store(true, Ordering::SeqCst);
    config.retry_failed = true;
    let stopped = run_until(config.clone(), |progress| progress.committed >= 20).unwrap();
    let left = stopped.failed;
    assert!((1..=180).contains(&left), "{left} are left");
    let end = (stopped.state, stopped.stopped_by);
    assert_eq!(end, (State::Interrupted, Some(StoppedBy::Request)));
    assert!(stopped.is_settled() && stopped.ok == 200 - left);
    assert_eq!(activity(), (Activity::Interrupted, left));
    // Continued as it was, it comes to its end; continued without asking again, it is done as it is.
    config.retry_failed = false;
    assert_eq!(run(config.clone()).unwrap().state, State::Done);
    assert_eq!(activity(), (Activity::Done, left));
    config.retry_failed = true;
    let summary = run(config).unwrap();
    assert_eq!((summary.state, summary.ok), (State::Done, 200));
    assert_eq!(activity(), (Activity::Done, 0));
    Output::read(directory.path()).assert_complete(0..200);
}

#[test]
fn f4i_only_the_failures_that_are_named_are_asked_for_again() {
    let seen = AtomicUsize::new(0);
    let server = Server::start_thread(move |request| {
        let first = seen.fetch_add(1, Ordering::SeqCst) < 4;
        match request.path() {
            "/404" => Reply::status(404),
            "/500" if first => Reply::status(500),
            "/reset" if first => Reply::reset(),
            _ => Reply::ok("healed"),
        }
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = ["/404", "/500", "/reset", "/410"].map(|path| server.url(path));
    let mut config = config(
        urls(list.into_iter().chain(["no url".to_owned()])),
        directory.path(),
    );
    config.retries = 0;
    assert_eq!(run(config.clone()).unwrap().failed, 4);
    config.retry_failed = true;
    config.retry_only = vec!["5xx".parse().unwrap(), "404".parse().unwrap()];
    let summary = run(config.clone()).unwrap();
    assert_eq!((summary.ok, summary.failed), (2, 3));
    assert_eq!((summary.last_run.ok, summary.last_run.failed), (1, 1));
    let again: Vec<_> = server.requests()[4..]
        .iter()
        .map(|r| r.path().to_owned())
        .collect();
    assert_eq!(again.len(), 2, "{again:?}");
    assert!(!again.contains(&"/reset".to_owned()), "{again:?}");
    let output = Output::read(directory.path());
    output.assert_complete(0..5);
    assert_eq!(output.failures[&0]["status"], 404);
    config.retry_only.clear();
    assert_eq!(run(config).unwrap().failed, 2);
    Output::read(directory.path()).assert_complete(0..5);
}

const TEST: &str = "retries::f4i_killed_while_failures_are_tried_again_none_is_lost_or_doubled";
const CHILD: &str = "BRIGADE_JOBS_RETRIES_CHILD";
const LINES: u64 = 600;

fn settings(directory: &Path) -> Config {
    let mut config = config(Input::File(directory.join("list")), &directory.join("out"));
    config.commit_every = 20;
    config.commit_interval = Duration::from_millis(20);
    config.retries = 0;
    config
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the ledger says: lines with a result, and lines that failed.
fn account(directory: &Path) -> (u64, Vec<u64>) {
    let view = LedgerView::open(directory.join("out")).unwrap();
    let failures = view.failures(&FailureFilter::default());
    let lines = failures.map(|failure| failure.unwrap().index).collect();
    (view.status().unwrap().ok, lines)
}

#[test]
fn f4i_killed_while_failures_are_tried_again_none_is_lost_or_doubled() {
    if let Some(directory) = std::env::var_os(CHILD) {
        let mut config = settings(Path::new(&directory));
        config.retry_failed = true;
        run(config).unwrap();
        return;
    }
    let asked = Mutex::new(BTreeMap::<String, usize>::new());
    let server = Server::start_thread(move |request| {
        let path = request.path().to_owned();
        let number: u64 = path[1..].parse().unwrap();
        let mut asked = asked.lock().unwrap();
        let times = asked.entry(path).or_default();
        *times += 1;
        // A third is well at once, a third heals, a third never does.
        let reply = match (number % 3, *times) {
            (0, _) | (1, 2..) => Reply::ok(format!("body {number}")),
            _ => Reply::status(404),
        };
        reply.delay(Duration::from_millis(number % 4))
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..LINES).map(|n| server.url(&format!("/{n}"))).collect();
    std::fs::write(directory.path().join("list"), lines.join("\n")).unwrap();
    assert_eq!(
        run(settings(directory.path())).unwrap().failed,
        LINES * 2 / 3
    );

    let mut kills = 0;
    for step in 1..=8 {
        let mut child = start(directory.path());
        let before = server.exchanges().total;
        let mut ended = false;
        block_on(brigade_testkit::wait::until(|| {
            ended = child.try_wait().unwrap().is_some();
            ended || server.exchanges().total >= before + 25 * step
        }));
        if !ended {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        let (ok, failed) = account(directory.path());
        assert_eq!(ok + failed.len() as u64, LINES, "a line is lost or doubled");
    }
    assert!(kills >= 5, "only {kills} kills");
    // Without --retry-failed: what was left is put in order, and nothing is asked for.
    let before = server.exchanges().total;
    run(settings(directory.path())).unwrap();
    assert_eq!(server.exchanges().total, before);
    Output::read(&directory.path().join("out")).assert_complete(0..LINES);
    assert!(start(directory.path()).wait().unwrap().success());
    let output = Output::read(&directory.path().join("out"));
    output.assert_complete(0..LINES);
    let never: Vec<_> = (0..LINES).filter(|n| n % 3 == 2).collect();
    assert_eq!(output.failures.keys().copied().collect::<Vec<_>>(), never);
}
