//! A fetch job as a library: a list of URLs becomes lines of JSON, and a stopped job continues.
//!
//! The server here is part of the example. It has 300 pages, one of them missing, and asks once for
//! patience. The job is stopped on its way, as Ctrl-C would, and opened again; in the end every
//! line of the list is a result or a failure, and none is there twice.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade::cancel::{self, Token};
use brigade_jobs::{Config, Input, Job, State};
use brigade_testkit::server::{Reply, Server};

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    brigade::run(collect())
}

async fn collect() -> Result<(), Failure> {
    let asked = AtomicBool::new(false);
    let server = Server::start(move |request| match request.path() {
        "/13" => Reply::status(404),
        "/100" if !asked.swap(true, Ordering::Relaxed) => {
            Reply::status(429).header("retry-after", "1")
        }
        path => Reply::ok(format!("page {path}")).delay(Duration::from_millis(5)),
    })
    .await?;
    let directory = tempfile::tempdir()?;
    let list = directory.path().join("urls.txt");
    let urls: Vec<_> = (0..300).map(|n| server.url(&format!("/{n}"))).collect();
    fs::write(&list, urls.join("\n"))?;
    let out = directory.path().join("out");

    let mut config = Config::new(Input::File(list), &out);
    config.concurrency = 16;
    config.per_host = 4;

    // The first run is stopped half-way. What is in flight then stays pending.
    let job = Job::open(config.clone())?;
    let (progress, stop) = (job.progress(), Token::new());
    let enough = stop.clone();
    let watch = async {
        while progress.snapshot().ok < 150 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        enough.cancel();
    };
    let (summary, ()) = tokio::join!(job.run(stop), watch);
    let summary = summary?;
    println!("stopped: {} done, {} pending", summary.ok, summary.pending);
    assert_eq!(summary.state, State::Interrupted);

    // The second one goes on. A real program passes `cancel::current()`, so that Ctrl-C stops the
    // job, and shields it, so that it can commit before the program ends.
    let job = Job::open(config)?;
    let summary = cancel::shield(job.run(cancel::current())).await?;
    println!(
        "{:?}: {} results, {} failures, {} requests in {} runs",
        summary.state, summary.ok, summary.failed, summary.requests, summary.runs
    );
    assert_eq!(summary.state, State::Done);
    assert_eq!((summary.ok, summary.failed), (299, 1));
    check(&out)
}

/// Every line of the list is in the output once.
fn check(out: &Path) -> Result<(), Failure> {
    let results = fs::read_to_string(out.join("part-00000.jsonl"))?;
    let failures = fs::read_to_string(out.join("failures.jsonl"))?;
    print!("the failure: {failures}");
    let mut seen = BTreeSet::new();
    for line in results.lines().chain(failures.lines()) {
        let index = line.trim_start_matches("{\"index\":");
        let index = index.split(',').next().unwrap_or_default();
        assert!(
            seen.insert(index.parse::<u64>()?),
            "line {index} is doubled"
        );
    }
    assert!(seen.into_iter().eq(0..300));
    Ok(())
}
