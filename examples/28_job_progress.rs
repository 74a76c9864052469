//! A job that tells how it goes in its own words: a line now and then, and an account at the end.
//!
//! Replaces: a counter under a lock that every worker adds to, and a bar that is drawn from them.
//! The traps that are gone: the counts are of this run alone and wrong after a restart, a failure
//! is counted and not kept, and the program waits for its bar.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use brigade::cancel;
use brigade_jobs::{Compression, Config, Input, Job, Progress};
use brigade_testkit::server::{Reply, Server};

fn main() -> ExitCode {
    brigade::run(collect())
}

async fn collect() -> Result<(), Box<dyn Error + Send + Sync>> {
    let server = Server::start(|request| match request.path() {
        "/7" | "/77" => Reply::status(410),
        path => Reply::ok(format!("{{\"page\": \"{path}\"}}")).delay(Duration::from_millis(2)),
    })
    .await?;
    let directory = tempfile::tempdir()?;
    let list = (0..400).map(|n| server.url(&format!("/{n}"))).collect();

    let mut config = Config::new(Input::Urls(list), directory.path());
    config.headers = vec![(
        "user-agent".into(),
        "survey/1.0 (+https://example.org)".into(),
    )];
    config.json_bodies = true;
    config.compression = Compression::Zstd;

    let job = Job::open(config)?;
    let progress = job.progress();
    let mut run = std::pin::pin!(cancel::shield(job.run(cancel::current())));
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    // The job does not wait for whoever watches it, and the watcher is gone when the job is.
    let summary = loop {
        tokio::select! {
            summary = &mut run => break summary?,
            _ = tick.tick() => println!("{}", line(&progress.snapshot())),
        }
    };
    for (kind, count) in &summary.by_kind {
        println!("{count} failed as {kind}; failures.jsonl has their URLs");
    }
    let (ok, half) = (summary.ok, summary.latency_ms.p50);
    println!("{ok} results, half of them within {half:.0} ms");
    assert_eq!((summary.ok, summary.by_kind["http_status"]), (398, 2));
    assert_eq!(progress.snapshot().ok, summary.ok);
    Ok(())
}

fn line(now: &Progress) -> String {
    let (settled, flying) = (now.ok + now.failed, now.in_flight);
    format!("{settled} of {} so far, {flying} on their way", now.input)
}
