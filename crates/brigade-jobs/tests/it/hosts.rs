//! Hosts are left alone when they ask for it, and never hold up each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brigade_jobs::{Rate, State};
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, config, run, run_until, urls};

#[test]
fn f3a_nothing_is_sent_to_a_host_while_its_retry_after_lasts() {
    let seen = AtomicUsize::new(0);
    let polite = Server::start_thread(move |_| match seen.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status(429).header("retry-after", "1"),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let other =
        Server::start_thread(|_| Reply::ok("fine").delay(Duration::from_millis(5))).unwrap();
    let mut list: Vec<_> = (0..6).map(|n| polite.url(&format!("/{n}"))).collect();
    list.extend((0..40).map(|n| other.url(&format!("/{n}"))));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.per_host = 2;
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (46, 0));
    let requests = polite.requests();
    let refused = requests[0].at();
    // What was in flight when the refusal came may arrive, nothing else.
    let during = |request: &&brigade_testkit::server::Request| {
        let after = request.at().saturating_sub(refused);
        after > Duration::from_millis(100) && after < Duration::from_millis(990)
    };
    assert_eq!(requests.iter().filter(during).count(), 0);
    let last = other.requests().last().unwrap().at();
    assert!(
        last < Duration::from_millis(900),
        "the other host waited: {last:?}"
    );
}

#[test]
fn f3b_a_pause_survives_a_restart() {
    let server = Server::start_thread(|request| match request.path() {
        "/first" => Reply::status(503).header("retry-after", "2"),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = urls([server.url("/first"), server.url("/second")]);
    let mut config = config(list, directory.path());
    config.per_host = 1;
    config.retries = 0;
    let summary = run_until(config.clone(), |progress| progress.failed == 1).unwrap();
    assert_eq!((summary.state, summary.pending), (State::Interrupted, 1));
    let refused = server.requests()[0].at();
    let summary = run(config).unwrap();
    assert_eq!((summary.state, summary.ok), (State::Done, 1));
    let waited = server.requests()[1].at() - refused;
    assert!(waited >= Duration::from_millis(1900), "{waited:?}");
}

#[test]
fn f3e_a_host_that_never_answers_holds_up_nobody_even_beyond_the_window() {
    let silent = Server::start_thread(|_| Reply::hang()).unwrap();
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let mut list: Vec<_> = (0..3000).map(|n| silent.url(&format!("/{n}"))).collect();
    list.extend((0..100).map(|n| server.url(&format!("/{n}"))));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.per_host = 2;
    config.window = 32;
    config.timeouts.read = Some(Duration::from_secs(60));
    let summary = run_until(config, |progress| progress.ok == 100).unwrap();
    assert_eq!(
        (summary.ok, summary.failed, summary.pending),
        (100, 0, 3000)
    );
    assert_eq!(silent.exchanges().peak, 2, "concurrency per host");
    Output::read(directory.path()).assert_complete(3000..3100);
}

#[test]
fn f3d_concurrency_and_rate_of_a_host_hold_across_retries() {
    let seen = AtomicUsize::new(0);
    let server = Server::start_thread(move |_| {
        let reply = match seen.fetch_add(1, Ordering::SeqCst) % 2 {
            0 => Reply::status(500),
            _ => Reply::ok("fine"),
        };
        reply.delay(Duration::from_millis(2))
    })
    .unwrap();
    let list: Vec<_> = (0..30).map(|n| server.url(&format!("/{n}"))).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.per_host = 3;
    config.host_rate = Some(Rate::per_second(100));
    config.retries = 20;
    let summary = run(config).unwrap();
    assert_eq!(summary.ok, 30);
    assert!(server.exchanges().peak <= 3);
    let times: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.at())
        .collect();
    // 100 a second, one at once, and one more for a late wake-up.
    let took = times[times.len() - 1] - times[0];
    let least = Duration::from_millis(10) * (times.len() as u32 - 3);
    assert!(took >= least, "{} requests in {took:?}", times.len());
}

#[test]
fn f3j_rates_survive_restarts() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let list: Vec<_> = (0..12).map(|n| server.url(&format!("/{n}"))).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.commit_interval = Duration::from_millis(100);
    config.host_rate = Some(Rate::per_second(10).burst(3));
    config.rate = Some(Rate::per_second(50).burst(5));
    let mut runs = 0;
    loop {
        let before = server.requests().len();
        let reached = |_: &brigade_jobs::Progress| server.requests().len() > before;
        let summary = run_until(config.clone(), reached).unwrap();
        runs += 1;
        if summary.state == State::Done {
            break;
        }
    }
    assert!(runs > 2, "{runs}");
    let times: Vec<_> = server.requests().iter().map(|r| r.at()).collect();
    // Three at once, ten a second, and one more for a late wake-up.
    let least = Duration::from_millis(100) * (times.len() as u32 - 4);
    let took = times[times.len() - 1] - times[0];
    assert!(took >= least, "{} requests in {took:?}", times.len());
}

#[test]
fn f3j_runs_that_send_nothing_do_not_put_off_what_may_be_sent() {
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let list: Vec<_> = (0..2).map(|n| server.url(&format!("/{n}"))).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.host_rate = Rate::new(1, Duration::from_secs(1));
    run_until(config.clone(), |progress| progress.ok == 1).unwrap();
    // Each is stopped long before a second is over.
    let short = || {
        let end = brigade::clock::now() + Duration::from_millis(200);
        run_until(config.clone(), move |_| brigade::clock::now() >= end).unwrap()
    };
    let done = (0..20).any(|_| short().state == State::Done);
    assert!(done, "{} requests", server.requests().len());
    let times: Vec<_> = server.requests().iter().map(|r| r.at()).collect();
    assert!(times[1] - times[0] >= Duration::from_millis(990));
}

#[test]
fn f3j_a_request_that_has_no_answer_yet_is_committed_as_sent() {
    let server = Server::start_thread(|_| Reply::hang()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls([server.url("/")]), directory.path());
    config.commit_interval = Duration::from_millis(10);
    let path = directory.path().join("ledger.db");
    let committed = |_: &brigade_jobs::Progress| {
        let Ok(ledger) = rusqlite::Connection::open(&path) else {
            return false;
        };
        let sent = "SELECT requests FROM job WHERE updated_at > created_at";
        ledger.query_row(sent, [], |row| row.get::<_, i64>(0)) == Ok(1)
    };
    let summary = run_until(config, committed).unwrap();
    assert_eq!((summary.requests, summary.pending), (1, 1));
}

#[test]
fn f3b_a_clock_that_was_set_back_does_not_lengthen_a_pause() {
    let server = Server::start_thread(|request| match request.path() {
        "/first" => Reply::status(503).header("retry-after", "2"),
        _ => Reply::ok("fine"),
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = urls([server.url("/first"), server.url("/second")]);
    let mut config = config(list, directory.path());
    config.per_host = 1;
    config.retries = 0;
    run_until(config.clone(), |progress| progress.failed == 1).unwrap();
    // As if the clock had been a day ahead while the first run wrote this.
    let ledger = rusqlite::Connection::open(directory.path().join("ledger.db")).unwrap();
    let ahead = "UPDATE host SET paused_until = paused_until + 86400000;
         UPDATE job SET updated_at = updated_at + 86400000;";
    ledger.execute_batch(ahead).unwrap();
    drop(ledger);
    let summary = run(config).unwrap();
    assert_eq!((summary.state, summary.ok), (State::Done, 1));
}

#[test]
fn f3a_a_pause_without_end_is_shown_and_can_be_stopped() {
    let server =
        Server::start_thread(|_| Reply::status(429).header("retry-after", u64::MAX.to_string()))
            .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls([server.url("/")]), directory.path());
    config.max_pause = None;
    let year = Duration::from_secs(365 * 86400);
    for _ in 0..2 {
        let shown = |now: &brigade_jobs::Progress| now.paused_for > Some(year);
        let summary = run_until(config.clone(), shown).unwrap();
        assert_eq!((summary.state, summary.pending), (State::Interrupted, 1));
    }
    assert_eq!(server.requests().len(), 1);
}
