//! What a host may expect of a job whatever happens to it: its pauses and its rates hold at the
//! last moment before a request leaves, and over kills.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use brigade_core::time::Moment;
use brigade_http::proxy::Proxy;
use brigade_jobs::{Backoff, Config, Format, Input, Rate};
use brigade_testkit::server::{Port, Reply, Server};

use crate::support::{Output, ask, config, run, run_until, urls};

const CHILD: &str = "BRIGADE_JOBS_RATED_CHILD";
const RATED: &str = "polite::f3n_a_job_that_is_killed_again_and_again_does_not_exceed_its_rate";

const RATE: u32 = 20;
const BURST: u32 = 10;

fn rated(directory: &Path) -> Config {
    let input = Input::File(directory.join("list"));
    let mut config = config(input, &directory.join("out"));
    config.host_rate = Some(Rate::per_second(RATE).burst(BURST));
    config
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", RATED, "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Whether `reached` holds before the time is over.
fn within(limit: Duration, reached: impl Fn() -> bool) -> bool {
    let end = brigade::clock::now() + limit;
    while brigade::clock::now() < end {
        if reached() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn f3n_a_job_that_is_killed_again_and_again_does_not_exceed_its_rate() {
    if let Some(directory) = std::env::var_os(CHILD) {
        run(rated(Path::new(&directory))).unwrap();
        return;
    }
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let lines: Vec<_> = (0..1000).map(|n| server.url(&format!("/{n}"))).collect();
    std::fs::write(directory.path().join("list"), lines.join("\n")).unwrap();
    let begun = brigade::clock::now();
    for _ in 0..8 {
        let before = server.requests().len();
        let mut child = start(directory.path());
        // As long as a run needs for what its rate allows, or as soon as it has sent a burst.
        let burst = within(Duration::from_millis(400), || {
            server.requests().len() >= before + BURST as usize - 2
        });
        // The first run may need longer to begin at all.
        let any = || server.requests().len() > before;
        assert!(burst || within(Duration::from_secs(20), any), "it goes on");
        child.kill().unwrap();
        child.wait().unwrap();
        // As if it had been killed before it came to any commit.
        let ledger = rusqlite::Connection::open(directory.path().join("out/ledger.db")).unwrap();
        let before = "UPDATE job SET updated_at = updated_at - 60000, sent_at = sent_at - 60000;";
        ledger.execute_batch(before).unwrap();
    }
    let took = brigade::clock::now().since(begun);
    let most = f64::from(BURST) + f64::from(RATE) * took.as_secs_f64() + 1.0;
    let sent = server.requests().len();
    assert!(sent as f64 <= most, "{sent} requests in {took:?}");
    assert!(sent > BURST as usize, "{sent} requests in {took:?}");
}

/// A proxy that opens the way for the first connection at once, and for each other one when it is
/// told to. It answers for the server behind it: the first requests with 429, all others with 200.
/// Tells when each request came, beginning with the first answer.
struct Gatekeeper {
    port: u16,
    open: Arc<AtomicBool>,
    came: Arc<Mutex<Vec<Moment>>>,
}

impl Gatekeeper {
    /// One for so many connections, which refuses so many requests.
    fn start(most: usize, refused: usize, refusal: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, came) = (
            Arc::<AtomicBool>::default(),
            Arc::<Mutex<Vec<_>>>::default(),
        );
        let keeper = Self {
            port,
            open: open.clone(),
            came: came.clone(),
        };
        let serve = move || {
            for (number, socket) in listener.incoming().take(most).enumerate() {
                let (mut socket, open, came) = (socket.unwrap(), open.clone(), came.clone());
                beside(move || {
                    let mut greeting = [0; 3];
                    socket.read_exact(&mut greeting).unwrap();
                    // The others are on their way before the first one is answered.
                    let reached = || number == 0 || open.load(SeqCst);
                    assert!(within(Duration::from_secs(30), reached));
                    socket.write_all(&[5, 0]).unwrap();
                    let mut asked = [0; 10];
                    socket.read_exact(&mut asked).unwrap();
                    let opened = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
                    socket.write_all(&opened).unwrap();
                    while head(&mut socket) {
                        let count = {
                            let mut came = came.lock().unwrap();
                            came.push(brigade::clock::now());
                            came.len()
                        };
                        let answer = match count {
                            count if count <= refused => refusal,
                            _ => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine",
                        };
                        socket.write_all(answer.as_bytes()).unwrap();
                    }
                });
            }
        };
        beside(serve);
        keeper
    }
}

/// Runs `work` on a thread that ends when its sockets do.
fn beside(work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().spawn(work).unwrap();
}

/// Reads the head of a request; false if the connection has ended.
fn head(socket: &mut TcpStream) -> bool {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        match socket.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            _ => return false,
        }
    }
    true
}

#[test]
fn f3m_a_request_that_waited_for_its_connection_does_not_leave_during_a_pause() {
    let refusal = "HTTP/1.1 429 No\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n";
    let keeper = Gatekeeper::start(4, 1, refusal);
    let list = (0..8).map(|n| format!("http://192.0.2.1/{n}"));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.per_host = 4;
    let proxy = format!("socks5://127.0.0.1:{}", keeper.port);
    config.proxies = Some(vec![Proxy::all(proxy.as_str()).unwrap()]);
    config.commit_interval = Duration::from_millis(10);
    let open = keeper.open.clone();
    let all = move |progress: &brigade_jobs::Progress| {
        open.fetch_or(progress.paused_hosts == 1, SeqCst);
        progress.ok == 8
    };
    let summary = run_until(config, all).unwrap();
    assert_eq!((summary.ok, summary.failed), (8, 0));
    // What was held back was not sent, so it is no request, no retry and no attempt.
    assert_eq!((summary.requests, summary.retries), (9, 1));
    let came = keeper.came.lock().unwrap();
    assert_eq!(came.len(), 9);
    let early: Vec<_> = came[1..]
        .iter()
        .map(|at| at.since(came[0]))
        .filter(|after| *after < Duration::from_secs(2))
        .collect();
    assert!(early.is_empty(), "{early:?} after the refusal");
    let output = Output::read(directory.path());
    let attempts = output
        .results
        .values()
        .map(|line| line["attempts"].as_u64());
    assert_eq!(attempts.map(Option::unwrap).sum::<u64>(), 9);
}

#[test]
fn f3m_a_refusal_counts_by_when_its_request_left_and_not_by_when_it_had_its_turn() {
    let refusal = "HTTP/1.1 429 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let keeper = Gatekeeper::start(2, 2, refusal);
    let list = (0..2).map(|n| format!("http://192.0.2.1/{n}"));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.retries = 0;
    let proxy = format!("socks5://127.0.0.1:{}", keeper.port);
    config.proxies = Some(vec![Proxy::all(proxy.as_str()).unwrap()]);
    let longest = config.host_rule.backoff.cap;
    // Both have their turn at once; the second is let out when the pause for the first is over.
    let (open, came) = (keeper.open.clone(), keeper.came.clone());
    let all = move |progress: &brigade_jobs::Progress| {
        let first = came.lock().unwrap().first().copied();
        let is_over = first.is_some_and(|at| brigade::clock::now().since(at) > longest * 5);
        open.fetch_or(is_over && progress.failed == 1, SeqCst);
        false
    };
    assert_eq!(run_until(config, all).unwrap().failed, 2);
    let strikes: i64 = ask(directory.path(), "SELECT strikes FROM host");
    assert_eq!(strikes, 2, "the second refusal is news");
}

#[test]
fn f3m_a_pause_begins_with_the_head_of_the_refusal() {
    let seen = AtomicUsize::new(0);
    let server = Server::start_thread(move |_| match seen.fetch_add(1, SeqCst) {
        // Its body takes longer than its pause.
        0 => Reply::status(429)
            .header("retry-after", "1")
            .body("x".repeat(4000))
            .slow(1, Duration::from_millis(50)),
        _ => Reply::ok("fine").delay(Duration::from_millis(5)),
    })
    .unwrap();
    let list: Vec<_> = (0..400).map(|n| server.url(&format!("/{n}"))).collect();
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.per_host = 2;
    assert_eq!(run(config).unwrap().ok, 400);
    let requests = server.requests();
    let refused = requests[0].at();
    let during = |request: &&brigade_testkit::server::Request| {
        let after = request.at().saturating_sub(refused);
        after > Duration::from_millis(100) && after < Duration::from_millis(990)
    };
    assert_eq!(requests.iter().filter(during).count(), 0);
}

#[test]
fn f3o_a_body_without_end_that_nobody_wants_holds_nobody_up() {
    let other = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let target = other.url("/");
    for format in [Format::Jsonl, Format::Warc] {
        let target = target.clone();
        let server = Server::start_thread(move |request| {
            let reply = match request.path() {
                "/moved" => Reply::redirect(301, target.clone()),
                _ => Reply::status(404),
            };
            match request.query("as") {
                // A byte now and then, and more than anybody could want.
                Some("slow") => reply
                    .body("x".repeat(4000))
                    .slow(1, Duration::from_millis(50)),
                _ => reply.endless(),
            }
        })
        .unwrap();
        let paths = [
            "/moved?as=slow",
            "/moved?as=endless",
            "/?as=slow",
            "/?as=endless",
        ];
        let list: Vec<_> = (0..12).map(|n| server.url(paths[n % 4])).collect();
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(urls(list), directory.path());
        config.per_host = 2;
        config.format = format;
        config.timeouts.total = None;
        let begun = brigade::clock::now();
        let summary = run(config).unwrap();
        assert_eq!((summary.ok, summary.failed), (6, 6), "{format:?}");
        // Each would take 200 s to its end; two at a time, a half each.
        let took = brigade::clock::now().since(begun);
        assert!(took < Duration::from_secs(20), "{took:?}");
        assert!(server.exchanges().peak <= 2);
        if format == Format::Warc {
            let part = std::fs::read(directory.path().join("part-00000.warc")).unwrap();
            let part = String::from_utf8_lossy(&part);
            let cut = |why| {
                part.matches(&format!("\r\nWARC-Truncated: {why}\r\n"))
                    .count()
            };
            assert_eq!((cut("time"), cut("length")), (3, 3));
        }
    }
}

#[test]
fn f3o_a_body_beyond_the_limit_of_the_job_is_cut_for_its_length() {
    let other = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let target = other.url("/");
    let server = Server::start_thread(move |request| {
        let reply = Reply::redirect(301, target.clone());
        match request.path() {
            "/endless" => reply.endless(),
            _ => reply.body("x".repeat(4000)),
        }
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = urls([server.url("/endless"), server.url("/announced")]);
    let mut config = config(list, directory.path());
    config.format = Format::Warc;
    config.max_body = 100;
    let summary = run(config).unwrap();
    assert_eq!((summary.ok, summary.failed), (2, 0));
    let part = std::fs::read(directory.path().join("part-00000.warc")).unwrap();
    let part = String::from_utf8_lossy(&part);
    let cut = |why| {
        part.matches(&format!("\r\nWARC-Truncated: {why}\r\n"))
            .count()
    };
    assert_eq!((cut("length"), cut("disconnect")), (2, 0));
}

#[test]
fn f3m_what_finds_no_connection_was_to_be_sent() {
    let nobody = Port::refusing().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = (0..5).map(|n| nobody.url(&format!("/{n}")));
    let mut config = config(urls(list), directory.path());
    config.retries = 1;
    let summary = run(config).unwrap();
    assert_eq!(
        (summary.failed, summary.requests, summary.retries),
        (5, 10, 5)
    );
}

#[test]
fn f3p_what_a_host_asked_for_is_committed_at_once() {
    let server = Server::start_thread(|request| match request.path() {
        "/refused" => Reply::status(429).header("retry-after", "60"),
        _ => Reply::hang(),
    })
    .unwrap();
    let other = Server::start_thread(|_| Reply::hang()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let list = urls([other.url("/"), server.url("/refused")]);
    let mut config = config(list, directory.path());
    config.commit_interval = Duration::from_secs(3600);
    let path = directory.path().join("ledger.db");
    let committed = |_: &brigade_jobs::Progress| {
        let Ok(ledger) = rusqlite::Connection::open(&path) else {
            return false;
        };
        let hosts = "SELECT count(*) FROM host WHERE paused_until > unixepoch() * 1000";
        ledger.query_row(hosts, [], |row| row.get::<_, i64>(0)) == Ok(1)
    };
    let summary = run_until(config, committed).unwrap();
    assert_eq!(summary.pending, 2);
}

#[test]
fn f2e_a_host_where_nobody_listens_holds_up_no_other_for_its_backoff() {
    let nobody = Port::refusing().unwrap();
    let server = Server::start_thread(|_| Reply::ok("fine")).unwrap();
    let mut list: Vec<_> = (0..3000).map(|n| nobody.url(&format!("/{n}"))).collect();
    list.extend((0..100).map(|n| server.url(&format!("/{n}"))));
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(urls(list), directory.path());
    config.window = 512;
    config.backoff = Backoff {
        base: Duration::from_secs(3600),
        cap: Duration::from_secs(3600),
        ..Backoff::default()
    };
    let summary = run_until(config, |progress| progress.ok == 100).unwrap();
    let ended = (summary.ok, summary.failed, summary.pending);
    assert_eq!(ended, (100, 0, 3000));
    Output::read(directory.path()).assert_complete(3000..3100);
}
