//! Hosts that ask to be left alone for longer than a job waits.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use brigade_jobs::{Backoff, Error, StoppedBy};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, ask, config, run, run_until, urls};

/// A server that refuses with this `Retry-After` until it is told to do better.
fn refusing(retry_after: &'static str) -> (Server, Arc<AtomicBool>) {
    let is_well = Arc::<AtomicBool>::default();
    let well = is_well.clone();
    let reply = move || match well.load(SeqCst) {
        true => Reply::ok("fine"),
        false => Reply::status(429).header("retry-after", retry_after),
    };
    (Server::start_thread(move |_| reply()).unwrap(), is_well)
}

#[test]
fn f3q_a_host_that_asks_for_a_year_or_for_2099_fails_and_the_others_go_on() {
    for asked in [
        "31536000",
        "Thu, 01 Jan 2099 00:00:00 GMT",
        "99999999999999999999",
    ] {
        let (gone, is_well) = refusing(asked);
        let up = Server::start_thread(|_| Reply::ok("fine")).unwrap();
        let mut list: Vec<_> = (0..500).map(|n| gone.url(&format!("/{n}"))).collect();
        list.extend((0..20).map(|n| up.url(&format!("/{n}"))));
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(urls(list), directory.path());
        config.window = 32;
        config.per_host = 2;
        config.max_pause = Some(Duration::from_secs(3600));
        // So much may be added to a pause that was asked for, and must not be here.
        config.host_rule.backoff.base = Duration::from_secs(600);
        config.host_rule.backoff.cap = Duration::from_secs(600);
        let summary = run(config.clone()).unwrap();
        assert_eq!((summary.ok, summary.failed), (20, 500), "{asked}");
        // One more may have been in flight beside the first.
        assert!(gone.requests().len() <= 2, "{}", gone.requests().len());
        let left = "SELECT max(paused_until) - unixepoch() * 1000 FROM host";
        let left = ask::<i64>(directory.path(), left);
        assert!((2_900_000..=3_601_000).contains(&left), "{asked}: {left}");
        let output = Output::read(directory.path());
        output.assert_complete(0..520);
        let mut unasked = 0;
        for failure in output.failures.values() {
            assert_eq!(
                (&failure["kind"], &failure["status"]),
                (&"http_status".into(), &429.into())
            );
            let message = failure["message"].as_str().unwrap();
            assert!(
                message.ends_with(", longer than the longest pause (1h)"),
                "{message}"
            );
            let is_unasked = message.starts_with("not asked for: 127.0.0.1:")
                && message.contains(" answered 429 to another request and asked for ");
            assert_eq!(failure["attempts"], u64::from(!is_unasked));
            unasked += u64::from(is_unasked);
        }
        assert_eq!(unasked as usize + gone.requests().len(), 500);
        // Asked again, they wait for the rest of what is the longest pause now, and no longer.
        is_well.store(true, SeqCst);
        config.retry_failed = true;
        config.max_pause = Some(Duration::from_secs(1));
        let summary = run(config).unwrap();
        assert_eq!((summary.ok, summary.failed), (520, 0), "{asked}");
    }
}

#[test]
fn f3q_a_host_that_asks_for_no_more_than_the_longest_pause_is_waited_for() {
    let (server, is_well) = refusing("1");
    let directory = tempfile::tempdir().unwrap();
    let list = (0..5).map(|n| server.url(&format!("/{n}")));
    let mut config = config(urls(list), directory.path());
    config.max_pause = Some(Duration::from_secs(1));
    let summary = run_until(config, |progress| {
        is_well.fetch_or(progress.paused_hosts == 1, SeqCst);
        false
    });
    assert_eq!(summary.unwrap().ok, 5);
}

#[test]
fn f3q_no_pause_of_an_earlier_run_or_of_the_job_itself_is_longer_than_the_longest() {
    let (server, is_well) = refusing("31536000");
    let directory = tempfile::tempdir().unwrap();
    let list = (0..5).map(|n| server.url(&format!("/{n}")));
    let mut config = config(urls(list), directory.path());
    config.max_pause = None;
    let summary = run_until(config.clone(), |progress| progress.paused_hosts == 1).unwrap();
    assert_eq!((summary.failed, summary.pending), (0, 5));
    let days: i64 = ask(
        directory.path(),
        "SELECT (paused_until - unixepoch() * 1000) / 86400000 FROM host",
    );
    assert!(days >= 364, "{days}");
    is_well.store(true, SeqCst);
    config.max_pause = Some(Duration::from_millis(200));
    assert_eq!(run(config.clone()).unwrap().ok, 5);
    // Else the next run would begin it anew.
    let left = "SELECT max(paused_until) - unixepoch() * 1000 FROM host";
    let left: Option<i64> = ask(directory.path(), left);
    assert!(left.is_none_or(|left| left < 2000), "{left:?}");

    let seen = AtomicBool::new(false);
    let server = Server::start_thread(move |_| match seen.swap(true, SeqCst) {
        false => Reply::status(503),
        true => Reply::ok("fine"),
    })
    .unwrap();
    config.input = urls([server.url("/")]);
    config.fresh = true;
    config.host_rule.backoff = Backoff {
        base: Duration::from_secs(3600),
        cap: Duration::from_secs(3600),
        ..Backoff::default()
    };
    assert_eq!(run(config.clone()).unwrap().ok, 1);

    config.max_pause = Some(Duration::ZERO);
    let refused = run(config).unwrap_err();
    assert!(matches!(refused, Error::Config(_)), "{refused}");
}

#[test]
fn f3q_lines_that_were_not_asked_for_count_among_the_failures_that_stop_a_run() {
    let (gone, _) = refusing("31536000");
    let directory = tempfile::tempdir().unwrap();
    let list = (0..100_000).map(|n| gone.url(&format!("/{n}")));
    let mut config = config(urls(list), directory.path());
    config.window = 32;
    config.failure_limit = brigade_jobs::FailureLimit::new(0.5);
    let summary = run(config).unwrap();
    assert_eq!(summary.stopped_by, Some(StoppedBy::Failures), "{summary:?}");
    assert!((100..100_000).contains(&summary.failed), "{summary:?}");
}
