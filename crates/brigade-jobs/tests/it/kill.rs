//! The law of the house, with `kill -9`: nothing missing, nothing doubled, nothing torn.

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use brigade_jobs::Input;
use brigade_testkit::server::{Reply, Server};

use crate::support::{Output, config, run};

const LINES: u64 = 3000;
const KILLS: usize = 10;
const TEST: &str = "kill::f1b_killed_at_random_moments_nothing_is_missing_doubled_or_torn";
const CHILD: &str = "BRIGADE_JOBS_KILLED_CHILD";

/// The job that is killed: the test below, which finds in its environment that it is the child.
fn child(directory: &Path) {
    let input = Input::File(directory.join("list"));
    let mut config = config(input, &directory.join("out"));
    config.commit_every = 40;
    config.commit_interval = Duration::from_millis(30);
    config.part_max = 50_000;
    run(config).unwrap();
}

fn start(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for the child, killing it after `limit`.
fn wait(mut child: Child, limit: Duration) -> Option<ExitStatus> {
    let end = brigade::clock::now() + limit;
    while brigade::clock::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn f1b_killed_at_random_moments_nothing_is_missing_doubled_or_torn() {
    if let Some(directory) = std::env::var_os(CHILD) {
        return child(Path::new(&directory));
    }
    let server = Server::start_thread(|request| {
        let number: u64 = request.path()[1..].parse().unwrap_or(0);
        let reply = match number % 100 {
            7 => Reply::status(404),
            8 => Reply::ok("x".repeat(40_000)),
            _ => Reply::ok(format!("body {number} ").repeat(20)),
        };
        reply.delay(Duration::from_millis(number % 5))
    })
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut lines: Vec<_> = (0..LINES).map(|n| server.url(&format!("/{n}"))).collect();
    lines[10] = "no url".into();
    lines[20] = String::new();
    std::fs::write(directory.path().join("list"), lines.join("\n")).unwrap();

    let mut kills = 0;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut runs = 0;
    loop {
        runs += 1;
        assert!(runs < 60, "it does not get on");
        let limit = if kills < KILLS {
            Duration::from_millis(random.u64(30..300))
        } else {
            Duration::from_secs(60)
        };
        match wait(start(directory.path()), limit) {
            Some(status) => {
                assert!(status.success(), "seed {seed}: {status}");
                break;
            }
            None => kills += 1,
        }
    }
    let output = Output::read(&directory.path().join("out"));
    output.assert_complete((0..LINES).filter(|n| *n != 20));
    for (index, line) in &output.results {
        let expected = match index % 100 {
            8 => "x".repeat(40_000),
            _ => format!("body {index} ").repeat(20),
        };
        assert_eq!(line["body"], expected, "seed {seed}: line {index}");
    }
    assert_eq!(output.failures.len() as u64, LINES / 100 + 1);
    let extra = server.exchanges().total as u64 - (LINES - 2);
    println!("seed {seed}: {kills} kills cost {extra} extra requests");
    assert!(kills >= 5, "seed {seed}: only {kills} kills");
}
