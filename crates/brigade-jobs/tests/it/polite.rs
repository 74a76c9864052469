//! What a host may expect of a job whatever happens to it: its pauses and its rates hold at the
//! last moment before a request leaves, and over kills.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use brigade_jobs::{Config, Input, Rate};
use brigade_testkit::server::{Reply, Server};

use crate::support::{config, run};

const CHILD: &str = "BRIGADE_JOBS_RATED_CHILD";
const RATED: &str = "polite::f3n_a_job_that_is_killed_again_and_again_does_not_exceed_its_rate";

const RATE: u32 = 20;
const BURST: u32 = 10;

/// A job that is killed before it comes to a commit.
fn rated(directory: &Path) -> Config {
    let input = Input::File(directory.join("list"));
    let mut config = config(input, &directory.join("out"));
    config.host_rate = Some(Rate::per_second(RATE).burst(BURST));
    config.commit_interval = Duration::from_secs(3600);
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
    }
    let took = brigade::clock::now().since(begun);
    let most = f64::from(BURST) + f64::from(RATE) * took.as_secs_f64() + 1.0;
    let sent = server.requests().len();
    assert!(sent as f64 <= most, "{sent} requests in {took:?}");
    assert!(sent > BURST as usize, "{sent} requests in {took:?}");
}
